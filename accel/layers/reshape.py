"""Reshape: another shape for the same elements; Squeeze and Unsqueeze are Reshapes too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only, positive
from accel.layers.moves import LAYOUT_ONLY, Move
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Reshape(Move):
    """Another shape for the same elements in the same order; layout only.

    Attributes
    ----------
    shape : tuple of int
        The output's, of one sample; every entry known.
    """

    op: ClassVar[str] = "Reshape"
    keeps_elements: ClassVar[bool] = True

    shape: Shape

    def __post_init__(self) -> None:
        positive("Reshape shape", self.shape)
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if math.prod(shape) != math.prod(self.shape):
            raise ModelError(f"Reshape must keep the number of elements, not turn {shape} into {self.shape}")
        return (self.shape,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return LAYOUT_ONLY

    def move(self, x: Array) -> Array:
        return x.reshape(x.shape[0], *self.shape)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("to a sequence", cls(shape=(6, 4)), ((4, 2, 3),)),
            quantized_example("squeeze", cls(shape=(5,)), ((5, 1, 1),), (UINT8,), UINT8),
            quantized_example("unsqueeze", cls(shape=(1, 3, 4)), ((3, 4),)),
        )
