"""The exponential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Exp(Unary):
    """``exp(x)``."""

    op: ClassVar[str] = "Exp"

    def function(self, x: Reals) -> Reals:
        return np.exp(x)
