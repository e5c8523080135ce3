"""A FIFO: one circular memory between a sequencer and an output queue."""

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
    """A queue as `accel.schedule.fifo.Fifo` lays it out, a beat a cycle; a step passes a beat to every output port."""

    kind = fifo.Fifo.kind

    def elaborate(self, platform):
        m = Module()
        schedule = self.spec.schedule
        (depth,) = schedule.capacity
        layout = self.input_0.p.shape()
        m.submodules.sequencer = sequencer = Sequencer(schedule)
        m.submodules.beats = memory = Memory(shape=layout.size, depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        moved = self.input_0.valid & self.input_0.ready
        step = cyclic(m, depth, sequencer.issue, "step")
        beat = Signal(layout.size, reset_less=True)
        m.d.sync += beat.eq(read.data)
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(moved),
            write.addr.eq(cyclic(m, depth, moved, "write_address")),
            write.data.eq(self.input_0.payload),
            write.en.eq(moved),
            read.addr.eq(delayed(m, step, pipeline.ADDRESS, "read_address", flag=False)),
        ]
        written = delayed(m, sequencer.issue, pipeline.ADDRESS + pipeline.READ, "written")
        for port, slots in enumerate(schedule.slots):
            m.submodules[f"queue_{port}"] = queue = OutputQueue(layout, slots)
            wiring.connect(m, queue.output, wiring.flipped(getattr(self, f"output_{port}")))
            m.d.comb += [queue.write.eq(written), queue.word.eq(beat), sequencer.sent[port].eq(queue.sent)]
        return m
