"""Max pooling: the largest element of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from accel.fixedpoint import Quantization
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.global_max_pool import GlobalMaxPool
from accel.layers.max_pool import MaxPool as MaxPoolLayer
from accel.layers.window import Window, as_image
from accel.schedule.base import FoldSpace
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic
from accel.schedule.pool import Pool2d


@dataclass(frozen=True, eq=False)
class MaxPool(Pool2d):
    """The largest stored integer of each window, which padding never is; then requantised if scales differ.

    Stages are those of `Pool2d`: "tree" and "accumulate" keep the larger of two. Folds and buffers are those of
    `Pool2d` too. Where the output is requantised, the zero point is subtracted on the way into the buffer.
    """

    kind: ClassVar[str] = "maxpool"
    ops: ClassVar[tuple[str, ...]] = ("MaxPool", "GlobalMaxPool")

    @classmethod
    def of(
        cls,
        layer: Layer,
        shapes: Sequence[Shape],
        quantizations: Sequence[Quantization],
        output: Quantization,
        lanes: Sequence[int],
        *,
        fold: Fold | None = None,
        capacity: int | None = None,
        requantizer: Requantizer | None = None,
    ) -> Self:
        image = as_image(shapes[0])
        window = _window(layer, image)
        chosen = cls.choose(cls.kind, image, window, layer.requantize, lanes[0], fold, capacity, requantizer)
        return cls(image, window, quantizations[0], output, layer.requantize, *chosen)

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        image = as_image(shapes[0])
        window = _window(layer, image)
        return FoldSpace(math.prod(window.output(*image[1:])), image[0], math.prod(window.kernel), lanes[0], 0)

    @property
    def accumulator(self) -> Interval:
        if self.requantize is None:
            return Interval(self.input.low, self.input.high)
        return Interval(*self.input.centered_range)

    @property
    def _reduction(self) -> Logic:
        bits = self.fold.pe * self.accumulator.bits
        # A comparison on a carry chain, then a choice of two or, in the accumulator, of three.
        return Logic(adder=self.fold.simd * bits, muxes=(((self.fold.simd - 1) * bits, 2), (bits, 3)), register=bits)


def _window(layer: Layer, image: tuple[int, int, int]) -> Window:
    if isinstance(layer, GlobalMaxPool):
        return Window(image[1:])
    assert isinstance(layer, MaxPoolLayer)
    return layer.window(*image[1:])
