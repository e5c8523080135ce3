"""What operators of one real number share; no layer type lives here."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from accel.fixedpoint import Ints, Quantization
from accel.layers.arithmetic import INT4, INT8, UINT8, quantized_example
from accel.layers.base import Array, Example, Layer, Shape, only
from accel.lut import table
from accel.work import Kind, Work

Reals = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Unary(Layer):
    """A function of one real number, applied to every element.

    In integers it is a table of 256 entries or fewer, computed in float64: one rounding, and no `requantize`.

    Attributes
    ----------
    table : int64 array, shape (2**bits of the input,), optional
        The stored output for every stored input, in an integer network; see `accel.lut.table`.
    """

    table: Ints | None = None

    @abstractmethod
    def function(self, x: Reals) -> Reals:
        """Return the function of ``x``, in float64, element by element."""

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        return (only(shapes, self),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        return (Work(kind=Kind.POINTWISE, ifmap=elements, ofmap=elements, ops=elements),)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self.function(inputs[0].astype(np.float64)).astype(inputs[0].dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        return replace(self, table=table(self.function, inputs[0], output))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.table is not None
        return (self.table[inputs[0].astype(np.int64)],)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return cls().awkward()

    def awkward(self, prefix: str = "") -> tuple[Example, ...]:
        """Return this layer between several quantisations."""
        fine = Quantization(1 / 32, -9)
        unit = Quantization(1 / 256, 0, signed=False)
        return (
            quantized_example(f"{prefix}image", self, ((3, 3, 4),), (fine,), fine),
            quantized_example(f"{prefix}to unsigned", self, ((9,),), (fine,), unit),
            quantized_example(f"{prefix}from unsigned", self, ((5, 4),), (UINT8,), INT8),
            quantized_example(f"{prefix}four bits", self, ((7,),), (INT4,), INT4),
        )


def logistic(x: Reals) -> Reals:
    """Return ``1 / (1 + exp(-x))`` without overflow."""
    small: Any = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)
