"""Max pooling in one or two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from accel.layers.arithmetic import INT4, INT8, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape
from accel.layers.moves import Move
from accel.layers.pool import Pool, image_batch


@dataclass(frozen=True, kw_only=True, eq=False)
class MaxPool(Pool, Move):
    """The largest element of each window; padding never wins, whatever the signs.

    In integers the largest stored integer, requantised only if the output's quantisation differs.
    """

    op: ClassVar[str] = "MaxPool"

    def move(self, x: Array) -> Array:
        image = image_batch(x)
        lowest = np.iinfo(x.dtype).min if np.issubdtype(x.dtype, np.integer) else -np.inf
        largest: Array | None = None
        for tap in self.window(*image.shape[2:]).taps(image, lowest):
            largest = tap if largest is None else np.maximum(largest, tap)
        assert largest is not None
        return self.shaped_like(largest, x)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        def pool(kernel: Shape, **more: Any) -> MaxPool:
            return cls(kernel=kernel, **more)

        return (
            quantized_example("2x2", pool((2, 2), stride=(2, 2)), ((3, 4, 6),)),
            quantized_example("rows left over", pool((2, 2), stride=(2, 2)), ((1, 5, 5),), (UINT8,), UINT8),
            quantized_example("overlapping", pool((3, 3), stride=(2, 2), padding=(1, 1, 1, 1)), ((2, 5, 6),)),
            quantized_example("ceil mode", pool((3, 3), stride=(2, 2), ceil_mode=True), ((2, 6, 4),)),
            quantized_example("stride over kernel", pool((2, 1), stride=(3, 2)), ((2, 8, 5),)),
            quantized_example("1x1", pool((1, 1)), ((5, 2, 3),)),
            quantized_example("asymmetric padding", pool((3, 2), padding=(2, 0, 0, 1)), ((1, 3, 3),), (INT4,), INT4),
            quantized_example("dilation", pool((2, 2), dilation=(2, 3)), ((2, 5, 5),)),
            quantized_example("one dimension", pool((3,), stride=(2,), padding=(1, 1)), ((3, 7),)),
            quantized_example("other scale", pool((2, 2), stride=(2, 2)), ((3, 4, 4),), (INT8,), UINT8),
        )
