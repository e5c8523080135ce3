"""What reductions over whole axes share; no layer type lives here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.base import Array, Layer, Shape, only
from accel.layers.moves import Move
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Reduction(Layer):
    """One number for all elements along some axes of a sample."""

    def reduced(self, shape: Shape) -> tuple[int, ...]:
        """Return the axes of ``shape``, without the batch axis, that are reduced."""
        if len(shape) < 2:
            raise ModelError(f"{self.op} input must have channels and at least one spatial axis, not shape {shape}")
        return tuple(range(1, len(shape)))

    @property
    def keeps_axes(self) -> bool:
        """Whether reduced axes stay, of length one."""
        return True

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        axes = self.reduced(shape)
        kept = tuple(1 if i in axes else size for i, size in enumerate(shape) if self.keeps_axes or i not in axes)
        if not kept:
            raise ModelError(f"{self.op} must leave at least one axis of shape {shape}; keep axes, of length one")
        return (kept,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        shape = only(shapes, self)
        axes = self.reduced(shape)
        elements = math.prod(shape)
        kept = math.prod(size for i, size in enumerate(shape) if i not in axes)
        *_, rows, columns = (1, 1, *(shape[i] for i in axes))
        rows = elements // kept // columns
        return (
            Work(
                kind=Kind.WINDOW, g=kept, r=rows, s=columns, stride_h=rows, stride_w=columns, h=rows, w=columns,
                ifmap=elements, ofmap=kept, ops=elements,
            ),
        )  # fmt: skip

    def _over(self, x: Array) -> tuple[int, ...]:
        return tuple(axis + 1 for axis in self.reduced(x.shape[1:]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Mean(Reduction):
    """The mean along some axes; in integers the sum, and `requantize` has one scale that includes the divisor."""

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        mean = np.mean(inputs[0], axis=self._over(inputs[0]), keepdims=self.keeps_axes)
        return (mean.astype(inputs[0].dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        shape = only(shapes, self)
        divisor = math.prod(shape[axis] for axis in self.reduced(shape))
        return replace(self, requantize=Requantize.onto(output, inputs[0].scale / output.scale / divisor))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        centered = inputs[0].astype(np.int64) - quantizations[0].zero_point
        total = centered.sum(axis=self._over(centered), keepdims=self.keeps_axes)
        return (self.requantize(total),)


@dataclass(frozen=True, kw_only=True, eq=False)
class Maximum(Reduction, Move):
    """The largest element along some axes."""

    def move(self, x: Array) -> Array:
        return np.max(x, axis=self._over(x), keepdims=self.keeps_axes)
