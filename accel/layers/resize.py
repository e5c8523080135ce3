"""Resize to the nearest element: up or down, along the spatial axes."""

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
class Resize(Move):
    """Every output position takes the value of one input position, separately along each spatial axis.

    Attributes
    ----------
    sources : tuple of tuples of int
        For each axis after the channels, the input index of every output index: ``(0, 0, 1, 1)`` doubles an axis.
    """

    op: ClassVar[str] = "Resize"

    sources: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.sources or not all(self.sources) or min(map(min, self.sources)) < 0:
            raise ModelError("Resize must have a source for at least one position along each spatial axis")
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if len(shape) != len(self.sources) + 1:
            raise ModelError(f"Resize input must have {len(self.sources)} spatial axes, not shape {shape}")
        if any(max(source) >= size for source, size in zip(self.sources, shape[1:], strict=True)):
            raise ModelError(f"Resize sources must lie within the input {shape}")
        return ((shape[0], *map(len, self.sources)),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return moved_work(only(shapes, self), self.infer(shapes)[0])

    def move(self, x: Array) -> Array:
        for axis, source in enumerate(self.sources):
            x = np.take(x, source, axis + 2)
        return x

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        twice = (0, 0, 1, 1, 2, 2)
        return (
            quantized_example("doubled", cls(sources=(twice, twice)), ((2, 3, 3),)),
            quantized_example("columns halved", cls(sources=((0, 1), (0, 2))), ((3, 2, 4),), (UINT8,), UINT8),
            quantized_example("one dimension", cls(sources=((0, 1, 1, 2, 2),)), ((2, 3),)),
        )
