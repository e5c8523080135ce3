"""Fixed-point steps of a pipeline: alignment, rounding and saturation in registers, and interpolated tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib.memory import Memory

from accel.curves import Curve
from accel.fixedpoint import FixedPoint, align, round_half_even
from hdl.delay import delayed
from hdl.table import packed


def form_shape(form: FixedPoint) -> Shape:
    """Return the shape of a number in a format."""
    return Shape(form.bits, form.signed)


def clamped(m: Module, value: Value, low: int, high: int, shape: Shape, name: str) -> Signal:
    """Return ``value`` within ``[low, high]``, one cycle later."""
    result = Signal(shape, name=name, reset_less=True)
    m.d.sync += result.eq(Mux(value < low, low, Mux(value > high, high, value)))
    return result


def rounded(m: Module, value: Value, fraction: int, wanted: int, name: str) -> Signal:
    """Return ``value`` with ``wanted`` instead of ``fraction`` bits behind the point, half to even, one cycle later."""
    width = max(2, len(value) + 2 + wanted - fraction)
    result = Signal(signed(width), name=name, reset_less=True)
    m.d.sync += result.eq(align(value, fraction, wanted))
    return result


def fitted(m: Module, value: Value, fraction: int, form: FixedPoint, name: str) -> Signal:
    """Return ``value`` in a format, as `FixedPoint.fit` does: a cycle to round and a cycle to saturate."""
    whole = rounded(m, value, fraction, form.fraction, f"{name}_rounded")
    return clamped(m, whole, form.low, form.high, form_shape(form), name)


def total(m: Module, terms: Sequence[tuple[Value, int]], name: str) -> tuple[Signal, int]:
    """Return the exact sum of numbers with different bits behind the point, one cycle later, and its own bits."""
    fraction = max(f for _, f in terms)
    value = sum(align(term, f, fraction) for term, f in terms)
    result = Signal(Value.cast(value).shape(), name=name, reset_less=True)
    m.d.sync += result.eq(value)
    return result, fraction


def product(m: Module, a: Value, b: Value, name: str) -> Signal:
    """Return ``a * b`` from the register of a DSP block, one cycle later."""
    result = Signal((a * b).shape(), name=name, reset_less=True)
    m.d.sync += result.eq(a * b)
    return result


def curve_values(m: Module, curves: Sequence[Curve], select: Value | None, value: Value, name: str) -> Signal:
    """Return a tabulated function of ``value``, `accel.schedule.pipeline.CURVE` cycles later.

    Parameters
    ----------
    curves : sequence of Curve
        One, or two of the same input and size side by side in one memory.
    select : Value, optional
        Which of two.
    value : Value
        In the curves' input format.
    """
    first = curves[0]
    bases = np.concatenate([c.base for c in curves])
    base = Shape.cast(range(int(bases.min()), int(bases.max()) + 1))
    rises = np.concatenate([c.rise for c in curves])
    rise = Shape.cast(range(min(int(rises.min()), 0), max(int(rises.max()), 0) + 1)) if rises.any() else None
    widths = [base.width] + ([rise.width] if rise else [])
    words = [
        packed((b, r) if rise else (b,), widths) for c in curves for b, r in zip(c.base, c.rise, strict=True)
    ]  # fmt: skip
    m.submodules[f"{name}_table"] = memory = Memory(shape=sum(widths), depth=len(words), init=words)
    port = memory.read_port()
    segment = value[first.segment_bits :]
    m.d.comb += port.addr.eq(Cat(segment, select) if select is not None and len(curves) > 1 else segment)
    word = Signal(sum(widths), name=f"{name}_word", reset_less=True)
    m.d.sync += word.eq(port.data)
    shape = Shape.cast(range(min(c.output.low for c in curves), max(c.output.high for c in curves) + 1))
    result = Signal(shape, name=name, reset_less=True)
    start = Signal(base, name=f"{name}_base")
    m.d.comb += start.eq(word[: base.width])
    if rise is None:
        m.d.sync += result.eq(delayed(m, start, 1, f"{name}_base_delayed", flag=False))
        return result
    slope = Signal(rise, name=f"{name}_rise")
    m.d.comb += slope.eq(word[base.width :])
    within = delayed(m, value[: first.segment_bits], 2, f"{name}_within", flag=False)
    climb = product(m, slope, within, f"{name}_climb")
    m.d.sync += result.eq(
        delayed(m, start, 1, f"{name}_base_delayed", flag=False) + round_half_even(climb, first.segment_bits)
    )
    return result
