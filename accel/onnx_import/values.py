"""What a tensor of the model is while the graph is lowered: a constant, or an activation with its batch axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError
from accel.fixedpoint import Quantization, signed_bits

Array = NDArray[Any]

MIN_BITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """The integers behind a constant that went through DequantizeLinear.

    Attributes
    ----------
    values : int64 array
        Zero point subtracted.
    scale : float64 array, shape () or (n,)
        One, or one per index along ``axis``.
    axis : int, optional
        The axis of the scales; ``None`` when there is one for the tensor.
    bits : int
        Signed width that holds every value the stored type could have taken.
    """

    values: Array
    scale: Array
    axis: int | None
    bits: int


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A tensor whose values are known.

    Attributes
    ----------
    array : array
    bits : int
        Width of an element; 4 in an int8 array for ONNX's INT4.
    bounds : (int, int), optional
        The integers an integer constant could have held, where a Clip made them fewer than the type's.
    codes : Codes, optional
        Present after a DequantizeLinear.
    """

    array: Array
    bits: int
    bounds: tuple[int, int] | None = None
    codes: Codes | None = None

    @property
    def range(self) -> tuple[int, int]:
        """The lowest and highest integer an element can hold."""
        if self.bounds is not None:
            return self.bounds
        if self.array.dtype.kind == "u":
            return 0, (1 << self.bits) - 1
        return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1

    def transposed(self, permutation: tuple[int, ...]) -> Const:
        """Return the constant with its axes permuted, and its codes with it."""
        codes = self.codes
        if codes is not None:
            axis = None if codes.axis is None else permutation.index(codes.axis)
            codes = replace(codes, values=codes.values.transpose(permutation), axis=axis)
        return replace(self, array=self.array.transpose(permutation), codes=codes)

    def reshaped(self, shape: tuple[int, ...]) -> Const:
        """Return the constant in another shape; codes survive where their scales still lie along one axis."""
        codes = self.codes
        if codes is not None:
            axis = codes.axis
            if axis is not None:
                sizes = [a for a, size in enumerate(shape) if size == codes.scale.size]
                before = int(np.prod(self.array.shape[:axis]))
                kept = [a for a in sizes if int(np.prod(shape[:a])) == before]
                axis = kept[0] if kept else -1
            codes = None if axis == -1 else replace(codes, values=codes.values.reshape(shape), axis=axis)
        return replace(self, array=self.array.reshape(shape), codes=codes)

    def scalar(self, what: str) -> float:
        """Return the one value it has."""
        if self.array.size != 1:
            raise ModelError(f"{what} must be one number, not a tensor of shape {self.array.shape}")
        return float(self.array.reshape(()))


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor that is computed.

    Attributes
    ----------
    name : str
        Of the tensor in the network that holds its values; differs from the model's name where a layer was dropped.
    shape : tuple of int
        As the model sees it, the batch axis included.
    batch_axis : int, optional
        Where the batch axis is; ``None`` if there is none.
    quantization : Quantization, optional
        Present when it holds integers.
    """

    name: str
    shape: tuple[int, ...]
    batch_axis: int | None
    quantization: Quantization | None = None

    @property
    def sample(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(d for axis, d in enumerate(self.shape) if axis != self.batch_axis)

    def sample_axis(self, axis: int, what: str) -> int:
        """Return the axis of the sample that ``axis`` of the model's tensor is, refusing the batch axis."""
        rank = len(self.shape)
        if not -rank <= axis < rank:
            raise ModelError(f"{what} must lie in [{-rank}, {rank - 1}], not {axis}")
        axis %= rank
        if axis == self.batch_axis:
            raise ModelError(f"{what} must not be the batch axis, {axis}")
        return axis - (self.batch_axis is not None and axis > self.batch_axis)


def bits_of(low: int, high: int, *, signed: bool) -> int:
    """Return the width of the narrowest type that holds ``[low, high]``, at least two bits."""
    return max(MIN_BITS, signed_bits(low, high) if signed else max(high, 0).bit_length())


Value = Const | Activation


def with_batch(sample: tuple[int, ...], batch_axis: int | None, batch: int) -> tuple[int, ...]:
    """Return the model's shape of a tensor from that of one sample."""
    return sample if batch_axis is None else (*sample[:batch_axis], batch, *sample[batch_axis:])
