"""LeakyReLU: negative numbers are made smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class LeakyRelu(Unary):
    """``x`` where positive, ``alpha * x`` elsewhere.

    Attributes
    ----------
    alpha : float
        Slope on the negative side.
    """

    op: ClassVar[str] = "LeakyRelu"

    alpha: float = 0.01

    def function(self, x: Reals) -> Reals:
        return np.where(x >= 0, x, self.alpha * x)
