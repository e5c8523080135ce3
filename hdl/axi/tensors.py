"""Tensors at ports: where they begin and end, and when all ports have had one."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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


class Lead(wiring.Component):
    """Says when an event happens for the n-th time at any port, for every n.

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

    def elaborate(self, platform):
        m = Module()
        if self.ports == 1:
            m.d.comb += self.happens.eq(self.events)
            return m
        behind = [Signal(COUNT_BITS, name=f"behind_{port}") for port in range(self.ports)]
        m.d.comb += self.happens.eq(
            sum((event & (lag == 0) for event, lag in zip(self.events, behind, strict=True)), 0) != 0
        )
        m.d.sync += [lag.eq(lag + self.happens - event) for event, lag in zip(self.events, behind, strict=True)]
        return m


class Meeting(wiring.Component):
    """Says when an event has happened for the n-th time at every port, for every n.

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
