"""Flatten: an image or sequence becomes one vector, in ``(c, h, w)`` order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import LAYOUT_ONLY, Move
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Flatten(Move):
    """All axes of a sample become one; layout only."""

    op: ClassVar[str] = "Flatten"
    keeps_elements: ClassVar[bool] = True

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        return ((math.prod(only(shapes, self)),),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return LAYOUT_ONLY

    def move(self, x: Array) -> Array:
        return x.reshape(x.shape[0], -1)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("image", cls(), ((3, 2, 5),)),
            quantized_example("one element", cls(), ((1, 1, 1),), (UINT8,), UINT8),
            quantized_example("sequence", cls(), ((4, 3),)),
        )
