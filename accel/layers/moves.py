"""What layers that only move or select elements share; no layer type lives here."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.base import Array, Layer, Shape
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Move(Layer):
    """A layer of one input that computes nothing but moves, selects or zero-fills elements.

    Between equal quantisations the integers pass unchanged and there is no `requantize`; else it has one scale,
    input's over output's. Selection by order (a maximum) commutes with it, since it is monotone.
    """

    keeps_elements: ClassVar[bool] = False
    """Whether every element of the input is in the output, once."""

    @abstractmethod
    def move(self, x: Array) -> Array:
        """Return the output for ``x``, batch axis first, of any type; zero stands for zero."""

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self.move(inputs[0]),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        return replace(self, requantize=requantize_between(inputs[0], output))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        zero_point = quantizations[0].zero_point
        moved = self.move(inputs[0].astype(np.int64) - zero_point)
        return (self.requantize(moved) if self.requantize is not None else moved + zero_point,)


def requantize_between(source: Quantization, output: Quantization) -> Requantize | None:
    """Return what takes integers of ``source`` to ``output``, or ``None`` if they pass unchanged."""
    same = source.scale == output.scale and source.zero_point == output.zero_point
    if same and output.low <= source.low and source.high <= output.high:
        return None
    return Requantize.onto(output, source.scale / output.scale)


def moved_work(shape: Shape, output: Shape) -> tuple[Work, ...]:
    """Return the Work of reading ``shape`` and writing ``output`` in another order."""
    return (Work(kind=Kind.MOVE, ifmap=math.prod(shape), ofmap=math.prod(output)),)


LAYOUT_ONLY = (Work(kind=Kind.MOVE),)
"""The Work of a new shape for the same elements in the same order: nothing is moved."""
