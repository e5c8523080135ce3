"""Elements in other places: a circular buffer, every lane reading where the output has it."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from accel.schedule import pipeline, rearrange
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.queue import OutputQueue
from hdl.sequencer import Sequencer
from hdl.table import Column


class Rearrange(Kernel):
    """Moved elements as `accel.schedule.rearrange.Rearrange` lays them out, a beat a cycle."""

    kind = rearrange.Rearrange.kind
    spec: rearrange.Rearrange

    def elaborate(self, platform):
        m = Module()
        spec, schedule = self.spec, self.spec.schedule
        layout = self.input_0.p.shape()
        m.submodules.sequencer = sequencer = Sequencer(schedule, self._columns())
        m.submodules.queue = queue = OutputQueue(self.output_0.p.shape(), schedule.slots[0])
        wiring.connect(m, queue.output, wiring.flipped(self.output_0))
        write_address = cyclic(m, spec.capacity, sequencer.moved[0], "write_address")
        done = delayed(m, sequencer.issue, sum(spec.stages.values()) - pipeline.QUEUE, "done")
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(self.input_0.valid & self.input_0.ready),
            sequencer.sent[0].eq(queue.sent),
            queue.write.eq(done),
        ]
        for number, lanes in enumerate(spec.groups):
            m.submodules[f"copy_{number}"] = memory = Memory(shape=layout, depth=spec.capacity, init=[])
            write, read = memory.write_port(), memory.read_port()
            first = int(spec.beat[0, lanes[0]]) % spec.capacity
            address = Signal(range(spec.capacity), name=f"address_{number}", init=first)
            with m.If(sequencer.issue):
                m.d.sync += address.eq(address + sequencer.position[f"move_{number}"])
            beat = Signal(layout, name=f"beat_{number}", reset_less=True)
            m.d.sync += beat.eq(read.data)
            m.d.comb += [
                write.addr.eq(write_address), write.data.eq(self.input_0.payload), write.en.eq(sequencer.moved[0]),
                read.addr.eq(delayed(m, address, pipeline.ADDRESS, f"read_address_{number}", flag=False)),
            ]  # fmt: skip
            for lane in lanes:
                element = Signal(spec.output.bits, name=f"element_{lane}", reset_less=True)
                m.d.sync += element.eq(self._selected(m, sequencer, beat, lane))
                m.d.comb += queue.word[lane].eq(element)
        return m

    def _columns(self) -> dict[str, Column]:
        """Return how far each copy's read address moves after a position, and what each lane takes of its beat."""
        spec = self.spec
        beats = spec.inputs[0].beats
        columns: dict[str, Column] = {}
        for number, lanes in enumerate(spec.groups):
            reads = spec.beat[:, lanes[0]]
            columns[f"move_{number}"] = np.diff(reads, append=reads[0] + beats) % spec.capacity
        for lane in range(spec.fold.pe):
            columns[f"lane_{lane}"] = spec.lane[:, lane]
            columns[f"counts_{lane}"] = spec.counts[:, lane].astype(np.int64)
            columns[f"lives_{lane}"] = spec.lives[:, lane].astype(np.int64)
        return columns

    def _selected(self, m: Module, sequencer: Sequencer, beat, lane: int):
        """Return what a lane takes from the beat that its copy has read."""
        spec = self.spec
        wait = pipeline.ADDRESS + pipeline.READ

        def flag(values, name: str):
            if np.all(values == values[0]):
                return int(values[0])
            return delayed(m, sequencer.position[f"{name}_{lane}"], wait, f"{name}_{lane}", flag=False)

        taken = beat[flag(spec.lane[:, lane], "lane")][: spec.output.bits]
        counts, lives = flag(spec.counts[:, lane], "counts"), flag(spec.lives[:, lane], "lives")
        zero = spec.input.zero_point
        return Mux(counts, taken, Mux(lives, zero, 0) if zero else 0)
