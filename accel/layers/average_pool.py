"""Average pooling in one or two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT4, UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.pool import Pool, image_batch
from accel.layers.window import as_image


@dataclass(frozen=True, kw_only=True, eq=False)
class AveragePool(Pool):
    """The mean of each window.

    In integers the sum times scale over divisor: its `requantize` has one scale per distinct divisor, in the order
    of `divisors`, all at the layer's one shift.

    Attributes
    ----------
    count_include_pad : bool
        Whether padding counts in the divisor; what hangs over it in ``ceil_mode`` never does.
    """

    op: ClassVar[str] = "AveragePool"

    count_include_pad: bool = False

    def counts(self, shape: Shape) -> Ints:
        """Return the divisor at each output position of an input of ``shape``, as an array ``(p, q)``."""
        _, height, width = as_image(shape)
        rows, columns = self.taps_inside(height, width, padded=self.count_include_pad)
        return rows[:, None] * columns

    def divisors(self, shape: Shape) -> Ints:
        """Return the distinct divisors of an input of ``shape``, smallest first."""
        _, height, width = as_image(shape)
        rows, columns = self.taps_inside(height, width, padded=self.count_include_pad)
        return np.unique(np.multiply.outer(np.unique(rows), np.unique(columns)))

    def _sum(self, x: Array) -> Array:
        image = image_batch(x)
        return np.add.reduce(list(self.window(*image.shape[2:]).taps(image)))

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        mean = self._sum(x) / self.counts(x.shape[1:]).astype(x.dtype)
        return (self.shaped_like(mean, x),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        divisors = self.divisors(only(shapes, self))
        return replace(self, requantize=Requantize.onto(output, inputs[0].scale / output.scale / divisors))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        x = inputs[0]
        total = self._sum(x.astype(np.int64) - quantizations[0].zero_point)
        which = np.searchsorted(self.divisors(x.shape[1:]), self.counts(x.shape[1:]))
        return (self.shaped_like(self.requantize.finish(total * self.requantize.multipliers[which]), x),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        def pool(kernel: Shape, **more: Any) -> AveragePool:
            return cls(kernel=kernel, **more)

        around = (1, 1, 1, 1)
        return (
            quantized_example("2x2", pool((2, 2), stride=(2, 2)), ((3, 4, 6),)),
            quantized_example("padding not counted", pool((3, 3), padding=around), ((2, 4, 5),), (UINT8,), UINT8),
            quantized_example("padding counted", pool((3, 3), padding=around, count_include_pad=True), ((2, 4, 5),)),
            quantized_example("ceil mode", pool((3, 3), stride=(2, 2), ceil_mode=True), ((1, 6, 4),)),
            quantized_example(
                "ceil mode, padding counted",
                pool((3, 3), stride=(2, 2), padding=around, ceil_mode=True, count_include_pad=True),
                ((2, 6, 4),),
            ),
            quantized_example("stride over kernel", pool((2, 1), stride=(3, 2)), ((2, 8, 5),)),
            quantized_example("1x1", pool((1, 1)), ((5, 2, 3),)),
            quantized_example("dilation", pool((2, 2), dilation=(2, 3), padding=(1, 0, 0, 2)), ((2, 5, 5),)),
            quantized_example("one dimension", pool((3,), stride=(2,), padding=(1, 1)), ((3, 7),)),
            quantized_example("four bits", pool((2, 2), stride=(2, 2)), ((3, 4, 4),), (INT4,), INT4),
        )
