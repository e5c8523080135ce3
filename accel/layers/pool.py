"""What pooling windows share; no layer type lives here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints
from accel.layers.base import Array, Shape, only
from accel.layers.window import Window, Windowed, as_image
from accel.limits import MAX_POSITIONS
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool(Windowed):
    """A reduction over a sliding window, channel by channel; its window's fields are those of `Windowed`.

    Attributes
    ----------
    ceil_mode : bool
        Whether a last window that hangs over the end counts, provided it starts before the end of the input.
    """

    ceil_mode: bool = False

    def window(self, height: int, width: int) -> Window:
        """Return the sliding window, in two dimensions; `ceil_mode` becomes padding at the ends."""
        window = Window.of(self.kernel, self.stride, self.padding, self.dilation)
        if not self.ceil_mode:
            return window
        top, left, bottom, right = window.padding
        bottom += self._overhang(window, 0, height, top, bottom)
        right += self._overhang(window, 1, width, left, right)
        return replace(window, padding=(top, left, bottom, right))

    @staticmethod
    def _overhang(window: Window, axis: int, size: int, before: int, after: int) -> int:
        room = before + size + after - window.span[axis]
        if room < 0:
            return 0
        last = -(-room // window.stride[axis])
        if last * window.stride[axis] >= before + size:
            last -= 1
        return max(0, last * window.stride[axis] - room)

    def taps_inside(self, height: int, width: int, *, padded: bool = False) -> tuple[Ints, Ints]:
        """Return how many rows of taps each output row sees, and columns each output column.

        Counted are taps on the input, or, if ``padded``, on the input and its `padding`; never those that only
        `ceil_mode` adds.
        """
        window = self.window(height, width)
        own = Window.of(self.kernel, self.stride, self.padding, self.dilation)
        counts: list[Ints] = []
        for axis, (size, positions) in enumerate(zip((height, width), window.output(height, width), strict=True)):
            if positions > MAX_POSITIONS:
                raise ModelError(
                    f"{self.op} must have at most {MAX_POSITIONS:,} positions along an axis "
                    f"(accel.limits.MAX_POSITIONS), not {positions:,}"
                )
            before, after = own.padding[axis], own.padding[axis + 2]
            first = np.arange(positions) * window.stride[axis] - before
            low, high = (-before, size + after) if padded else (0, size)
            # Tap t stands at first + t * dilation: how many are below high, less how many are below low.
            below = [np.clip(-((first - end) // window.dilation[axis]), 0, window.kernel[axis]) for end in (high, low)]
            counts.append(below[0] - below[1])
        return counts[0], counts[1]

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        channels, height, width = self.spatial(shape)
        p, q = self.window(height, width).output(height, width)
        if not all(counts.all() for counts in self.taps_inside(height, width)):
            raise ModelError(f"{self.op} windows must each touch the input, not lie in padding {self.padding} alone")
        return ((channels, q) if len(shape) == 2 else (channels, p, q),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        channels, height, width = as_image(only(shapes, self))
        window = self.window(height, width)
        p, q = window.output(height, width)
        (r, s), (down, across), (dilation_h, dilation_w) = window.kernel, window.stride, window.dilation
        return (
            Work(
                kind=Kind.WINDOW, g=channels, p=p, q=q, r=r, s=s, stride_h=down, stride_w=across,
                dilation_h=dilation_h, dilation_w=dilation_w, h=height, w=width,
                ifmap=channels * height * width, ofmap=channels * p * q, ops=channels * p * q * r * s,
            ),
        )  # fmt: skip

    def shaped_like(self, pooled: Array, x: Array) -> Array:
        """Return ``pooled`` of shape ``(n, c, p, q)`` with as many axes as the input ``x``."""
        return pooled if x.ndim == 4 else pooled[:, :, 0]


def image_batch(x: Array) -> Array:
    """Return ``x`` as ``(n, c, h, w)``; a batch of one-dimensional signals gets one row."""
    return x.reshape(x.shape[0], *as_image(x.shape[1:]))
