"""Transpose: the axes of a sample in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.moves import LAYOUT_ONLY, Move, moved_work
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Transpose(Move):
    """A permutation of a sample's axes; the batch axis stays where it is.

    Attributes
    ----------
    axes : tuple of int
        Output axis ``i`` is input axis ``axes[i]``, counted without the batch axis.
    """

    op: ClassVar[str] = "Transpose"
    keeps_elements: ClassVar[bool] = True

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.axes) != list(range(len(self.axes))):
            raise ModelError(f"Transpose axes must be a permutation of 0 to {len(self.axes) - 1}, not {self.axes}")
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if len(shape) != len(self.axes):
            raise ModelError(f"Transpose input must have {len(self.axes)} axes, not shape {shape}")
        return (tuple(shape[axis] for axis in self.axes),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        shape = only(shapes, self)
        longer = [axis for axis in self.axes if shape[axis] > 1]
        return LAYOUT_ONLY if longer == sorted(longer) else moved_work(shape, shape)

    def transposes(self, shape: Shape) -> bool:
        return self.axes == (1, 0)

    def move(self, x: Array) -> Array:
        return x.transpose(0, *(axis + 1 for axis in self.axes))

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("channels last", cls(axes=(1, 2, 0)), ((3, 2, 4),)),
            quantized_example("sequence", cls(axes=(1, 0)), ((5, 3),), (UINT8,), UINT8),
            quantized_example("layout only", cls(axes=(1, 0, 2)), ((3, 1, 4),)),
        )
