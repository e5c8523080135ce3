"""Convolution: window buffer, weight memory, multiply-accumulate array, folded requantiser."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Shape, Value, signed

from accel.schedule import conv2d, pipeline
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.mac import MacArray
from hdl.memory import DeepRom
from hdl.requantize import Constants, FoldedRequantizer
from hdl.sequencer import Sequencer
from hdl.table import Column, packed
from hdl.window_buffer import Reads, WindowBuffer
from hdl.window_kernel import WindowFrame


class Conv2d(Kernel):
    """A convolution as `accel.schedule.conv2d.Conv2d` lays it out, any groups, any fold.

    A step multiplies ``simd`` window elements by ``pe * simd`` weights. The weight memory holds a word of all of them
    per step of a position and is read at the step's own number.
    """

    kind = conv2d.Conv2d.kind
    spec: conv2d.Conv2d

    def elaborate(self, platform):
        m = Module()
        spec = self.spec
        pe = spec.fold.pe
        buffer = WindowBuffer(spec.inputs[0], spec.input.zero_point, spec.capacity, spec.sliding, self.reads(), fill=0)
        frame = WindowFrame(m, spec.schedule, buffer, self.input_0, self.output_0, self.columns())
        before_sums = sum(spec.stages[stage] for stage in ("address", "read", "select", "multiply", "tree"))
        issued, first, completes = frame.accumulating(before_sums)
        arrays = self.arrays(buffer, frame.elements)
        words = self._weights(m, frame.sequencer)
        width = len(words) // len(arrays)
        sums = []
        for number, (macs, elements) in enumerate(arrays):
            m.submodules["macs" if len(arrays) == 1 else f"macs_{number}"] = macs
            m.d.comb += [
                macs.elements.eq(elements), macs.weights.eq(words[number * width : (number + 1) * width]),
                macs.valid.eq(issued), macs.first.eq(first),
            ]  # fmt: skip
            sums += [macs.sums[i] for i in range(macs.pe)]

        m.submodules.requantizer = requantizer = FoldedRequantizer(
            signed(spec.accumulator.bits),
            Constants(spec.biases, spec.multipliers_by_tile, (spec.total,)),
            spec.requantize,
            spec.requantizer,
            Shape(spec.output.bits, spec.output.signed),
            tiles=spec.tiles,
            live=spec.channels - (spec.tiles - 1) * pe,
        )
        m.d.comb += [
            requantizer.load.eq(delayed(m, completes, pipeline.ACCUMULATE, "summed")),
            *(requantizer.accumulators[lane].eq(total) for lane, total in enumerate(sums)),
            frame.queue.write.eq(requantizer.push),
            frame.queue.word.eq(requantizer.result),
        ]
        return m

    def reads(self) -> Reads:
        """Return what the window buffer's lanes read."""
        taps = self.spec.taps
        return Reads(
            offset=taps.offset,
            channel=taps.channel,
            row=np.minimum(taps.row, self.spec.sliding.window.kernel[0] - 1),
            column=taps.column,
            counts=np.ones(taps.offset.shape, np.bool_),
        )

    def arrays(self, buffer: WindowBuffer, elements) -> list[tuple[MacArray, Value]]:
        """Return multiply-accumulate arrays that share the channels between them, each with what it is fed."""
        spec = self.spec
        macs = MacArray(
            buffer.element, spec.stored_weight_bits, spec.accumulator.bits, spec.fold.pe, spec.fold.simd,
            spec.chosen_packing,
        )  # fmt: skip
        return [(macs, Value.cast(elements))]

    def columns(self) -> dict[str, Column]:
        """Return what the weights of each position depend on, besides its step."""
        return {}

    def weight_address(self, m: Module, sequencer: Sequencer) -> Value:
        """Return the weight word of the step at hand."""
        return cyclic(m, self.spec.tiles * self.spec.reduction_steps, sequencer.issue, "step")

    def _weights(self, m: Module, sequencer: Sequencer):
        """Return the weights of the step whose elements are selected."""
        spec = self.spec
        words = spec.stored_weights.reshape(len(spec.weights), -1)
        width = words.shape[1] * spec.stored_weight_bits
        m.submodules.weights = memory = DeepRom(width, [packed(w, [spec.stored_weight_bits] * len(w)) for w in words])
        step = self.weight_address(m, sequencer)
        wait = pipeline.ADDRESS + pipeline.READ + pipeline.SELECT - DeepRom.latency
        m.d.comb += memory.address.eq(delayed(m, step, wait, "weight_address", flag=False))
        return memory.word
