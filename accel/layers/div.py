"""Div: one tensor over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import ModelError
from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example, Shape
from accel.layers.elementwise import Elementwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Div(Elementwise):
    """The first operand over the second. It has no integer form; division by a constant is a `Mul`."""

    op: ClassVar[str] = "Div"

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        if len(shapes) + (self.constant_shape is not None) != 2:
            raise ModelError(f"Div must have two operands, not {len(shapes) + (self.constant_shape is not None)}")
        return super().infer(shapes)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        a, b = self.operands(inputs)
        with np.errstate(divide="ignore", invalid="ignore"):
            return ((a / b).astype(inputs[0].dtype),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            float_example("tensors", cls(), ((3, 2), (3, 2))),
            float_example("per row", cls(), ((3, 2), (3, 1))),
        )
