"""Averaging over the whole image: sums in a memory, a word for every beat of a pixel."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory

from accel.schedule import globalaverage, pipeline
from hdl.beat_buffer import BeatBuffer
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.queue import OutputQueue
from hdl.requantize import Constants, FoldedRequantizer
from hdl.sequencer import Sequencer


class GlobalAverage(Kernel):
    """A mean over all pixels as `accel.schedule.globalaverage.GlobalAverage` lays it out.

    The memory of sums is read without a clock, added to and written in one cycle, so that a beat may come every cycle
    however few beats a pixel has.
    """

    kind = globalaverage.GlobalAverage.kind
    spec: globalaverage.GlobalAverage

    def elaborate(self, platform):
        m = Module()
        spec, schedule = self.spec, self.spec.schedule
        pe = spec.fold.pe
        m.submodules.sequencer = sequencer = Sequencer(schedule)
        m.submodules.buffer = buffer = BeatBuffer(self.input_0.p.shape(), spec.capacity)
        m.submodules.queue = queue = OutputQueue(self.output_0.p.shape(), schedule.slots[0])
        wiring.connect(m, queue.output, wiring.flipped(self.output_0))
        leave = sequencer.issue & sequencer.last
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(self.input_0.valid & self.input_0.ready),
            sequencer.sent[0].eq(queue.sent),
            buffer.moved.eq(sequencer.moved[0]),
            buffer.beat.eq(self.input_0.payload),
            buffer.leave.eq(leave),
        ]

        before_sums = sum(spec.stages[stage] for stage in ("address", "read", "select"))
        sums = self._sums(m, buffer, delayed(m, leave, before_sums, "added"))
        completes = sequencer.issue & sequencer.completes
        multipliers = np.full((1, pe), spec.requantize.multipliers[0])
        m.submodules.requantizer = requantizer = FoldedRequantizer(
            sums[0].shape(),
            Constants(np.zeros_like(multipliers), multipliers, (spec.accumulator,)),
            spec.requantize,
            spec.requantizer,
            Shape(spec.output.bits, spec.output.signed),
            tiles=spec.tiles,
            live=spec.channels - (spec.tiles - 1) * pe,
        )
        m.d.comb += [
            requantizer.load.eq(delayed(m, completes, before_sums + pipeline.ACCUMULATE, "summed")),
            *(requantizer.accumulators[lane].eq(total) for lane, total in enumerate(sums)),
            queue.write.eq(requantizer.push),
            queue.word.eq(requantizer.result),
        ]
        return m

    def _sums(self, m: Module, buffer: BeatBuffer, add) -> list[Signal]:
        """Return the sums that the beats added last have made; with ``add`` the selected beat is added to its own."""
        spec = self.spec
        shape = Shape.cast(range(spec.accumulator.low, spec.accumulator.high + 1))
        element = Shape.cast(range(spec.element.low, spec.element.high + 1))
        word = data.ArrayLayout(shape, spec.fold.pe)
        m.submodules.sums = memory = Memory(shape=word, depth=spec.tiles, init=[])
        read, write = memory.read_port(domain="comb"), memory.write_port()
        tile = cyclic(m, spec.tiles, add, "tile")
        first = cyclic(m, spec.pixels, add & (tile == spec.tiles - 1), "pixel") == 0
        sums, totals = [], []
        for lane in range(spec.fold.pe):
            selected = Signal(element, name=f"element_{lane}", reset_less=True)
            total = Signal(shape, name=f"total_{lane}")
            held = Signal(shape, name=f"sum_{lane}", reset_less=True)
            m.d.sync += selected.eq(buffer.read[lane] - spec.input.zero_point)
            m.d.comb += total.eq(selected + Mux(first, 0, read.data[lane]))
            m.d.sync += held.eq(total)
            sums.append(held)
            totals.append(total)
        m.d.comb += [
            read.addr.eq(tile), write.addr.eq(tile), write.en.eq(add), write.data.eq(Cat(totals)),
        ]  # fmt: skip
        return sums
