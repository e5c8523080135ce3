"""Shift registers: what travels beside the pipeline."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value


def delayed(m: Module, value, cycles: int, name: str, *, flag: bool = True) -> Value:
    """Return ``value`` as it was ``cycles`` cycles ago.

    A ``flag`` is false after reset until then; what only has a meaning beside a flag needs no reset.
    """
    value = Value.cast(value)
    if cycles == 0:
        return value
    width = len(value)
    stages = Signal(width * cycles, name=name, reset_less=not flag)
    m.d.sync += stages.eq(Cat(value, stages[: width * (cycles - 1)]))
    last = stages[width * (cycles - 1) :]
    return Value.cast(last.as_signed() if value.shape().signed else last)


def cyclic(m: Module, length: int, advance, name: str) -> Signal:
    """Return a counter through ``range(length)`` that a cycle with ``advance`` moves on by one."""
    count = Signal(range(length), name=name)
    with m.If(advance):
        m.d.sync += count.eq(Mux(count == length - 1, 0, count + 1))
    return count
