"""The datapath that pooling kernels share; no kernel lives here."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value

from accel.fixedpoint import Ints
from accel.schedule import pipeline
from accel.schedule.pool import Pool2d
from hdl.delay import delayed
from hdl.kernel import Kernel
from hdl.mac import reduced
from hdl.requantize import Constants, FoldedRequantizer
from hdl.window_buffer import Reads, WindowBuffer
from hdl.window_kernel import WindowFrame


class Pool(Kernel, ABC):
    """A reduction of every lane over the window, as `accel.schedule.pool.Pool2d` lays it out; then requantised.

    A step reads ``simd`` taps, whole beats of them, reduces each lane's in a tree and then into the lane's
    accumulator.
    """

    spec: Pool2d

    @abstractmethod
    def combine(self, a: Value, b: Value) -> Value:
        """Return the reduction of two values, wide enough for both."""

    @property
    @abstractmethod
    def fill(self) -> int:
        """What a tap that does not count reads as."""

    @property
    @abstractmethod
    def multipliers(self) -> Ints:
        """Output multipliers of a cycle of results, shape (results, pe)."""

    @property
    def zero_point(self) -> int:
        """What is subtracted on the way into the buffer: nothing where integers pass as they are."""
        return 0 if self.spec.requantize is None else self.spec.input.zero_point

    def elaborate(self, platform):
        m = Module()
        spec = self.spec
        offset = np.where(spec.tap_counts, spec.tap_offset, 0)
        reads = Reads(
            offset=np.concatenate([offset + tile for tile in range(spec.tiles)]),
            channel=None,
            row=np.tile(spec.tap_row, (spec.tiles, 1)),
            column=np.tile(spec.tap_column, (spec.tiles, 1)),
            counts=np.tile(spec.tap_counts, (spec.tiles, 1)),
        )
        buffer = WindowBuffer(spec.inputs[0], self.zero_point, spec.capacity, spec.sliding, reads, self.fill)
        frame = WindowFrame(m, spec.schedule, buffer, self.input_0, self.output_0)

        before_accumulators = sum(spec.stages[stage] for stage in ("address", "read", "select", "tree"))
        issued, first, completes = frame.accumulating(before_accumulators)
        shape = Shape.cast(range(spec.accumulator.low, spec.accumulator.high + 1))
        accumulators: list[Value] = []
        for lane in range(spec.lanes):
            taps = [frame.elements[tap][lane] for tap in range(spec.fold.simd)]
            taken = reduced(m, taps, self.combine, f"tree_{lane}")
            accumulator = Signal(shape, name=f"accumulator_{lane}", reset_less=True)
            with m.If(issued):
                m.d.sync += accumulator.eq(Mux(first, taken, self.combine(taken, accumulator)))
            accumulators.append(accumulator)
        done = delayed(m, completes, pipeline.ACCUMULATE, "reduced")
        if spec.requantize is None:
            width = spec.output.bits
            m.d.comb += [frame.queue.write.eq(done), frame.queue.word.eq(Cat(a[:width] for a in accumulators))]
            return m
        assert spec.requantizer is not None
        m.submodules.requantizer = requantizer = FoldedRequantizer(
            shape,
            Constants(np.zeros_like(self.multipliers), self.multipliers, (spec.accumulator,)),
            spec.requantize,
            spec.requantizer,
            Shape(spec.output.bits, spec.output.signed),
            live=spec.shape[0] - (spec.tiles - 1) * spec.lanes,
            tiles=spec.tiles,
        )
        m.d.comb += [
            requantizer.load.eq(done),
            *(requantizer.accumulators[lane].eq(a) for lane, a in enumerate(accumulators)),
            frame.queue.write.eq(requantizer.push),
            frame.queue.word.eq(requantizer.result),
        ]
        return m
