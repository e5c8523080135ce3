"""ReflectPad: a sample mirrored at its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import ModelError
from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import Move, moved_work
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class ReflectPad(Move):
    """What lies inside an edge, mirrored to its outside; the edge itself is not repeated.

    Attributes
    ----------
    padding : tuple of int
        All begins, then all ends; one of each per axis of a sample.
    """

    op: ClassVar[str] = "ReflectPad"

    padding: tuple[int, ...]

    def __post_init__(self) -> None:
        if min(self.padding, default=0) < 0:
            raise ModelError(f"ReflectPad padding must not be negative, not {self.padding}")
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        axes = len(shape)
        if len(self.padding) != 2 * axes:
            raise ModelError(f"ReflectPad padding must have {2 * axes} entries for {shape}, not {len(self.padding)}")
        if any(max(self.padding[i], self.padding[axes + i]) >= shape[i] for i in range(axes)):
            raise ModelError(f"ReflectPad padding must be smaller than its input {shape}, not {self.padding}")
        return (tuple(self.padding[i] + shape[i] + self.padding[axes + i] for i in range(axes)),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return moved_work(only(shapes, self), self.infer(shapes)[0])

    def move(self, x: Array) -> Array:
        axes = x.ndim - 1
        widths = ((0, 0), *((self.padding[i], self.padding[axes + i]) for i in range(axes)))
        return np.pad(x, widths, mode="reflect")

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("rows and columns", cls(padding=(0, 1, 2, 0, 0, 1)), ((2, 3, 4),)),
            quantized_example("sequence", cls(padding=(2, 0, 2, 0)), ((3, 2),), (UINT8,), UINT8),
        )
