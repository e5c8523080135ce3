"""What stands before an input of a wrapped core and behind an output."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.axi.tensors import Position


class Gate(wiring.Component):
    """Lets tensors begin to enter, or not, and compares TLAST with the count of beats.

    Parameters
    ----------
    beats : int
        Of a tensor.

    Members
    -------
    enable, start : In(1)
        Let every tensor in; let one more in.
    moves, marked : In(1)
        A beat enters, with TLAST.
    opens : Out(1)
        Whether a beat may enter; from registers.
    waits : Out(1)
        A start waits for its tensor.
    first, last : Out(1)
        The next beat is its tensor's first, its last.
    early, missing : Out(1)
        TLAST is wrong with the beat that enters.
    """

    def __init__(self, beats: int):
        self.beats = beats
        inputs, outputs = (
            ("enable", "start", "moves", "marked"),
            ("opens", "waits", "first", "last", "early", "missing"),
        )
        super().__init__({name: In(1) for name in inputs} | {name: Out(1) for name in outputs})

    def elaborate(self, platform):
        m = Module()
        m.submodules.position = position = Position(self.beats)
        m.d.comb += [
            position.moves.eq(self.moves),
            self.first.eq(position.first),
            self.last.eq(position.last),
            self.opens.eq(~position.first | self.enable | self.waits),
            self.early.eq(self.moves & self.marked & ~position.last),
            self.missing.eq(self.moves & ~self.marked & position.last),
        ]
        with m.If(self.start):
            m.d.sync += self.waits.eq(1)
        with m.Elif(self.moves & position.first):
            m.d.sync += self.waits.eq(0)
        return m


class Hold(wiring.Component):
    """A register in which a beat waits for its reader, whatever becomes of the core.

    A beat a cycle; ``valid``, ``data`` and ``last`` do not change until the beat is taken.

    Parameters
    ----------
    bits : int
        Of a beat.

    Members
    -------
    core_valid, core_ready, core_data, core_last
        From the core.
    valid, ready, data, last
        To the reader.
    restart : In(1)
        The core is in reset: nothing comes from it, and what waits here belongs to no tensor any more.
    ends : Out(1)
        A tensor's last beat is taken.
    open : Out(1)
        A tensor has been given in part.
    """

    def __init__(self, bits: int):
        self.bits = bits
        super().__init__(
            {
                "core_valid": In(1), "core_ready": Out(1), "core_data": In(bits), "core_last": In(1),
                "valid": Out(1), "ready": In(1), "data": Out(bits), "last": Out(1),
                "restart": In(1), "ends": Out(1), "open": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        stale, enters, leaves = (Signal(name=name) for name in ("stale", "enters", "leaves"))
        m.d.comb += [
            self.core_ready.eq(~self.valid | self.ready),
            enters.eq(self.core_valid & self.core_ready & ~self.restart),
            leaves.eq(self.valid & self.ready),
            self.ends.eq(leaves & self.last & ~stale),
        ]
        with m.If(enters):
            m.d.sync += [self.valid.eq(1), self.data.eq(self.core_data), self.last.eq(self.core_last), stale.eq(0)]
        with m.Else():
            with m.If(leaves):
                m.d.sync += self.valid.eq(0)
            with m.If(self.restart):
                m.d.sync += stale.eq(1)
        with m.If(self.restart):
            m.d.sync += self.open.eq(0)
        with m.Elif(leaves & ~stale):
            m.d.sync += self.open.eq(~self.last)
        return m
