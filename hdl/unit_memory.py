"""Memories with a number of every unit, kept from one time step of a recurrent layer to the next."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from accel.fixedpoint import FixedPoint
from accel.schedule.recurrent import Recurrent
from hdl.delay import cyclic, delayed
from hdl.fixed import form_shape


class UnitMemory:
    """A number of every unit, kept from one time step to the next; zero in the first.

    It is read all the time at the unit that `next` moves on from, and must not be used before the second cycle after.

    Parameters
    ----------
    m : Module
    spec : Recurrent
    form : FixedPoint
    next : Value
        The number at hand has been used.

    Attributes
    ----------
    value : Value
        The number of the unit at hand.
    """

    def __init__(self, m: Module, spec: Recurrent, form, next):
        units = spec.tiles * spec.fold.pe
        m.submodules.unit_state = memory = Memory(shape=form.bits, depth=units, init=[])
        self._write, read = memory.write_port(), memory.read_port()
        self._m, self._units = m, units
        unit = cyclic(m, units, next, "unit_read")
        time = cyclic(m, spec.time_steps, next & (unit == units - 1), "time_read")
        kept = Signal(form_shape(form), name="unit_kept")
        m.d.comb += [read.addr.eq(unit), kept.eq(read.data)]
        self.value = Signal(form_shape(form), name="unit_value")
        m.d.comb += self.value.eq(Mux(time == 0, 0, kept))

    def write(self, valid, value) -> None:
        """Store the next unit's number in cycles with ``valid``."""
        m = self._m
        m.d.comb += [
            self._write.en.eq(valid),
            self._write.data.eq(value),
            self._write.addr.eq(cyclic(m, self._units, valid, "unit_written")),
        ]


class RowMemory:
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

    Attributes
    ----------
    value : Value
        The number of the unit that ``unit`` was ``wait`` cycles ago.
    """

    def __init__(self, m: Module, form: FixedPoint, units: int, unit: Value, wait: int, name: str):
        m.submodules[name] = memory = Memory(shape=form.bits, depth=units, init=[])
        self._write, read = memory.write_port(), memory.read_port()
        self._m, self._units, self._name = m, units, name
        kept = Signal(form_shape(form), name=f"{name}_read")
        m.d.comb += [read.addr.eq(unit), kept.eq(read.data)]
        self.value = delayed(m, kept, wait - 1, f"{name}_value", flag=False)

    def write(self, valid, value) -> None:
        """Store the next unit's number in cycles with ``valid``."""
        self._m.d.comb += [
            self._write.en.eq(valid),
            self._write.data.eq(value),
            self._write.addr.eq(cyclic(self._m, self._units, valid, f"{self._name}_written")),
        ]
