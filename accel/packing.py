"""Two products of one multiplication: what two weights of an element take where a multiplier is wide enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel.intervals import Interval

MAC, PACKED_MAC = "mac", "packed mac"
"""Uses of multipliers, as `KernelSpec.multipliers` names them: of one product, and of two."""


@dataclass(frozen=True, slots=True)
class Packing:
    """The products of an element by a lower and an upper weight, as one: ``x * (upper * 2**low_bits + lower)``.

    Of that product ``P`` the lowest ``low_bits`` are ``x * lower`` in two's complement. What is above them is ``x *
    upper``, less one where ``x * lower`` is negative: ``x * upper == (P >> low_bits) + (P >> low_bits - 1 & 1)``.

    The multiplied word is two fields side by side and needs no adder: a negative lower weight, sign-extended into its
    field, counts ``2**low_bits`` too much, which `stored` takes from the upper weight when the memory is filled.

    Attributes
    ----------
    element, weight : Interval
        Of every operand; both hold zero.

    References
    ----------
    Fu et al., "Deep Learning with INT8 Optimization on Xilinx Devices", Xilinx WP486, 2017.
    """

    element: Interval
    weight: Interval

    @property
    def product(self) -> Interval:
        """Every product of an element and a weight."""
        ends = [x * w for x in (self.element.low, self.element.high) for w in (self.weight.low, self.weight.high)]
        return Interval(min(ends), max(ends))

    @property
    def low_bits(self) -> int:
        """Width of the lower field, of the weight and of its product."""
        return max(self.product.bits, self.weight.bits)

    @property
    def stored_bits(self) -> int:
        """Signed width of a weight as `stored` has it."""
        return Interval(self.weight.low - (self.weight.low < 0), self.weight.high).bits

    @property
    def word_bits(self) -> int:
        """Signed width of the multiplied word."""
        return self.low_bits + self.stored_bits

    @property
    def product_bits(self) -> int:
        """Signed width of what is read of the product: both fields, the upper one less one at most."""
        return self.low_bits + Interval(self.product.low - 1, self.product.high).bits

    def stored(self, weights: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return weights of shape (words, rows, simd) as a memory holds them.

        Rows 2i and 2i + 1 are a lower and an upper one; the last of an odd number is neither.
        """
        stored = weights.copy()
        stored[:, 1::2] -= weights[:, : weights.shape[1] // 2 * 2 : 2] < 0
        return stored


def mac_multipliers(
    rows: int, simd: int, element_bits: int, weight_bits: int, packing: Packing | None
) -> Mapping[str, tuple[int, int, int]]:
    """Return the multipliers of a multiply-accumulate array, as `KernelSpec.multipliers` has them."""
    if packing is None:
        return {MAC: (rows * simd, element_bits, weight_bits)}
    pairs, alone = divmod(rows, 2)
    found = {PACKED_MAC: (pairs * simd, element_bits, packing.word_bits)}
    return found | ({MAC: (simd, element_bits, packing.stored_bits)} if alone else {})


def products(multipliers: Mapping[str, tuple[int, int, int]]) -> int:
    """Return the products of multiply-accumulates a cycle."""
    return sum(each * multipliers[use][0] for use, each in ((MAC, 1), (PACKED_MAC, 2)) if use in multipliers)
