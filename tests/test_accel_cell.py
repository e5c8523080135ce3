"""The formats of a cell travel as JSON; what a hostile model writes there is refused in one line."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.cell import CellFormats
from accel.errors import AccelError, ModelError
from accel.fixedpoint import FixedPoint

FORMATS = CellFormats(
    preactivation=FixedPoint(16, 12),
    activations=(FixedPoint(8, 8, signed=False), FixedPoint(16, 15), FixedPoint(16, 15)),
    hidden=FixedPoint(8, 7),
    state=FixedPoint(16, 10),
    peephole=FixedPoint(16, 14),
    index_bits=9,
    interpolate=False,
)
GOOD = json.loads(FORMATS.to_json())


def test_formats_come_back():
    assert CellFormats.from_json(FORMATS.to_json()) == FORMATS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[1]", "must be a JSON object"),
        ("{}", "version 1, not 'None'"),
        (json.dumps(GOOD | {"version": 2}), "version 1, not '2'"),
        (json.dumps(GOOD | {"colour\n": 2}), r"no field 'colour\\n'"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "hidden"}), "'hidden': field required"),
        (json.dumps(GOOD | {"hidden": {"bits": 9, "fraction": 3}}), "8 or 16 bits, not 9"),
        (json.dumps(GOOD | {"hidden": {"bits": 8, "fraction": 3e9}}), "fraction must be -8 to 24"),
        (json.dumps(GOOD | {"hidden": {"bits": "many", "fraction": 3}}), "'hidden.bits'"),
        (json.dumps(GOOD | {"preactivation": {"bits": 8, "fraction": 3, "signed": False}}), "must be signed"),
        (json.dumps(GOOD | {"index_bits": 13}), "must have 2 to 12 bits, not 13"),
        (json.dumps(GOOD | {"activations": 3}), "'activations'"),
    ],
)
def test_what_is_no_cell_is_refused(text, message):
    with pytest.raises(ModelError, match=message) as error:
        CellFormats.from_json(text)
    assert "\n" not in str(error.value)


@settings(max_examples=200, derandomize=True)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda leaf: st.lists(leaf, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "bits"]), leaf, max_size=4),
    )
)
def test_any_json_is_read_or_refused(value):
    fields = GOOD | value if isinstance(value, dict) else value
    with contextlib.suppress(AccelError):
        assert isinstance(CellFormats.from_json(json.dumps(fields)), CellFormats)
