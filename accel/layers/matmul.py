"""MatMul: the product of two computed matrices, as in attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT8, UINT8, exact_matmul, quantized_example
from accel.layers.base import Array, Example, Layer, Shape
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class MatMul(Layer):
    """``a @ b`` over the last two axes, for every index of the axes before; in integers `requantize` has one scale.

    A product with a constant matrix is a `accel.layers.dense.Dense`.
    """

    op: ClassVar[str] = "MatMul"

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        if len(shapes) != 2:
            raise ModelError(f"MatMul must have two inputs, not {len(shapes)}")
        a, b = shapes
        if len(a) != len(b) or len(a) < 2 or a[:-2] != b[:-2] or a[-1] != b[-2]:
            raise ModelError(f"MatMul inputs must be matrices that fit, as many of each, not {a} and {b}")
        return ((*a[:-1], b[-1]),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        a, b = shapes
        heads, (rows, inner), columns = math.prod(a[:-2]), a[-2:], b[-1]
        # The second matrix stands in for weights: each of its elements meets every row of the first.
        return (
            Work(
                kind=Kind.CONTRACT, g=heads, m=columns, c=inner, p=rows, h=rows, macs=heads * rows * inner * columns,
                ifmap=math.prod(a) + math.prod(b), ofmap=heads * rows * columns,
            ),
        )  # fmt: skip

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        a, b = inputs
        return (np.matmul(a, b),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        a, b = inputs
        return replace(self, requantize=Requantize.onto(output, a.scale * b.scale / output.scale))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        a, b = (x.astype(np.int64) - q.zero_point for x, q in zip(inputs, quantizations, strict=True))
        return (self.requantize(exact_matmul(a, b)),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        coarse = Quantization(9.0, 5)
        return (
            quantized_example("matrices", cls(), ((4, 3), (3, 5)), (INT8, UINT8), coarse),
            quantized_example("heads", cls(), ((2, 3, 4), (2, 4, 2)), (INT8, INT8), coarse),
            quantized_example("vectors", cls(), ((1, 7), (7, 1)), (UINT8, UINT8), coarse),
        )
