"""ELU: an exponential on the negative side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Elu(Unary):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Attributes
    ----------
    alpha : float
        Minus the limit at negative infinity.
    """

    op: ClassVar[str] = "Elu"

    alpha: float = 1.0

    def function(self, x: Reals) -> Reals:
        return np.where(x >= 0, x, self.alpha * np.expm1(np.minimum(x, 0.0)))
