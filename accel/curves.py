"""Curves: functions of a fixed-point number wider than a table's address, with or without linear interpolation.

One pair of arrays, the base and the rise of every segment, is read by numpy and by the gateware's ROM.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError
from accel.fixedpoint import FixedPoint, Ints, round_half_even

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

MIN_INDEX_BITS = 2
MAX_INDEX_BITS = 12


@dataclass(frozen=True, eq=False)
class Curve:
    """A function of one fixed-point number, cut into ``2**index_bits`` segments of equal length.

    The high bits of the input choose the segment. With interpolation its low bits move along the segment:
    ``base + rhe(rise * low_bits / 2**segment_bits)``; without, every input of a segment gets the value in its middle.

    Attributes
    ----------
    function : callable
        From float64 to float64, element by element; monotone or not, finite over the input's range.
    source, output : FixedPoint
        Of input, which is signed, and output.
    index_bits : int
        2 to 12, at most the input's width.
    interpolate : bool

    Raises
    ------
    ModelError
        If the input is unsigned or ``index_bits`` is out of range.
    """

    function: Function
    source: FixedPoint
    output: FixedPoint
    index_bits: int
    interpolate: bool = True

    def __post_init__(self) -> None:
        if not self.source.signed:
            raise ModelError("the input of an interpolated table must be signed")
        most = min(MAX_INDEX_BITS, self.source.bits)
        if not MIN_INDEX_BITS <= self.index_bits <= most:
            raise ModelError(f"the index of a table must have {MIN_INDEX_BITS} to {most} bits, not {self.index_bits}")

    @property
    def segment_bits(self) -> int:
        """Low bits of the input, those within a segment."""
        return self.source.bits - self.index_bits

    @cached_property
    def base(self) -> Ints:
        """What each segment starts from, shape (2**index_bits,), in the order of the index's bits.

        A negative input's two's complement high bits are the address of its segment, so those entries come last.
        """
        if self.interpolate or not self.segment_bits:
            return self._values(self._starts)
        return self._values(self._starts + (1 << self.segment_bits) / 2 - 0.5)

    @cached_property
    def rise(self) -> Ints:
        """How much each segment rises to the start of the next one, shape (2**index_bits,); 0 if not interpolated."""
        if not self.interpolate or not self.segment_bits:
            return np.zeros_like(self.base)
        return self._values(self._starts + (1 << self.segment_bits)) - self.base

    @property
    def _starts(self) -> NDArray[np.float64]:
        """The first input of every segment, in the order of the index's bits."""
        index = np.arange(1 << self.index_bits, dtype=np.int64)
        index = np.where(index >> (self.index_bits - 1), index - (1 << self.index_bits), index)
        return (index << self.segment_bits).astype(np.float64)

    def _values(self, inputs: NDArray[np.float64]) -> Ints:
        return self.output.nearest(self.function(inputs * self.source.scale))

    def __call__(self, q: Ints) -> Ints:
        """Return the output integers for input integers, all within the input's range."""
        segment = q >> self.segment_bits
        within = q & ((1 << self.segment_bits) - 1)
        return self.base[segment] + round_half_even(self.rise[segment] * within, self.segment_bits)

    @cached_property
    def max_error(self) -> float:
        """The largest distance from the function, over every input there is."""
        q = np.arange(self.source.low, self.source.high + 1, dtype=np.int64)
        exact: NDArray[Any] = self.function(q * np.float64(self.source.scale))
        return float(np.abs(self(q) * self.output.scale - exact).max())

    @property
    def tail_error(self) -> float:
        """The largest distance from the function beyond the input's range, where the input saturates.

        For a function that settles: it is looked at up to 64 times the range.
        """
        beyond = self.source.scale * (1 << (self.source.bits - 1)) * np.geomspace(1, 64, 4096)
        low, high = self(np.array([self.source.low, self.source.high])) * self.output.scale
        return float(max(np.abs(self.function(-beyond) - low).max(), np.abs(self.function(beyond) - high).max()))
