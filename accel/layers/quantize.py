"""Quantize: where real numbers enter the integers."""

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
class Quantize(Layer):
    """QuantizeLinear at a network's border: float in, stored integers out. It runs on the host, by `forward`.

    Attributes
    ----------
    quantization : Quantization
        The output's.

    References
    ----------
    ONNX operator QuantizeLinear: division in float32, rounding half to even, saturation.
    """

    op: ClassVar[str] = "Quantize"

    quantization: Quantization

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        return (only(shapes, self),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        return (Work(kind=Kind.POINTWISE, ifmap=elements, ofmap=elements, ops=elements),)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self.quantization.quantize(inputs[0]),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return tuple(
            Example(name=name, layer=cls(quantization=q), shapes=(shape,), output=q)
            for name, q, shape in (
                ("int8", INT8, (3, 2, 3)),
                ("uint8", UINT8, (5,)),
                ("saturates at four bits", INT4, (7, 4)),
            )
        )
