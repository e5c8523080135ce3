"""Memories with a number of every unit, kept from one time step of a recurrent layer to the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from accel.fixedpoint import FixedPoint, Ints
from accel.schedule.recurrent import Recurrent
from hdl.delay import cyclic, delayed
from hdl.fixed import form_shape


class Written(NamedTuple):
    """A state of one unit after another, and the flag that says when it stands."""

    value: Value
    done: Value

    def or_loaded(self, loaded: Written | None) -> Written:
        """Return what is written, or ``loaded`` ahead of a tensor, which never comes in the same cycle."""
        if loaded is None:
            return self
        return Written(Mux(loaded.done, loaded.value, self.value), loaded.done | self.done)


def constants(m: Module, form: FixedPoint, values: Ints, address: Value, name: str):
    """Return the number of ``values`` at an address of a cycle ago; where they are all one, it needs no memory."""
    if np.all(values == values[0]):
        return int(values[0])
    m.submodules[name] = words = Memory(shape=form_shape(form), depth=len(values), init=values.tolist())
    read = words.read_port()
    m.d.comb += read.addr.eq(address)
    return read.data


def begins(m: Module, spec: Recurrent, ends: Value, name: str):
    """Return whether the time step at hand begins with the initial states; it is over with a cycle of ``ends``."""
    if spec.given:
        return Const(0)
    if not spec.keeps_state:
        return cyclic(m, spec.time_steps, ends, name) == 0
    begun = Signal(name=name)
    with m.If(ends):
        m.d.sync += begun.eq(1)
    return ~begun


class _PerUnit:
    """A memory that is written unit after unit."""

    def __init__(self, m: Module, form: FixedPoint, units: int, name: str, memory: str):
        m.submodules[memory] = words = Memory(shape=form.bits, depth=units, init=[])
        self._m, self._units, self._name = m, units, name
        self._write, self._read = words.write_port(), words.read_port()

    def write(self, written: Written) -> None:
        """Store the next unit's number whenever one stands."""
        self._m.d.comb += [
            self._write.en.eq(written.done),
            self._write.data.eq(written.value),
            self._write.addr.eq(cyclic(self._m, self._units, written.done, f"{self._name}_written")),
        ]


class UnitMemory(_PerUnit):
    """A number of every unit, kept from one time step to the next; a constant in the first.

    It is read all the time at the unit that `next` moves on from, and must not be used before the second cycle after.

    Parameters
    ----------
    m : Module
    spec : Recurrent
    form : FixedPoint
    initial : int64 array, shape (units,)
        What the first time step sees.
    next : Value
        The number at hand has been used.

    Attributes
    ----------
    value : Value
        The number of the unit at hand.
    """

    def __init__(self, m: Module, spec: Recurrent, form: FixedPoint, initial: Ints, next):
        units = spec.tiles * spec.fold.pe
        super().__init__(m, form, units, "unit", "unit_state")
        unit = cyclic(m, units, next, "unit_read")
        first = begins(m, spec, next & (unit == units - 1), "time_read")
        kept = Signal(form_shape(form), name="unit_kept")
        m.d.comb += [self._read.addr.eq(unit), kept.eq(self._read.data)]
        self.value = Signal(form_shape(form), name="unit_value")
        m.d.comb += self.value.eq(Mux(first, constants(m, form, initial, unit, "unit_initial"), kept))


class RowMemory(_PerUnit):
    """A number of every unit, read as a row of its unit passes, which may be in every cycle.

    Parameters
    ----------
    m : Module
    form : FixedPoint
    units : int
    unit : Value
        Whose number is wanted.
    wait : int
        Cycles from there until it is used; 2 at least.
    name : str
    initial : int64 array, shape (units,), optional
        What the memory does not hold in a first time step; zeros by default.

    Attributes
    ----------
    value : Value
        The number of the unit that ``unit`` was ``wait`` cycles ago.
    initial : Value or int
        Its initial number, at the same time.
    """

    def __init__(
        self, m: Module, form: FixedPoint, units: int, unit: Value, wait: int, name: str, initial: Ints | None = None
    ):
        super().__init__(m, form, units, name, name)
        kept = Signal(form_shape(form), name=f"{name}_read")
        m.d.comb += [self._read.addr.eq(unit), kept.eq(self._read.data)]
        self.value = delayed(m, kept, wait - 1, f"{name}_value", flag=False)
        values = np.zeros(units, np.int64) if initial is None else initial
        first = constants(m, form, values, unit, f"{name}_initial")
        self.initial = first if isinstance(first, int) else delayed(m, first, wait - 1, f"{name}_begins", flag=False)
