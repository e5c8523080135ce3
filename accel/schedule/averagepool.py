"""Average pooling: the mean of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accel.fixedpoint import Ints, Quantization
from accel.intervals import Interval, accumulator_interval
from accel.layers.average_pool import AveragePool as AveragePoolLayer
from accel.layers.base import Layer, Shape
from accel.layers.window import as_image
from accel.schedule import logic
from accel.schedule.base import FoldSpace, rounding_of
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic
from accel.schedule.pool import Pool2d


@dataclass(frozen=True, eq=False)
class AveragePool(Pool2d):
    """The sum of each window, zero points subtracted, times the multiplier of its divisor; one rounding.

    Stages are those of `Pool2d`: "tree" and "accumulate" add.

    Attributes
    ----------
    divisor_class : int64 array, shape (positions,)
        Which of the divisors, and so of ``requantize.multipliers``, a position has; all 0 unless padding is left out of
        the divisor.
    """

    kind: ClassVar[str] = "averagepool"
    ops: ClassVar[tuple[str, ...]] = ("AveragePool",)

    divisor_class: Ints

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
        requantize = rounding_of(layer, cls.kind)
        assert isinstance(layer, AveragePoolLayer)
        image = as_image(shapes[0])
        window = layer.window(*image[1:])
        chosen = cls.choose(cls.kind, image, window, requantize, lanes[0], fold, capacity, requantizer)
        counts = layer.counts(shapes[0])
        classes = np.searchsorted(layer.divisors(shapes[0]), counts.ravel()).astype(np.int64)
        return cls(image, window, quantizations[0], output, requantize, *chosen, classes)

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, AveragePoolLayer)
        image = as_image(shapes[0])
        window = layer.window(*image[1:])
        return FoldSpace(math.prod(window.output(*image[1:])), image[0], math.prod(window.kernel), lanes[0], 0)

    @property
    def accumulator(self) -> Interval:
        low, high = self.input.centered_range
        return accumulator_interval(np.ones((1, self.taps), np.int64), None, low, high, partial=True)

    @property
    def _reduction(self) -> Logic:
        pe, bits = self.fold.pe, self.accumulator.bits
        accumulators = Logic(adder=pe * bits, gate=pe * bits, register=pe * bits)
        return logic.tree(self.fold.simd, self.element_bits, pe) + accumulators
