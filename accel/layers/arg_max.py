"""ArgMax: where the largest element is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization
from accel.layers.arithmetic import INT8, UINT4, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.reduction import Reduction

_LEAST_BITS = 2
"""The narrowest activation there is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ArgMax(Reduction):
    """The index of the largest element along one axis; stored integers have the order of the numbers they stand for.

    Attributes
    ----------
    axis : int
        Counted without the batch axis, from the front.
    keepdims : bool
        Whether the axis stays, of length one.
    last : bool
        Which index of equal elements is taken: the last, or else the first.
    """

    op: ClassVar[str] = "ArgMax"

    axis: int = 0
    keepdims: bool = True
    last: bool = False

    def reduced(self, shape: Shape) -> tuple[int, ...]:
        if not 0 <= self.axis < len(shape):
            raise ModelError(f"ArgMax axis must lie in [0, {len(shape) - 1}] for shape {shape}, not be {self.axis}")
        return (self.axis,)

    @property
    def keeps_axes(self) -> bool:
        return self.keepdims

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        (axis,) = self.reduced(shape)
        return ((*shape[:axis], *((1,) if self.keepdims else ()), *shape[axis + 1 :]),)

    def indices(self, shape: Shape) -> Quantization:
        """Return what an input of ``shape`` makes of the output: unsigned integers that stand for themselves."""
        highest = shape[self.axis] - 1
        return Quantization(1.0, 0, max(_LEAST_BITS, highest.bit_length()), signed=False, high=highest)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        axis = self.axis + 1
        if self.last:
            found = x.shape[axis] - 1 - np.argmax(np.flip(x, axis), axis, keepdims=self.keepdims)
        else:
            found = np.argmax(x, axis, keepdims=self.keepdims)
        return (np.asarray(found, np.int64),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        if output != self.indices(only(shapes, self)):
            raise ModelError(f"ArgMax output must hold indices as they are, not integers of scale {output.scale:g}")
        return self

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        return self.forward(inputs)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        classes, image, sequence = (5,), (3, 2, 4), (4, 6)
        last = cls(axis=0, last=True)
        return (
            quantized_example("classes", cls(), (classes,), (INT8,), cls().indices(classes)),
            quantized_example("one class", cls(), ((1,),), (UINT8,), cls().indices((1,))),
            quantized_example("pixels, last of equals", last, (image,), (UINT4,), last.indices(image)),
            quantized_example("many equals", last, ((17,),), (UINT4,), last.indices((17,))),
            quantized_example("steps", cls(axis=1), (sequence,), (INT8,), cls(axis=1).indices(sequence)),
            quantized_example("rows", cls(axis=1, keepdims=False), (image,), (INT8,), cls(axis=1).indices(image)),
        )
