"""What kernels with a multiply-accumulate array share: weights as stored, multipliers of one product or two."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel.fixedpoint import signed_bits
from accel.intervals import Interval
from accel.packing import Packing, mac_multipliers
from accel.schedule.base import LayerKernel


class MacKernel(LayerKernel):
    """A kernel whose steps multiply ``simd`` elements by the weights of several rows each."""

    @property
    @abstractmethod
    def element(self) -> Interval:
        """What a multiplier is given of a tensor; zero included."""

    @cached_property
    @abstractmethod
    def weights(self) -> NDArray[np.int16]:
        """The weights, shape (words, rows, simd), a word for each step; zeros past ragged ends."""

    @property
    def weight_bits(self) -> int:
        """The narrowest signed width of the weights."""
        return signed_bits(int(self.weights.min()), int(self.weights.max()))

    @property
    def packing(self) -> Packing | None:
        return Packing(self.element, Interval(min(int(self.weights.min()), 0), max(int(self.weights.max()), 0)))

    @property
    def chosen_packing(self) -> Packing | None:
        """How a multiplier computes two products, where the fold has it so."""
        return self.packing if self.fold.packed else None

    @property
    def stored_weights(self) -> NDArray[np.int16]:
        """`weights` as the memory holds them."""
        packing = self.chosen_packing
        return self.weights if packing is None else packing.stored(self.weights)

    @property
    def stored_weight_bits(self) -> int:
        """Signed width of a weight in the memory."""
        packing = self.chosen_packing
        return self.weight_bits if packing is None else packing.stored_bits

    @property
    def mac_multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        """Multipliers of the array, as `multipliers` has them."""
        _, rows, simd = self.weights.shape
        return mac_multipliers(rows, simd, self.element.bits, self.weight_bits, self.chosen_packing)
