"""Rearrangement: several layers that only move elements, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import Move, moved_work
from accel.layers.reshape import Reshape
from accel.layers.transpose import Transpose
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Rearrangement(Move):
    """What several moves do in turn, such as the two reshapes and the transposition of a channel shuffle.

    Attributes
    ----------
    moves : tuple of Move
        One at least; each keeps every element.
    """

    op: ClassVar[str] = "Rearrangement"
    keeps_elements: ClassVar[bool] = True

    moves: tuple[Move, ...]

    def __post_init__(self) -> None:
        if not self.moves or not all(move.keeps_elements for move in self.moves):
            raise ModelError("Rearrangement must be of moves that keep every element")
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        for move in self.moves:
            (shape,) = move.infer([shape])
        return (shape,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return moved_work(only(shapes, self), *self.infer(shapes))

    def move(self, x: Array) -> Array:
        for move in self.moves:
            x = move.move(x)
        return x

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        shuffle = (Reshape(shape=(2, 3, 4)), Transpose(axes=(1, 0, 2)), Reshape(shape=(6, 2, 2)))
        columns = (Transpose(axes=(2, 0, 1)), Reshape(shape=(5, 6)))
        return (
            quantized_example("channel shuffle", cls(moves=shuffle), ((6, 2, 2),)),
            quantized_example("columns of an image", cls(moves=columns), ((3, 2, 5),), (UINT8,), UINT8),
        )
