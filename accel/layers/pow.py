"""Pow: a constant power of a number; the square root and the reciprocal are powers too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.layers.base import Array, Example, Shape
from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Pow(Unary):
    """``x ** exponent``.

    Attributes
    ----------
    exponent : float
        Finite; 1/2 is the square root, -1 the reciprocal.
    """

    op: ClassVar[str] = "Pow"

    exponent: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.exponent):
            raise ModelError(f"Pow exponent must be finite, not {self.exponent}")
        super().__post_init__()

    def function(self, x: Reals) -> Reals:
        with np.errstate(all="ignore"):
            return np.power(x, self.exponent)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        low, high = inputs[0].centered_range
        if (low < 0 and not self.exponent.is_integer()) or (self.exponent < 0 and low <= 0 <= high):
            raise ModelError(
                f"Pow {self.exponent} must be of numbers it has a value for, not of all in [{low}, {high}]"
            )
        return super().quantized(shapes, inputs, output, weight_scale)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (*cls(exponent=2.0).awkward("square, "), *cls(exponent=3.0).awkward("cube, "))
