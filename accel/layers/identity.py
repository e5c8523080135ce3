"""Identity: what a Dropout is when nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import LAYOUT_ONLY, Move
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Identity(Move):
    """The output is the input: Identity, and Dropout at inference. `accel.fold.fold` drops it."""

    op: ClassVar[str] = "Identity"
    keeps_elements: ClassVar[bool] = True

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        return (only(shapes, self),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return LAYOUT_ONLY

    def move(self, x: Array) -> Array:
        return x

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (quantized_example("image", cls(), ((3, 2, 2),), (UINT8,), UINT8),)
