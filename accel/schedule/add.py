"""Sums of tensors and constants, the join of a residual network; a sum of one is a rescaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from accel.fixedpoint import Ints, Quantization
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.elementwise import Elementwise as ElementwiseLayer
from accel.layers.rescale import Rescale
from accel.layers.sub import Sub
from accel.schedule.base import FoldSpace, rounding_of
from accel.schedule.elementwise import Elementwise, by_tile, constant_per_channel
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class Add(Elementwise):
    """``rhe(a Ma + b Mb + ...)`` of tensors and a constant per channel; one rounding.

    Terms are the inputs, in order, then the constant. A rescaling between equal quantisations passes integers as they
    are. Stages and folds are those of `Elementwise`.

    Attributes
    ----------
    negative : bool
        Whether all terms but the first are subtracted.
    constant : int64 array, shape (channels,), optional
    """

    kind: ClassVar[str] = "add"
    ops: ClassVar[tuple[str, ...]] = ("Add", "Sub", "Rescale")

    negative: bool
    constant: Ints | None

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
        requantize = layer.requantize if isinstance(layer, Rescale) else rounding_of(layer, cls.kind)
        pixels, channels, extents = cls.spread(cls.kind, shapes)
        constant = constant_per_channel(layer, cls.kind, shapes[0]) if isinstance(layer, ElementwiseLayer) else None
        chosen = cls.choose(extents, requantize, lanes, fold, capacity, requantizer)
        return cls(
            pixels, channels, extents, tuple(quantizations), output, requantize, tuple(lanes), *chosen,
            isinstance(layer, Sub), constant,
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        pixels, channels, _ = cls.spread(cls.kind, shapes)
        return FoldSpace(pixels, channels, cls.steps_of(layer.requantize), macs=0)

    @property
    def totals(self) -> tuple[Interval, ...]:
        found = [self.centered(port) for port in range(len(self.sources))]
        if self.constant is not None:
            found.append(Interval(int(self.constant.min()), int(self.constant.max())))
        return tuple(Interval(-t.high, -t.low) if self.negative and i else t for i, t in enumerate(found))

    @property
    def constants(self) -> tuple[Ints, Ints]:
        return self._constants

    @cached_property
    def _constants(self) -> tuple[Ints, Ints]:
        assert self.requantize is not None
        terms, pe = len(self.totals), self.fold.pe
        rows = 1 if self.constant is None else self.tiles
        biases = np.zeros((rows, pe, terms), np.int64)
        if self.constant is not None:
            biases[:, :, -1] = by_tile(-self.constant if self.negative else self.constant, pe)
        multipliers = np.broadcast_to(self.requantize.multipliers, biases.shape)
        return biases.reshape(rows, -1), np.ascontiguousarray(multipliers).reshape(rows, -1)
