"""Add: the sum of tensors, or of a tensor and a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT4, INT8, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape
from accel.layers.elementwise import Elementwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Add(Elementwise):
    """The sum of two or more tensors, or of a tensor and a constant.

    In integers ``rhe(a Ma + b Mb)``, one rounding: its `requantize` has one scale per addend, the constant's last,
    at one shift.
    """

    op: ClassVar[str] = "Add"

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        first, *others = self.operands(inputs)
        for other in others:
            first = first + other
        return (first.astype(inputs[0].dtype),)

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
        operands = self.centered(inputs, quantizations)
        first, *others = (a * m for a, m in zip(operands, self.requantize.multipliers, strict=True))
        for other in others:
            first = first + other
        return (self.requantize.finish(first),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        image = (3, 2, 4)
        fine = Quantization(0.01, -7)
        per_channel = cls(constant_shape=(3, 1, 1), constant=np.array([-128, 0, 97], np.int16).reshape(3, 1, 1))
        return (
            quantized_example("same scale", cls(), (image, image)),
            quantized_example("signed and unsigned", cls(), (image, image), (INT8, UINT8), UINT8),
            quantized_example("far apart", cls(), (image, image), (INT8, fine), Quantization(0.6, 1)),
            quantized_example("halves", cls(), ((8,), (8,)), (INT8, INT8), Quantization(1.0, 0)),
            quantized_example("vector", cls(), ((1,), (1,)), (INT4, INT4), INT4),
            quantized_example("per channel", cls(), (image, (3, 1, 1)), (INT8, UINT8), INT8),
            quantized_example("constant per channel", per_channel, (image,), weight_scale=0.3),
            quantized_example("relu", cls(), (image, image), (INT8, UINT8), Quantization(0.4, -9, low=-9)),
            quantized_example("three addends", cls(), ((4, 3), (4, 3), (4, 3)), (INT8, UINT8, fine)),
        )
