"""Shift registers: what travels beside the pipeline."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value


def delayed(m: Module, value, cycles: int, name: str):
    """Return ``value`` as it was ``cycles`` cycles ago; zeros after reset."""
    value = Value.cast(value)
    for stage in range(cycles):
        register = Signal(value.shape(), name=f"{name}_{stage + 1}")
        m.d.sync += register.eq(value)
        value = register
    return value


def cyclic(m: Module, length: int, advance, name: str) -> Signal:
    """Return a counter through ``range(length)`` that a cycle with ``advance`` moves on by one."""
    count = Signal(range(length), name=name)
    with m.If(advance):
        m.d.sync += count.eq(Mux(count == length - 1, 0, count + 1))
    return count
