"""Softplus: a smooth ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Softplus(Unary):
    """``log(1 + exp(x))``."""

    op: ClassVar[str] = "Softplus"

    def function(self, x: Reals) -> Reals:
        return np.logaddexp(0.0, x)
