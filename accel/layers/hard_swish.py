"""HardSwish: a number times its hard sigmoid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class HardSwish(Unary):
    """``x * max(0, min(1, x / 6 + 1 / 2))``."""

    op: ClassVar[str] = "HardSwish"

    def function(self, x: Reals) -> Reals:
        return x * np.clip(x / 6 + 0.5, 0.0, 1.0)
