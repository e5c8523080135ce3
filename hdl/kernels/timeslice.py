"""Steps of a sequence: a circular buffer read in any order of beats."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from accel.schedule import pipeline, timeslice
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.queue import OutputQueue
from hdl.sequencer import Sequencer


class TimeSlice(Kernel):
    """Steps of a sequence as `accel.schedule.timeslice.TimeSlice` lays them out, a beat a cycle."""

    kind = timeslice.TimeSlice.kind
    spec: timeslice.TimeSlice

    def elaborate(self, platform):
        m = Module()
        spec, schedule = self.spec, self.spec.schedule
        layout = self.input_0.p.shape()
        # How far the read address moves after each position; after the last into the next tensor.
        reads = np.append(spec.reads, spec.reads[0] + spec.inputs[0].beats)
        columns = {"move": np.diff(reads) % spec.capacity}
        m.submodules.sequencer = sequencer = Sequencer(schedule, columns)
        m.submodules.beats = memory = Memory(shape=layout.size, depth=spec.capacity, init=[])
        m.submodules.queue = queue = OutputQueue(layout, schedule.slots[0])
        wiring.connect(m, queue.output, wiring.flipped(self.output_0))
        write, read = memory.write_port(), memory.read_port()
        address = Signal(range(spec.capacity), init=int(reads[0]) % spec.capacity)
        with m.If(sequencer.issue):
            m.d.sync += address.eq(address + sequencer.position.move)
        beat = Signal(layout.size, reset_less=True)
        m.d.sync += beat.eq(read.data)
        passed = delayed(m, sequencer.issue & sequencer.completes, pipeline.ADDRESS + pipeline.READ, "passed")
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(self.input_0.valid & self.input_0.ready),
            sequencer.sent[0].eq(queue.sent),
            write.addr.eq(cyclic(m, spec.capacity, sequencer.moved[0], "write_address")),
            write.data.eq(self.input_0.payload),
            write.en.eq(sequencer.moved[0]),
            read.addr.eq(delayed(m, address, pipeline.ADDRESS, "read_address", flag=False)),
            queue.write.eq(passed),
            queue.word.eq(beat),
        ]
        return m
