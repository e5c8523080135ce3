"""A FIFO: one circular memory between a sequencer and its output queue."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from accel.schedule import fifo, pipeline
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.queue import OutputQueue
from hdl.sequencer import Sequencer


class Fifo(Kernel):
    """A queue as `accel.schedule.fifo.Fifo` lays it out, a beat a cycle."""

    kind = fifo.Fifo.kind
    spec: fifo.Fifo

    def elaborate(self, platform):
        m = Module()
        spec, schedule = self.spec, self.spec.schedule
        layout = self.input_0.p.shape()
        m.submodules.sequencer = sequencer = Sequencer(schedule)
        m.submodules.queue = queue = OutputQueue(layout, schedule.slots[0])
        m.submodules.beats = memory = Memory(shape=layout.size, depth=spec.depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        wiring.connect(m, queue.output, wiring.flipped(self.output_0))
        moved = self.input_0.valid & self.input_0.ready
        step = cyclic(m, spec.depth, sequencer.issue, "step")
        beat = Signal(layout.size, reset_less=True)
        m.d.sync += beat.eq(read.data)
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(moved),
            sequencer.sent[0].eq(queue.sent),
            write.addr.eq(cyclic(m, spec.depth, moved, "write_address")),
            write.data.eq(self.input_0.payload),
            write.en.eq(moved),
            read.addr.eq(delayed(m, step, pipeline.ADDRESS, "read_address", flag=False)),
            queue.write.eq(delayed(m, sequencer.issue, pipeline.ADDRESS + pipeline.READ, "written")),
            queue.word.eq(beat),
        ]
        return m
