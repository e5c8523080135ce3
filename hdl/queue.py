"""The output queue: where results wait for the next kernel, a place for every slot the sequencer hands out."""

from __future__ import annotations

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hdl.delay import cyclic


class OutputQueue(wiring.Component):
    """A first-in first-out queue whose writer never asks for room, because the sequencer reserved it.

    A word written in cycle t can leave from t + 1 on, one word a cycle. ``valid`` and the payload do not depend on
    ``ready`` within a cycle. The memory is read without a clock, so that it becomes LUT RAM or registers.

    Parameters
    ----------
    layout : ArrayLayout
        Of a word.
    slots : int
        Words it holds; writing more is the writer's mistake and loses words.

    Members
    -------
    write : In(1)
    word : In(layout)
    output : Out(stream)
    sent : Out(1)
        A word leaves in this cycle.
    """

    def __init__(self, layout: data.ArrayLayout, slots: int):
        self.layout = layout
        self.slots = slots
        super().__init__({"write": In(1), "word": In(layout), "output": Out(stream.Signature(layout)), "sent": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = memory = Memory(shape=self.layout.size, depth=self.slots, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        # One less than the words held: its sign says that there are none.
        spare = Signal(Shape.cast(range(-1, self.slots)), init=-1)
        m.d.comb += [
            write.addr.eq(cyclic(m, self.slots, self.write, "write_slot")),
            write.data.eq(self.word),
            write.en.eq(self.write),
            read.addr.eq(cyclic(m, self.slots, self.sent, "read_slot")),
            self.output.valid.eq(~spare[-1]),
            self.output.payload.eq(read.data),
            self.sent.eq(self.output.valid & self.output.ready),
        ]
        m.d.sync += spare.eq(spare + self.write - self.sent)
        return m
