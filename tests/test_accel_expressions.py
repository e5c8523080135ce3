"""Constraints: what is accepted means what it says, everything else is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.errors import InputError
from accel.expressions import parse

NUMBERS = st.integers(1, 50)


@pytest.mark.parametrize(
    "text",
    [
        "tm * tn <= 480",
        "a + b - 3 * a // b",
        "min(a, b) < max(a, b, 3)",
        "a % b == 0 or not a > b",
        "1 < a <= b and a != 7",
        "-a + abs(b - 20) >= ceil(a / b) - floor(b / a)",
    ],
)
@given(a=NUMBERS, b=NUMBERS)
def test_numbers_and_arrays_give_what_python_gives(text, a, b):
    import math

    values = {"a": a, "b": b, "tm": a, "tn": b}
    expected = eval(text, {"ceil": math.ceil, "floor": math.floor}, values)
    expression = parse(text)
    assert expression(values) == expected
    arrays = {name: np.array([value, value]) for name, value in values.items()}
    assert np.array_equal(np.broadcast_to(expression(arrays), (2,)), [expected, expected])
    assert expression.names <= set(values)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a.b",
        "a[0]",
        "(lambda: a)()",
        "[a for a in b]",
        "a ** b",
        "'text'",
        "a if b else a",
        "f'{a}'",
        "a := 3",
        "open(a)",
        "min(a)",
        "a in b",
        "a <",
        "",
        "1" * 2000,
        "(" * 300 + "a" + ")" * 300,
        "-" * 300 + "a",
    ],
)
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(InputError) as refused:
        parse(text)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_is_named():
    with pytest.raises(InputError, match="names 'tmm'; did you mean 'tm'"):
        parse("tmm <= 3", ["tm", "tn"])
