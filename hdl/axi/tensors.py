"""Tensors on their way: where they begin and end at a port, when all ports have had one, how long one takes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.axi.registers import WORD_BITS
from hdl.delay import cyclic

COUNT_BITS = 16
"""Ports may be 65,535 tensors apart, which no buffer holds."""


class Position(wiring.Component):
    """The place of the next beat in its tensor.

    Parameters
    ----------
    beats : int
        Of a tensor.

    Members
    -------
    moves : In(1)
    first, last : Out(1)
        Whether the next beat is a tensor's first, its last; from registers.
    """

    def __init__(self, beats: int):
        self.beats = beats
        super().__init__({"moves": In(1), "first": Out(1), "last": Out(1)})

    def elaborate(self, platform):
        m = Module()
        beat = cyclic(m, self.beats, self.moves, "beat")
        m.d.comb += [self.first.eq(beat == 0), self.last.eq(beat == self.beats - 1)]
        return m


class _AtPorts(wiring.Component):
    """One event made of those at several ports.

    Parameters
    ----------
    ports : int

    Members
    -------
    events : In(ports)
    happens : Out(1)
        Within the cycle.
    """

    def __init__(self, ports: int):
        self.ports = ports
        super().__init__({"events": In(ports), "happens": Out(1)})


class Lead(_AtPorts):
    """Says when an event happens for the n-th time at any port, for every n."""

    def elaborate(self, platform):
        m = Module()
        if self.ports == 1:
            m.d.comb += self.happens.eq(self.events)
            return m
        behind = [Signal(COUNT_BITS, name=f"behind_{port}") for port in range(self.ports)]
        m.d.comb += self.happens.eq(
            Cat(event & (lag == 0) for event, lag in zip(self.events, behind, strict=True)).any()
        )
        m.d.sync += [lag.eq(lag + self.happens - event) for event, lag in zip(self.events, behind, strict=True)]
        return m


class Meeting(_AtPorts):
    """Says when an event has happened for the n-th time at every port, for every n."""

    def elaborate(self, platform):
        m = Module()
        if self.ports == 1:
            m.d.comb += self.happens.eq(self.events)
            return m
        ahead = [Signal(COUNT_BITS, name=f"ahead_{port}") for port in range(self.ports)]
        had = Signal(self.ports)
        m.d.comb += [had[port].eq(self.events[port] | (lead != 0)) for port, lead in enumerate(ahead)]
        m.d.comb += self.happens.eq(had.all())
        m.d.sync += [lead.eq(lead + event - self.happens) for event, lead in zip(self.events, ahead, strict=True)]
        return m


class Flight(wiring.Component):
    """Keeps account of the tensors on their way through the core, and times one after the other.

    Parameters
    ----------
    inputs, outputs : int
        Number of ports.

    Members
    -------
    begins, enters : In(inputs)
        A tensor's first beat, its last, enters at a port.
    leaves : In(outputs)
        A tensor's last beat leaves at a port.
    busy : Out(1)
        A tensor has begun to enter at some port and has not left at every port.
    entered, left : Out(1)
        A tensor's last beat enters, leaves, at the last of the ports.
    timed : Out(1)
        The tensor that was timed leaves.
    cycles : Out(32)
        What it took, while ``timed``.
    """

    def __init__(self, inputs: int, outputs: int):
        self.inputs, self.outputs = inputs, outputs
        super().__init__(
            {
                "begins": In(inputs), "enters": In(inputs), "leaves": In(outputs),
                "busy": Out(1), "entered": Out(1), "left": Out(1), "timed": Out(1), "cycles": Out(WORD_BITS),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.begun = begun = Lead(self.inputs)
        m.submodules.entered = entered = Meeting(self.inputs)
        m.submodules.left = left = Meeting(self.outputs)
        begun_count, left_count, timed_index = (
            Signal(COUNT_BITS, name=name) for name in ("begun_count", "left_count", "timed_index")
        )
        timing = Signal()
        m.d.comb += [
            begun.events.eq(self.begins),
            entered.events.eq(self.enters),
            left.events.eq(self.leaves),
            self.entered.eq(entered.happens),
            self.left.eq(left.happens),
            self.busy.eq(begun_count != left_count),
            self.timed.eq(timing & left.happens & (left_count == timed_index)),
        ]
        m.d.sync += [
            begun_count.eq(begun_count + begun.happens),
            left_count.eq(left_count + left.happens),
            self.cycles.eq(self.cycles + 1),
        ]
        with m.If(begun.happens & (~timing | self.timed)):
            m.d.sync += [timing.eq(1), timed_index.eq(begun_count), self.cycles.eq(1)]
        with m.Elif(self.timed):
            m.d.sync += timing.eq(0)
        return m
