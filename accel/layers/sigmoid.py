"""Sigmoid: the logistic function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from accel.layers.unary import Reals, Unary, logistic


@dataclass(frozen=True, kw_only=True, eq=False)
class Sigmoid(Unary):
    """``1 / (1 + exp(-x))``."""

    op: ClassVar[str] = "Sigmoid"

    def function(self, x: Reals) -> Reals:
        return logistic(x)
