"""Pad: zeros around a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import ModelError
from accel.layers.arithmetic import INT8, UINT4, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import Move, moved_work
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Pad(Move):
    """Zeros before and after each axis; in integers, the zero point.

    Attributes
    ----------
    padding : tuple of int
        All begins, then all ends, as in ONNX; one of each per axis of a sample.
    """

    op: ClassVar[str] = "Pad"

    padding: tuple[int, ...]

    def __post_init__(self) -> None:
        if min(self.padding, default=0) < 0:
            raise ModelError(f"Pad padding must not be negative, not {self.padding}")
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        axes = len(shape)
        if len(self.padding) != 2 * axes:
            raise ModelError(f"Pad padding must have {2 * axes} entries for shape {shape}, not {len(self.padding)}")
        return (tuple(self.padding[i] + shape[i] + self.padding[axes + i] for i in range(axes)),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return moved_work(only(shapes, self), self.infer(shapes)[0])

    def move(self, x: Array) -> Array:
        axes = x.ndim - 1
        return np.pad(x, ((0, 0), *((self.padding[i], self.padding[axes + i]) for i in range(axes))))

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("image", cls(padding=(0, 1, 2, 0, 0, 1)), ((2, 3, 4),)),
            quantized_example("channels", cls(padding=(1, 0, 0, 2, 0, 0)), ((3, 2, 2),), (UINT8,), UINT8),
            quantized_example("sequence to other scale", cls(padding=(2, 0, 1, 0)), ((3, 2),), (INT8,), UINT4),
        )
