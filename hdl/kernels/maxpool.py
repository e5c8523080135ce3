"""Max pooling."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Mux, Value

from accel.fixedpoint import Ints
from accel.schedule import maxpool
from hdl.pool import Pool


class MaxPool(Pool):
    """The largest element of each window; padding reads as the least there is."""

    kind = maxpool.MaxPool.kind
    spec: maxpool.MaxPool

    def combine(self, a: Value, b: Value) -> Value:
        return Mux(a > b, a, b)

    @property
    def fill(self) -> int:
        return self.spec.accumulator.low

    @property
    def multipliers(self) -> Ints:
        assert self.spec.requantize is not None
        return np.full((1, self.spec.lanes), self.spec.requantize.multipliers[0])
