"""Concat: tensors side by side along one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT4, INT8, UINT4, UINT8, quantized_example
from accel.layers.base import Array, Example, Layer, Shape
from accel.layers.moves import requantize_between
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Concat(Layer):
    """Tensors side by side along one axis of a sample.

    In integers each input is requantised on its own: `requantize` has one scale per input, at one shift. There is
    none if every input is quantised as the output is.

    Attributes
    ----------
    axis : int
        Which axis, counted without the batch axis; 0 is the channels of an image.
    """

    op: ClassVar[str] = "Concat"

    axis: int = 0

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        if not shapes:
            raise ModelError("Concat must have at least one input")
        if not 0 <= self.axis < len(shapes[0]):
            raise ModelError(f"Concat axis must be below {len(shapes[0])}, not {self.axis}")
        rest = {(*shape[: self.axis], *shape[self.axis + 1 :]) for shape in shapes}
        if len(rest) > 1 or len({len(shape) for shape in shapes}) > 1:
            raise ModelError(f"Concat inputs must agree on all axes but {self.axis}, not {tuple(shapes)}")
        shape = list(shapes[0])
        shape[self.axis] = sum(s[self.axis] for s in shapes)
        return (tuple(shape),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = sum(map(math.prod, shapes))
        return (Work(kind=Kind.MOVE, ifmap=elements, ofmap=elements),)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (np.concatenate(inputs, axis=self.axis + 1),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        if all(requantize_between(q, output) is None for q in inputs):
            return replace(self, requantize=None)
        return replace(self, requantize=Requantize.onto(output, np.array([q.scale for q in inputs]) / output.scale))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        parts = [x.astype(np.int64) for x in inputs]
        if self.requantize is not None:
            multipliers = self.requantize.multipliers
            triples = zip(parts, quantizations, multipliers, strict=True)
            parts = [self.requantize.finish((x - q.zero_point) * multiplier) for x, q, multiplier in triples]
        return (np.concatenate(parts, axis=self.axis + 1),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        def of(*channels: int) -> tuple[Shape, ...]:
            return tuple((c, 2, 3) for c in channels)

        return (
            quantized_example("equal scales", cls(), of(3, 2)),
            quantized_example("other scales", cls(), of(1, 5), (INT8, UINT8), INT8),
            quantized_example("three inputs", cls(), of(2, 1, 4), (INT8, UINT8, UINT4), UINT8),
            quantized_example("one input", cls(), of(3), (INT4,), INT4),
            quantized_example("vectors", cls(), ((5,), (3,)), (UINT8, UINT8), INT8),
            quantized_example("rows", cls(axis=1), ((2, 1, 3), (2, 4, 3))),
            quantized_example("sequence", cls(axis=1), ((4, 2), (4, 3))),
        )
