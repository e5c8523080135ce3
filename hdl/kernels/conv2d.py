"""Convolution: window buffer, weight memory, multiply-accumulate array, folded requantiser."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Shape, signed

from accel.schedule import conv2d, pipeline
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.mac import MacArray
from hdl.memory import DeepRom
from hdl.requantize import Constants, FoldedRequantizer
from hdl.table import packed
from hdl.window_buffer import Reads, WindowBuffer
from hdl.window_kernel import WindowFrame


class Conv2d(Kernel):
    """A convolution as `accel.schedule.conv2d.Conv2d` lays it out, without groups, any fold.

    A step multiplies ``simd`` window elements by ``pe * simd`` weights. The weight memory holds a word of all of them
    per step of a position and is read at the step's own number.
    """

    kind = conv2d.Conv2d.kind
    spec: conv2d.Conv2d

    def elaborate(self, platform):
        m = Module()
        spec = self.spec
        pe, simd = spec.fold.pe, spec.fold.simd
        taps = spec.taps
        window = spec.window
        reads = Reads(
            offset=taps.offset,
            channel=taps.channel,
            row=np.minimum(taps.row, window.kernel[0] - 1),
            column=taps.column,
            counts=np.ones(taps.offset.shape, np.bool_),
        )
        buffer = WindowBuffer(spec.inputs[0], spec.input.zero_point, spec.capacity, spec.sliding, reads, fill=0)
        frame = WindowFrame(m, spec.schedule, buffer, self.input_0, self.output_0)

        m.submodules.macs = macs = MacArray(buffer.element, spec.weight_bits, spec.accumulator.bits, pe, simd)
        m.d.comb += [macs.elements.eq(frame.elements), macs.weights.eq(self._weights(m, frame.sequencer.issue))]
        before_sums = sum(spec.stages[stage] for stage in ("address", "read", "select", "multiply", "tree"))
        issued, first, completes = frame.accumulating(before_sums)
        m.d.comb += [macs.valid.eq(issued), macs.first.eq(first)]

        m.submodules.requantizer = requantizer = FoldedRequantizer(
            signed(spec.accumulator.bits),
            Constants(spec.biases, spec.multipliers_by_tile, spec.total),
            spec.requantize,
            spec.requantizer,
            Shape(spec.output.bits, spec.output.signed),
            tiles=spec.tiles,
            live=spec.channels - (spec.tiles - 1) * pe,
        )
        m.d.comb += [
            requantizer.load.eq(delayed(m, completes, pipeline.ACCUMULATE, "summed")),
            requantizer.accumulators.eq(macs.sums),
            frame.queue.write.eq(requantizer.push),
            frame.queue.word.eq(requantizer.result),
        ]
        return m

    def _weights(self, m: Module, issue):
        """Return the weights of the step whose elements are selected."""
        words = self.spec.weights.reshape(len(self.spec.weights), -1)
        width = words.shape[1] * self.spec.weight_bits
        m.submodules.weights = memory = DeepRom(width, [packed(w, [self.spec.weight_bits] * len(w)) for w in words])
        step = cyclic(m, len(words), issue, "step")
        wait = pipeline.ADDRESS + pipeline.READ + pipeline.SELECT - DeepRom.latency
        m.d.comb += memory.address.eq(delayed(m, step, wait, "weight_address", flag=False))
        return memory.word
