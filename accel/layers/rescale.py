"""Rescale: from one quantisation to another, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.fixedpoint import Quantization
from accel.layers.arithmetic import INT4, INT8, UINT4, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import Move
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Rescale(Move):
    """Requantisation alone: a DequantizeLinear followed at once by a QuantizeLinear.

    In floating point it is the identity. Its `requantize` has one scale, input's over output's.
    """

    op: ClassVar[str] = "Rescale"

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        return (only(shapes, self),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        return (Work(kind=Kind.POINTWISE, ifmap=elements, ofmap=elements, ops=elements),)

    def move(self, x: Array) -> Array:
        return x

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("coarser", cls(), ((3, 2, 3),), (INT8,), Quantization(1.7, 5)),
            quantized_example("finer", cls(), ((5,),), (UINT4,), UINT8),
            quantized_example("narrower", cls(), ((4, 3),), (UINT8,), INT4),
            quantized_example("equal", cls(), ((4, 2, 3),), (UINT8,), UINT8),
            quantized_example("halves", cls(), ((7,),), (Quantization(0.5, 0),), Quantization(1.0, 0)),
            quantized_example("clipped", cls(), ((7,),), (INT8,), Quantization(0.5, 3, low=3, high=60)),
        )
