"""Slice: a regular part of each axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import Move, moved_work
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice(Move):
    """Every ``step``-th element from ``start`` on, ``count`` of them, along each axis.

    Attributes
    ----------
    start, count, step : tuple of int
        One entry per axis of a sample; steps may be negative, counts are positive.
    """

    op: ClassVar[str] = "Slice"

    start: tuple[int, ...]
    count: tuple[int, ...]
    step: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.start) == len(self.count) == len(self.step) or 0 in self.step:
            raise ModelError(f"Slice must have as many starts, counts and steps, no step zero, not {self.step}")
        if min(self.count, default=1) < 1:
            raise ModelError(f"Slice must keep at least one element of each axis, not {self.count}")
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if len(shape) != len(self.start):
            raise ModelError(f"Slice input must have {len(self.start)} axes, not shape {shape}")
        for size, start, count, step in zip(shape, self.start, self.count, self.step, strict=True):
            if not (0 <= start < size and 0 <= start + (count - 1) * step < size):
                raise ModelError(f"Slice must lie within its input {shape}, not start at {self.start}")
        return (self.count,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return moved_work(only(shapes, self), self.count)

    def move(self, x: Array) -> Array:
        cuts = [slice(None)]
        for start, count, step in zip(self.start, self.count, self.step, strict=True):
            end = start + count * step
            cuts.append(slice(start, end if end >= 0 else None, step))
        return x[tuple(cuts)]

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("channels", cls(start=(1, 0, 0), count=(2, 2, 3), step=(1, 1, 1)), ((4, 2, 3),)),
            quantized_example(
                "every other column", cls(start=(0, 0, 1), count=(2, 2, 2), step=(1, 1, 2)), ((2, 2, 5),), (UINT8,)
            ),
            quantized_example("backwards", cls(start=(4, 0), count=(5, 2), step=(-1, 1)), ((5, 2),)),
            quantized_example("last step", cls(start=(5, 0), count=(1, 3), step=(1, 1)), ((6, 3),), (UINT8,), UINT8),
            quantized_example("some steps", cls(start=(1, 0), count=(3, 4), step=(2, 1)), ((7, 4),)),
            quantized_example("part of a signal, backwards", cls(start=(0, 4), count=(2, 2), step=(1, -2)), ((2, 6),)),
        )
