"""Depthwise convolution: the convolution's datapath with a multiply-accumulate array for every lane of a beat."""

from __future__ import annotations

from dataclasses import replace

from amaranth.hdl import Cat, Value

from accel.schedule import depthwise
from hdl.kernels.conv2d import Conv2d
from hdl.mac import MacArray
from hdl.window_buffer import Reads, WindowBuffer


class Depthwise(Conv2d):
    """A depthwise convolution as `accel.schedule.depthwise.Depthwise` lays it out.

    The buffer's lanes are kernel taps and read whole beats; lane ``j`` of all of them feeds an array of its own.
    """

    kind = depthwise.Depthwise.kind
    spec: depthwise.Depthwise

    def reads(self) -> Reads:
        return replace(super().reads(), channel=None)

    def arrays(self, buffer: WindowBuffer, elements) -> list[tuple[MacArray, Value]]:
        spec = self.spec
        return [
            (
                MacArray(buffer.element, spec.weight_bits, spec.accumulator.bits, 1, spec.fold.simd),
                Value.cast(Cat(elements[tap][lane] for tap in range(spec.fold.simd))),
            )
            for lane in range(spec.fold.pe)
        ]
