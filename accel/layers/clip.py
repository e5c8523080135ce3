"""Clip: numbers beyond two bounds become the bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import ModelError
from accel.layers.base import Example
from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip(Unary):
    """``min(max(x, low), high)``, ReLU6 among them. Behind a layer that rounds it folds into the saturation.

    Attributes
    ----------
    low, high : float
        The bounds; infinite for none. As in ONNX, ``high`` wins where ``low`` is above it.
    """

    op: ClassVar[str] = "Clip"

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high):
            raise ModelError(f"Clip bounds must be numbers, not {self.low} and {self.high}")
        super().__post_init__()

    def function(self, x: Reals) -> Reals:
        return np.minimum(np.maximum(x, self.low), self.high)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (*cls(low=0.0, high=6.0).awkward("ReLU6, "), *cls(low=-0.3).awkward("from below, "))
