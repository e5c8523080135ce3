"""Tanh: the hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Tanh(Unary):
    """The hyperbolic tangent."""

    op: ClassVar[str] = "Tanh"

    def function(self, x: Reals) -> Reals:
        return np.tanh(x)
