"""Average pooling."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Value

from accel.fixedpoint import Ints
from accel.schedule import averagepool
from hdl.pool import Pool


class AveragePool(Pool):
    """The sum of each window times the multiplier of its divisor; padding adds nothing."""

    kind = averagepool.AveragePool.kind
    spec: averagepool.AveragePool

    def combine(self, a: Value, b: Value) -> Value:
        return a + b

    @property
    def fill(self) -> int:
        return 0

    @property
    def multipliers(self) -> Ints:
        spec = self.spec
        assert spec.requantize is not None
        by_position = spec.requantize.multipliers[spec.divisor_class]
        by_result = np.repeat(by_position, spec.tiles) if len(spec.requantize.multipliers) > 1 else by_position[:1]
        return np.repeat(by_result[:, None], spec.lanes, axis=1)
