"""A FIFO: one circular memory between a sequencer and an output queue."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring

from accel.schedule import fifo, pipeline
from hdl.beat_buffer import BeatBuffer
from hdl.delay import delayed
from hdl.kernel import Kernel
from hdl.queue import OutputQueue
from hdl.sequencer import Sequencer


class Fifo(Kernel):
    """A queue as `accel.schedule.fifo.Fifo` lays it out, a beat a cycle; a step passes a beat to every output port."""

    kind = fifo.Fifo.kind

    def elaborate(self, platform):
        m = Module()
        schedule = self.spec.schedule
        layout = self.input_0.p.shape()
        m.submodules.sequencer = sequencer = Sequencer(schedule)
        m.submodules.buffer = buffer = BeatBuffer(layout, schedule.capacity[0])
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(self.input_0.valid & self.input_0.ready),
            buffer.moved.eq(sequencer.moved[0]),
            buffer.beat.eq(self.input_0.payload),
            buffer.leave.eq(sequencer.issue),
        ]
        written = delayed(m, sequencer.issue, pipeline.ADDRESS + pipeline.READ, "written")
        for port, slots in enumerate(schedule.slots):
            m.submodules[f"queue_{port}"] = queue = OutputQueue(layout, slots)
            wiring.connect(m, queue.output, wiring.flipped(getattr(self, f"output_{port}")))
            m.d.comb += [queue.write.eq(written), queue.word.eq(buffer.read), sequencer.sent[port].eq(queue.sent)]
        return m
