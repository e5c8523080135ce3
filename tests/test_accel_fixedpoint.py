"""Rounding, saturation, requantisation: equal on every kind of number they run on."""

from fractions import Fraction

import numba
import numpy as np
import pytest
from amaranth.hdl import Const, Elaboratable, Module, Signal, signed
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.errors import ModelError
from accel.fixedpoint import MAX_SHIFT, FixedPoint, Quantization, Requantize, round_half_even, saturate, signed_bits

RUNS = settings(max_examples=300, deadline=None, derandomize=True)
products = st.integers(-(2**61), 2**61)
shifts = st.integers(0, MAX_SHIFT - 2)

compiled = numba.njit(round_half_even)


@RUNS
@given(products, shifts)
def test_rounding_is_half_to_even_on_every_kind_of_number(product, shift):
    want = round(Fraction(product, 2**shift))  # of a Fraction: half to even
    assert round_half_even(product, shift) == want
    assert round_half_even(np.array([product]), shift).tolist() == [want]
    assert compiled(np.int64(product), np.int64(shift)) == want


@RUNS
@given(st.integers(-300, 300), st.integers(0, 8))
def test_rounding_ties(odd, shift):
    tie = (2 * odd + 1) << shift
    assert round_half_even(tie, shift + 1) % 2 == 0
    assert abs(round_half_even(tie, shift + 1) * 2 - (2 * odd + 1)) == 1


class Rounder(Elaboratable):
    """Rounds a signal by a fixed shift."""

    def __init__(self, width: int, shift: int):
        self.shift = shift
        self.product = Signal(signed(width))
        self.result = Signal(signed(width + 1))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.result.eq(round_half_even(self.product, self.shift))
        return m


@pytest.mark.parametrize("shift", [0, 1, 2, 7])
def test_rounding_in_gateware_equals_python(shift):
    width = 10
    dut = Rounder(width, shift)
    got = {}

    async def bench(ctx):
        for product in range(-(2 ** (width - 1)), 2 ** (width - 1)):
            ctx.set(dut.product, product)
            got[product] = ctx.get(dut.result)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(got) == 2**width
    assert all(y == round_half_even(x, shift) for x, y in got.items())


def test_rounding_of_a_gateware_constant():
    value = round_half_even(Const(-6, signed(6)), 2)
    assert value.shape().signed
    m = Module()
    result = Signal(signed(8))
    m.d.comb += result.eq(value)
    seen = []

    async def bench(ctx):
        seen.append(ctx.get(result))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [-2]  # -1.5, half to even


@RUNS
@given(st.integers(-1000, 1000), st.integers(-200, 200), st.integers(0, 300))
def test_saturation(value, low, span):
    (got,) = saturate(np.array([value]), low, low + span).tolist()
    assert got == sorted([low, value, low + span])[1]


@RUNS
@given(st.integers(-(2**40), 2**40), st.integers(0, 2**40))
def test_signed_bits_is_the_narrowest_register(low, span):
    bits = signed_bits(low, low + span)

    def holds(n):
        return -(2 ** (n - 1)) <= low and low + span <= 2 ** (n - 1) - 1

    assert holds(bits)
    assert bits == 1 or not holds(bits - 1)


scales = st.floats(2.0**-30, 2.0**20)
small_scales = st.floats(2.0**-30, 1.0)


@RUNS
@given(st.lists(small_scales, min_size=1, max_size=4), st.integers(2, 24))
def test_the_largest_multiplier_has_just_the_significand_bits(values, bits):
    requantize = Requantize(np.array(values), 0, -128, 127, bits)
    largest = int(requantize.multipliers.max())
    assert 2 ** (bits - 1) <= largest < 2**bits
    for value, multiplier in zip(values, requantize.multipliers.tolist(), strict=True):
        assert abs(Fraction(multiplier) - Fraction(value) * 2**requantize.shift) <= Fraction(1, 2)


@RUNS
@given(st.floats(2.0**-30, 2.0**20, width=32))
def test_at_24_bits_the_multiplier_is_the_float32_scale(scale):
    requantize = Requantize(np.array([scale]), 0, -128, 127)
    assert Fraction(int(requantize.multipliers[0]), 2**requantize.shift) == Fraction(scale)


@RUNS
@given(st.integers(-(2**30), 2**30), st.lists(scales, min_size=1, max_size=3), st.integers(-128, 127))
def test_requantisation_is_one_rounding_of_the_exact_product(acc, values, zero_point):
    requantize = Requantize(np.array(values), zero_point, -100, 90)
    got = requantize(np.full((2, len(values), 3), acc), axis=1)
    for i, multiplier in enumerate(requantize.multipliers.tolist()):
        real = Fraction(acc * multiplier, 2**requantize.shift)
        assert set(got[:, i].flat) == {sorted([-100, round(real) + zero_point, 90])[1]}


@RUNS
@given(st.integers(-(2**30), 2**30), st.integers(0, 2**20), st.lists(scales, min_size=1, max_size=3))
def test_product_bits_hold_every_product_and_its_rounding(low, span, values):
    requantize = Requantize(np.array(values), 0, -128, 127)
    bits = requantize.product_bits(low, low + span)
    half = 2**requantize.shift // 2
    for acc in (low, low + span):
        for multiplier in requantize.multipliers.tolist():
            for value in (acc * multiplier, acc * multiplier + half):
                assert -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


@RUNS
@given(st.floats(-1e4, 1e4, width=32), st.sampled_from([0.5, 0.013, 2.0]), st.integers(-128, 127))
def test_quantize_is_float32_division_rounded_half_to_even(real, scale, zero_point):
    q = Quantization(scale, zero_point)
    quotient = Fraction(float(np.float32(real) / np.float32(scale)))
    assert int(q.quantize(np.float32([real]))[0]) == sorted([-128, round(quotient) + zero_point, 127])[1]


def test_quantize_saturates_what_overflows_float32():
    assert Quantization(2.0**-20).quantize(np.float32([3e38, -3e38])).tolist() == [127, -128]


@pytest.mark.parametrize(
    ("bits", "signed", "range_", "dtype"),
    [(8, True, (-128, 127), "int8"), (8, False, (0, 255), "uint8"), (4, True, (-8, 7), "int8"),
     (2, False, (0, 3), "uint8"), (16, True, (-32768, 32767), "int16"), (9, False, (0, 511), "uint16")],
)  # fmt: skip
def test_types(bits, signed, range_, dtype):
    q = Quantization(0.1, 1, bits, signed)
    assert (q.low, q.high) == range_
    assert q.dtype == dtype
    assert q.centered_range == (range_[0] - 1, range_[1] - 1)


WRONG = {
    "one bit": lambda: Quantization(0.1, bits=1),
    "17 bits": lambda: Quantization(0.1, bits=17),
    "zero scale": lambda: Quantization(0.0),
    "negative scale": lambda: Quantization(-0.1),
    "nan scale": lambda: Quantization(float("nan")),
    "zero point outside": lambda: Quantization(0.1, 128),
    "empty range": lambda: Quantization(0.1, low=5, high=4),
    "range outside": lambda: Quantization(0.1, low=-129),
    "no scales": lambda: Requantize(np.array([]), 0, -128, 127),
    "a matrix of scales": lambda: Requantize(np.ones((2, 2)), 0, -128, 127),
    "requantise by zero": lambda: Requantize(np.array([0.1, 0.0]), 0, -128, 127),
    "requantise by infinity": lambda: Requantize(np.array([np.inf]), 0, -128, 127),
    "scale too small": lambda: Requantize(np.array([2.0**-40]), 0, -128, 127),
    "scale too large": lambda: Requantize(np.array([2.0**24]), 0, -128, 127),
    "one significand bit": lambda: Requantize(np.array([0.1]), 0, -128, 127, 1),
    "25 significand bits": lambda: Requantize(np.array([0.1]), 0, -128, 127, 25),
    "scale too large for two bits": lambda: Requantize(np.array([4.0]), 0, -128, 127, 2),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_refused(what):
    with pytest.raises(ModelError) as refusal:
        WRONG[what]()
    assert "\n" not in str(refusal.value)


FORMATS = st.builds(FixedPoint, st.integers(2, 16), st.integers(-8, 24), st.booleans())


@RUNS
@given(FORMATS, st.integers(-(2**40), 2**40), st.integers(-8, 20))
def test_fixed_point_fits_a_number_with_one_rounding_and_saturation(form, value, more):
    fraction = form.fraction + more
    want = round(Fraction(value) / Fraction(2) ** more)
    assert form.fit(np.array([value]), fraction)[0] == min(form.high, max(form.low, want))


@RUNS
@given(FORMATS, st.floats(-1e6, 1e6))
def test_fixed_point_nearest_is_half_to_even(form, real):
    want = round(Fraction(real) * Fraction(2) ** form.fraction)
    assert form.nearest(np.array([real]))[0] == min(form.high, max(form.low, want))


@RUNS
@given(FORMATS)
def test_fixed_point_is_a_quantization_whose_scale_is_a_power_of_two(form):
    assert FixedPoint.of(form.quantization) == form
    assert form.quantization.type_range == (form.low, form.high)


@pytest.mark.parametrize("quantization", [Quantization(0.75), Quantization(0.5, 1)], ids=str)
def test_other_quantizations_are_no_fixed_point(quantization):
    with pytest.raises(ModelError, match="power of two as scale and no zero point"):
        FixedPoint.of(quantization)


@pytest.mark.parametrize(("bits", "fraction"), [(1, 0), (17, 0), (8, 25), (8, -9)])
def test_fixed_point_has_limits(bits, fraction):
    with pytest.raises(ModelError, match=r"fixed-point (bits|fraction) must be"):
        FixedPoint(bits, fraction)


@pytest.mark.parametrize(
    ("bits", "signed", "dtype"), [(2, False, "uint8"), (8, True, "int8"), (9, True, "int16"), (16, False, "uint16")]
)
def test_integers_are_held_in_the_narrowest_type(bits, signed, dtype):
    assert Quantization(1.0, 0, bits, signed).dtype == dtype
    assert Quantization(1.0, 0, 32).dtype == np.int32
    with pytest.raises(ModelError, match="2 to 16"):
        Quantization(1.0, 0, 24)
