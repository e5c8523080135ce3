"""Sub: the difference of two tensors, or of a tensor and a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT8, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape
from accel.layers.elementwise import Elementwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Sub(Elementwise):
    """The first operand less the second; in integers ``rhe(a Ma - b Mb)``, one scale per operand."""

    op: ClassVar[str] = "Sub"

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        if len(shapes) + (self.constant_shape is not None) != 2:
            raise ModelError(f"Sub must have two operands, not {len(shapes) + (self.constant_shape is not None)}")
        return super().infer(shapes)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        a, b = self.operands(inputs)
        return ((a - b).astype(inputs[0].dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        scales = np.array(self.scales(inputs, weight_scale)) / output.scale
        return replace(self, requantize=Requantize.onto(output, scales))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        a, b = self.centered(inputs, quantizations)
        minuend, subtrahend = self.requantize.multipliers
        return (self.requantize.finish(a * minuend - b * subtrahend),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        image = (3, 2, 4)
        return (
            quantized_example("same scale", cls(), (image, image)),
            quantized_example("signed and unsigned", cls(), (image, image), (INT8, UINT8), UINT8),
            quantized_example(
                "constant", cls(constant_shape=(), constant=np.array(-77, np.int16)), ((5,),), weight_scale=0.2
            ),
        )
