"""The input buffer of kernels that take a beat as it comes: written and read in order."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.schedule import pipeline
from hdl.delay import cyclic, delayed


class BeatBuffer(wiring.Component):
    """A circular buffer of beats, read one after another.

    A step issued in cycle t has its beat at t + ADDRESS + READ; a step a cycle. The sequencer sees to it that the beat
    has come and is not yet overwritten: one that moves in cycle t can be read by a step issued in t + 1.

    Parameters
    ----------
    layout : ArrayLayout
        Of a beat.
    capacity : int
        Beats held.

    Members
    -------
    moved : In(1)
        ``beat`` arrives in this cycle.
    beat : In(layout)
    leave : In(1)
        Steps after this cycle read the next beat.
    read : Out(layout)
    """

    def __init__(self, layout: data.ArrayLayout, capacity: int):
        self.layout, self.capacity = layout, capacity
        super().__init__({"moved": In(1), "beat": In(layout), "leave": In(1), "read": Out(layout)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.beats = memory = Memory(shape=self.layout.size, depth=self.capacity, init=[])
        write, read = memory.write_port(), memory.read_port()
        at = cyclic(m, self.capacity, self.leave, "at")
        beat = Signal(self.layout.size, reset_less=True)
        m.d.sync += beat.eq(read.data)
        m.d.comb += [
            write.addr.eq(cyclic(m, self.capacity, self.moved, "write_address")),
            write.data.eq(self.beat),
            write.en.eq(self.moved),
            read.addr.eq(delayed(m, at, pipeline.ADDRESS, "read_address", flag=False)),
            self.read.eq(beat),
        ]
        return m
