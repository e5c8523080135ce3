"""ReLU: negative numbers become zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Relu(Unary):
    """``max(x, 0)``. Behind a layer that rounds it folds into the saturation; alone it is a table."""

    op: ClassVar[str] = "Relu"

    def function(self, x: Reals) -> Reals:
        return np.maximum(x, 0.0)
