"""Intervals that contractions stay in, from which register widths follow; exact for the actual weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.fixedpoint import signed_bits


@dataclass(frozen=True, slots=True)
class Interval:
    """The integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def bits(self) -> int:
        """Width of the narrowest two's complement register that holds it."""
        return signed_bits(self.low, self.high)


def accumulator_interval(
    weights: NDArray[Any], bias: NDArray[Any] | None, low: int, high: int, *, partial: bool = False
) -> Interval:
    """Return the tightest interval that holds ``weights @ x + bias`` for every ``x`` in ``[low, high]``.

    Parameters
    ----------
    weights : integer array, shape (m, k)
        One row per output.
    bias : integer array, shape (m,), optional
        What each accumulator starts from.
    low, high : int
        Bounds of every input element.
    partial : bool
        Also hold every partial sum, whatever the order of the terms and with the bias first: what an accumulator
        register needs, where the plain interval is what its final value needs.
    """
    weights = np.asarray(weights, np.int64)
    least = np.minimum(weights * low, weights * high)
    most = np.maximum(weights * low, weights * high)
    start = np.zeros(len(weights), np.int64) if bias is None else np.asarray(bias, np.int64)
    if partial:
        least, most = np.minimum(least, 0), np.maximum(most, 0)
    sums_low, sums_high = start + least.sum(axis=1), start + most.sum(axis=1)
    return Interval(int(sums_low.min()), int(sums_high.max()))
