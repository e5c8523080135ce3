"""Mul: the product of two tensors, or of a tensor and a constant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT4, INT8, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape
from accel.layers.elementwise import Elementwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Mul(Elementwise):
    """The product of two operands; in integers ``rhe(a b M)``, and `requantize` has one scale."""

    op: ClassVar[str] = "Mul"

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        if len(shapes) + (self.constant_shape is not None) != 2:
            raise ModelError(f"Mul must have two operands, not {len(shapes) + (self.constant_shape is not None)}")
        return super().infer(shapes)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        a, b = self.operands(inputs)
        return ((a * b).astype(inputs[0].dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        scale = math.prod(self.scales(inputs, weight_scale)) / output.scale
        return replace(self, requantize=Requantize.onto(output, scale))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        a, b = self.centered(inputs, quantizations)
        return (self.requantize(a * b),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        image = (3, 2, 4)
        coarse = Quantization(8.0, 5)
        per_channel = cls(constant_shape=(3, 1, 1), constant=np.array([-128, 0, 97], np.int16).reshape(3, 1, 1))
        scalar = cls(constant_shape=(), constant=np.array(127, np.int16))
        return (
            quantized_example("tensors", cls(), (image, image), (INT8, UINT8), coarse),
            quantized_example("saturating", cls(), ((5,), (5,)), (INT8, INT8), INT8),
            quantized_example("gate per channel", cls(), (image, (3, 1, 1)), (INT8, Quantization(1 / 256, -128))),
            quantized_example("constant per channel", per_channel, (image,), weight_scale=0.01),
            quantized_example("constant", scalar, ((4, 3),), (UINT8,), UINT8, weight_scale=0.005),
            quantized_example("four bits", cls(), ((7,), (7,)), (INT4, INT4), INT4),
        )
