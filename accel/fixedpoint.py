"""Requantisation, rounding, saturation and the widths that integers need: written once, read by numpy and gateware.

The functions that round and shift are made of operators only, so they run unchanged on Python ints, numpy integer
arrays, numba scalars and Amaranth signed values.

References
----------
ONNX operators QLinearConv and QuantizeLinear: ``y = saturate(round_half_even(acc * M) + zero_point)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError, shown

Ints = NDArray[np.int64]

DEFAULT_SIGNIFICAND_BITS = 24
MIN_SIGNIFICAND_BITS = 2
MAX_SHIFT = 62
ACCUMULATOR_BITS = 32
MIN_FRACTION, MAX_FRACTION = -8, 24
"""Of a `FixedPoint`; a product of two of them then shifts by at most `MAX_SHIFT` to any other."""


def round_half_even(product: Any, shift: int) -> Any:
    """Return ``product / 2**shift`` rounded half to even, for ``shift >= 0``; operators only.

    ``product`` may be a Python int, a numpy integer array or a signed Amaranth value. The caller sees to it that
    ``product + 2**(shift-1)`` fits its type.
    """
    if shift == 0:
        return product
    return (product + ((1 << (shift - 1)) - 1) + ((product >> shift) & 1)) >> shift


def saturate(value: Ints, low: int, high: int) -> Ints:
    """Return ``value`` clamped to ``[low, high]``."""
    return np.clip(value, low, high)


def signed_bits(low: int, high: int) -> int:
    """Return the width of the narrowest two's complement register that holds every integer of ``[low, high]``."""
    return max(_magnitude_bits(low), _magnitude_bits(high)) + 1


def _magnitude_bits(value: int) -> int:
    return (~value if value < 0 else value).bit_length()


_OF_THE_TYPE = 1 << 62
"""A bound that was not given: beyond every type, and replaced by the type's own."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """How an activation tensor's integers stand for real numbers: ``real = (q - zero_point) * scale``.

    Attributes
    ----------
    scale : float
        A positive, finite float32 value.
    zero_point : int
        The integer that stands for zero; within ``[low, high]`` of the type.
    bits : int
        Width, 2 to 16; or 32, of accumulators that leave a network as they are.
    signed : bool
        Two's complement or unsigned.
    low, high : int
        The integers the tensor can hold; narrower than the type after a Clip or ReLU. Default: the type's range.
    """

    scale: float
    zero_point: int = 0
    bits: int = 8
    signed: bool = True
    low: int = _OF_THE_TYPE
    high: int = _OF_THE_TYPE

    def __post_init__(self) -> None:
        if not (isinstance(self.bits, int) and (2 <= self.bits <= 16 or self.bits == ACCUMULATOR_BITS)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(f"activation bits must be 2 to 16, not {shown(self.bits)}")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ModelError(f"scale must be positive and finite, not {self.scale!r}")
        low, high = self.type_range
        if self.low == _OF_THE_TYPE:
            object.__setattr__(self, "low", low)
        if self.high == _OF_THE_TYPE:
            object.__setattr__(self, "high", high)
        if not low <= self.low <= self.high <= high:
            raise ModelError(f"integer range must lie in [{low}, {high}], not [{self.low}, {self.high}]")
        if not low <= self.zero_point <= high:
            raise ModelError(f"zero point must lie in [{low}, {high}], not {self.zero_point}")

    @property
    def type_range(self) -> tuple[int, int]:
        """The lowest and highest integer of the type."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type that holds it: int8, uint8, int16 or uint16; int32 or uint32 for accumulators."""
        return np.dtype(f"{'' if self.signed else 'u'}int{max(8, 1 << (self.bits - 1).bit_length())}")

    @property
    def centered_range(self) -> tuple[int, int]:
        """The lowest and highest value of ``q - zero_point``."""
        return self.low - self.zero_point, self.high - self.zero_point

    def quantize(self, real: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Return the integers of ``real``, as QuantizeLinear does: float32 division, half to even, saturation."""
        with np.errstate(over="ignore"):  # an infinite quotient saturates like any other
            scaled = np.rint(np.asarray(real, np.float32) / np.float32(self.scale))
        return np.clip(scaled + self.zero_point, self.low, self.high).astype(self.dtype)

    def dequantize(self, q: NDArray[Any]) -> NDArray[np.float32]:
        """Return the float32 real numbers of ``q``, as DequantizeLinear does."""
        return (q.astype(np.int32) - self.zero_point).astype(np.float32) * np.float32(self.scale)


@dataclass(frozen=True, eq=False)
class Requantize:
    """The one rounding at a layer's output: ``saturate(round_half_even(acc * multiplier / 2**shift) + zero_point)``.

    One shift serves the layer and its channels carry integer multipliers at that shift, so gateware needs no barrel
    shifter. At 24 significant bits the largest multiplier is its float32 scale exactly.

    Attributes
    ----------
    scales : float64 array, shape (n,)
        ``input_scale * weight_scale / output_scale``: one, or one per channel, per addend or per divisor.
    zero_point, low, high : int
        The output's zero point and saturation bounds (ReLU and Clip fold into the bounds).
    significand_bits : int
        Bits of the largest multiplier; 24 unless a target asks for fewer.
    """

    scales: NDArray[np.float64]
    zero_point: int
    low: int
    high: int
    significand_bits: int = DEFAULT_SIGNIFICAND_BITS

    def __post_init__(self) -> None:
        scales = np.atleast_1d(np.asarray(self.scales, np.float64))
        if scales.ndim != 1 or not scales.size:
            raise ModelError(f"requantisation scales must be a vector, not of shape {scales.shape}")
        if not np.all(np.isfinite(scales) & (scales > 0)):
            raise ModelError("requantisation scales must be positive and finite")
        object.__setattr__(self, "scales", scales)
        if not MIN_SIGNIFICAND_BITS <= self.significand_bits <= DEFAULT_SIGNIFICAND_BITS:
            raise ModelError(
                f"significand bits must be {MIN_SIGNIFICAND_BITS} to {DEFAULT_SIGNIFICAND_BITS}, "
                f"not {shown(self.significand_bits)}"
            )
        if not 0 <= self.shift <= MAX_SHIFT:
            raise ModelError(
                f"requantisation scale must lie in [2**{self.significand_bits - MAX_SHIFT - 1}, "
                f"2**{self.significand_bits}) at {self.significand_bits} significand bits, "
                f"not {float(self.scales.max())!r}"
            )

    @classmethod
    def onto(cls, output: Quantization, scales: NDArray[np.float64] | float) -> Requantize:
        """Return the requantisation by ``scales`` onto a tensor quantised as ``output``."""
        return cls(np.atleast_1d(np.asarray(scales, np.float64)), output.zero_point, output.low, output.high)

    def part(self, which: slice) -> Requantize:
        """Return the requantisation by some of the scales, their multipliers and the shift unchanged.

        Raises
        ------
        ModelError
            If the others are so much larger that too few significant bits are left.
        """
        scales = self.scales[which]
        bits = self.significand_bits
        while bits >= MIN_SIGNIFICAND_BITS:
            found = replace(self, scales=scales, significand_bits=bits)
            if found.shift == self.shift:
                return found
            bits -= 1
        raise ModelError(f"requantisation scales must not differ as much as {self.scales.max() / scales.max():.3g}")

    @cached_property
    def shift(self) -> int:
        """The layer's one right shift."""
        _, exponent = math.frexp(float(self.scales.max()))
        shift = self.significand_bits - exponent
        # Rounding up to 2**significand_bits would need one bit more: take the next exponent.
        if round(math.ldexp(float(self.scales.max()), shift)) >> self.significand_bits:
            shift -= 1
        return shift

    @cached_property
    def multipliers(self) -> Ints:
        """The integer multipliers at that shift, shape (n,); a channel too small for the shift gets 0."""
        return np.rint(np.ldexp(self.scales, self.shift)).astype(np.int64)

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the largest multiplier."""
        return int(self.multipliers.max()).bit_length()

    def product_bits(self, acc_low: int, acc_high: int) -> int:
        """Return the signed width of ``acc * multiplier`` plus the rounding increment, for acc in the interval."""
        largest = int(self.multipliers.max())
        half = 1 << max(self.shift - 1, 0)
        return signed_bits(min(acc_low * largest, 0) - half, max(acc_high * largest, 0) + half)

    def finish(self, product: Ints) -> Ints:
        """Round, shift, add the zero point and saturate already multiplied accumulators (int64)."""
        return saturate(round_half_even(product, self.shift) + self.zero_point, self.low, self.high)

    def __call__(self, acc: Ints, axis: int | None = None) -> Ints:
        """Requantise int64 accumulators; ``axis`` is the channel axis when there is a multiplier per channel."""
        multipliers = self.multipliers
        if multipliers.size > 1:
            shape = [1] * acc.ndim
            shape[axis if axis is not None else 0] = -1
            multipliers = multipliers.reshape(shape)
        return self.finish(acc * multipliers)


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A number format whose scale is a power of two: ``real = q * 2**-fraction``, no zero point.

    Attributes
    ----------
    bits : int
        Width, 2 to 16.
    fraction : int
        Bits behind the binary point, -8 to 24; may be more than ``bits``.
    signed : bool
        Two's complement or unsigned.
    """

    bits: int
    fraction: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 16:
            raise ModelError(f"fixed-point bits must be 2 to 16, not {shown(self.bits)}")
        if not MIN_FRACTION <= self.fraction <= MAX_FRACTION:
            raise ModelError(
                f"fixed-point fraction must be {MIN_FRACTION} to {MAX_FRACTION}, not {shown(self.fraction)}"
            )

    @classmethod
    def of(cls, quantization: Quantization) -> FixedPoint:
        """Return the format of integers without a zero point whose scale is a power of two.

        Raises
        ------
        ModelError
            If there is a zero point, or the scale is no power of two.
        """
        significand, exponent = math.frexp(quantization.scale)
        if quantization.zero_point or significand != 0.5:
            raise ModelError(
                f"a recurrent state must have a power of two as scale and no zero point, not {quantization.scale!r} "
                f"and {quantization.zero_point}"
            )
        return cls(quantization.bits, 1 - exponent, quantization.signed)

    @property
    def low(self) -> int:
        """The lowest integer."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The highest integer."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def scale(self) -> float:
        """What one step stands for."""
        return math.ldexp(1.0, -self.fraction)

    @property
    def quantization(self) -> Quantization:
        """The same format as an activation's quantisation."""
        return Quantization(self.scale, 0, self.bits, self.signed)

    def nearest(self, real: NDArray[np.floating[Any]]) -> Ints:
        """Return the integers of ``real``, half to even, saturated."""
        scaled = np.rint(np.ldexp(real.astype(np.float64), self.fraction))
        return np.clip(scaled, self.low, self.high).astype(np.int64)

    def fit(self, value: Ints, fraction: int) -> Ints:
        """Return ``value``, which has ``fraction`` bits behind the point, in this format: one rounding, saturation."""
        return saturate(align(value, fraction, self.fraction), self.low, self.high)


def align(value: Any, fraction: int, wanted: int) -> Any:
    """Return ``value`` with ``wanted`` instead of ``fraction`` bits behind the point; bits lost round half to even."""
    return round_half_even(value, fraction - wanted) if fraction >= wanted else value << (wanted - fraction)
