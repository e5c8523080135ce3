"""Tables of activations: exact at their knots, and within a bound from calculus over the whole range."""

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from accel.curves import Curve
from accel.errors import ModelError
from accel.fixedpoint import FixedPoint
from accel.layers.recurrent import Activation

SOURCES = (FixedPoint(16, 12), FixedPoint(12, 8), FixedPoint(16, 11))
OUTPUTS = (FixedPoint(16, 15), FixedPoint(8, 7))
STEEPEST = {"Tanh": 1.0, "Sigmoid": 0.25}
"""Largest slope."""
MOST_CURVED = {"Tanh": 4 / (3 * math.sqrt(3)), "Sigmoid": 1 / (6 * math.sqrt(3))}
"""Largest second derivative."""


@pytest.mark.parametrize("name", STEEPEST)
@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("output", OUTPUTS, ids=str)
@pytest.mark.parametrize("index_bits", [6, 8, 10])
def test_max_error_is_within_the_bound_of_calculus(name, source, output, index_bits):
    segment = source.scale * 2 ** (source.bits - index_bits)
    saturation = output.scale  # 1 is one step beyond the highest integer
    linear = Curve(Activation(name), source, output, index_bits)
    assert linear.max_error <= MOST_CURVED[name] * segment**2 / 8 + saturation + output.scale / 2
    steps = Curve(Activation(name), source, output, index_bits, interpolate=False)
    assert steps.max_error <= STEEPEST[name] * segment / 2 + saturation + output.scale / 2
    assert linear.tail_error <= 2 * math.exp(-source.high * source.scale) + saturation


@pytest.mark.parametrize("interpolate", [False, True])
def test_every_entry_as_stated(interpolate):
    source, output = FixedPoint(8, 5), FixedPoint(8, 7)
    curve = Curve(np.tanh, source, output, 4, interpolate)

    def knot(q):
        return min(output.high, round(Fraction(math.tanh(q * source.scale)) * 128))

    for q in range(-128, 128):
        start = q // 16 * 16
        if interpolate:
            want = knot(start) + round(Fraction((knot(start + 16) - knot(start)) * (q - start), 16))
        else:
            want = knot(Fraction(start) + Fraction(15, 2))
        assert curve(np.array([q]))[0] == want


def test_max_error_is_the_largest_there_is():
    curve = Curve(np.tanh, FixedPoint(10, 7), FixedPoint(16, 15), 5)
    errors = [abs(curve(np.array([q]))[0] / 2**15 - math.tanh(q / 128)) for q in range(-512, 512)]
    assert curve.max_error == pytest.approx(max(errors), abs=1e-12)


DOCUMENTED = Path(__file__).parents[1] / "docs" / "recurrent.md"
COLUMNS = [(name, interpolate) for name in ("Tanh", "Sigmoid") for interpolate in (True, False)]
"""Of the table of largest errors there."""


@pytest.mark.parametrize("index_bits", range(6, 11))
def test_largest_errors_are_those_that_are_documented(index_bits):
    """Over every one of the 65,536 inputs."""
    (row,) = re.findall(rf"^\| {1 << index_bits:,} \|(( [\d.e-]+ \|){{4}})$", DOCUMENTED.read_text(), re.MULTILINE)
    documented = [cell.strip() for cell in row[0].split("|") if cell.strip()]
    curves = [Curve(Activation(name), SOURCES[0], OUTPUTS[0], index_bits, linear) for name, linear in COLUMNS]
    q = np.arange(-(1 << 15), 1 << 15)
    for curve, (name, _), error in zip(curves, COLUMNS, documented, strict=True):
        exact = np.tanh(q / 4096) if name == "Tanh" else 1 / (1 + np.exp(-q / 4096))
        assert f"{np.abs(curve(q) / 2**15 - exact).max():.1e}" == error


def test_a_table_as_long_as_its_input_is_exact():
    source = FixedPoint(8, 5)
    for interpolate in (False, True):
        curve = Curve(np.tanh, source, FixedPoint(16, 14), 8, interpolate)
        assert curve.max_error <= 2**-15
        assert not curve.rise.any()


@pytest.mark.parametrize("index_bits", [1, 9, 13])
def test_an_index_out_of_range_is_refused(index_bits):
    with pytest.raises(ModelError, match=f"must have 2 to 8 bits, not {index_bits}"):
        Curve(np.tanh, FixedPoint(8, 5), FixedPoint(8, 7), index_bits)


def test_an_unsigned_input_is_refused():
    with pytest.raises(ModelError, match="must be signed"):
        Curve(np.tanh, FixedPoint(8, 5, signed=False), FixedPoint(8, 7), 4)
