"""HardSigmoid: a straight line between zero and one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class HardSigmoid(Unary):
    """``max(0, min(1, alpha * x + beta))``.

    Attributes
    ----------
    alpha, beta : float
        Slope and offset.
    """

    op: ClassVar[str] = "HardSigmoid"

    alpha: float = 0.2
    beta: float = 0.5

    def function(self, x: Reals) -> Reals:
        return np.clip(self.alpha * x + self.beta, 0.0, 1.0)
