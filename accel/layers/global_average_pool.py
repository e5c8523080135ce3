"""Global average pooling: the mean of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from accel.layers.arithmetic import INT8, UINT4, UINT8, quantized_example
from accel.layers.base import Example
from accel.layers.reduction import Mean


@dataclass(frozen=True, kw_only=True, eq=False)
class GlobalAveragePool(Mean):
    """The mean of each channel over all its positions, which stay as axes of length one."""

    op: ClassVar[str] = "GlobalAveragePool"

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("image", cls(), ((3, 4, 5),)),
            quantized_example("one position", cls(), ((5, 1, 1),), (UINT8,), UINT8),
            quantized_example("one channel", cls(), ((1, 3, 3),), (UINT8,), INT8),
            quantized_example("one dimension", cls(), ((2, 7),), (UINT4,), UINT4),
        )
