"""ReduceMean: the mean along chosen axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import INT8, UINT4, UINT8, quantized_example
from accel.layers.base import Example, Shape
from accel.layers.reduction import Mean


@dataclass(frozen=True, kw_only=True, eq=False)
class ReduceMean(Mean):
    """The mean along chosen axes of a sample.

    Attributes
    ----------
    axes : tuple of int
        Which axes, counted without the batch axis, in rising order.
    keepdims : bool
        Whether they stay, of length one; if not, some axis must be left.
    """

    op: ClassVar[str] = "ReduceMean"

    axes: tuple[int, ...]
    keepdims: bool = True

    def __post_init__(self) -> None:
        if not self.axes or list(self.axes) != sorted(set(self.axes)) or self.axes[0] < 0:
            raise ModelError(f"ReduceMean axes must be distinct, rising and not negative, not {self.axes}")
        super().__post_init__()

    def reduced(self, shape: Shape) -> tuple[int, ...]:
        if self.axes[-1] >= len(shape):
            raise ModelError(f"ReduceMean axes must be below {len(shape)} for shape {shape}, not {self.axes}")
        return self.axes

    @property
    def keeps_axes(self) -> bool:
        return self.keepdims

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("space", cls(axes=(1, 2)), ((3, 4, 5),)),
            quantized_example("space, axes dropped", cls(axes=(1, 2), keepdims=False), ((5, 2, 3),), (UINT8,), UINT8),
            quantized_example("time", cls(axes=(0,), keepdims=False), ((6, 3),), (UINT4,), UINT4),
            quantized_example("channels", cls(axes=(0,)), ((3, 2, 2),), (UINT8,), INT8),
            quantized_example("everything", cls(axes=(0, 1, 2)), ((2, 3, 2),)),
        )
