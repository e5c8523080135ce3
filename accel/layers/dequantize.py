"""Dequantize: where integers become real numbers again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.fixedpoint import Quantization
from accel.layers.arithmetic import INT4, INT8, UINT8
from accel.layers.base import Array, Example, Layer, Shape, only
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Dequantize(Layer):
    """DequantizeLinear at a network's border: stored integers in, float32 out. It runs on the host, by `forward`.

    Attributes
    ----------
    quantization : Quantization
        The input's.
    """

    op: ClassVar[str] = "Dequantize"

    quantization: Quantization

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        return (only(shapes, self),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        return (Work(kind=Kind.POINTWISE, ifmap=elements, ofmap=elements, ops=elements),)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self.quantization.dequantize(inputs[0]),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return tuple(
            Example(name=name, layer=cls(quantization=q), shapes=(shape,), quantizations=(q,))
            for name, q, shape in (("int8", INT8, (3, 2, 3)), ("uint8", UINT8, (5,)), ("four bits", INT4, (7, 4)))
        )
