"""The geometry of sliding windows, shared by convolutions and pools; no layer type lives here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from accel.errors import ModelError
from accel.layers.base import Array, Layer, Shape, positive
from accel.limits import MAX_ELEMENTS


@dataclass(frozen=True, slots=True)
class Window:
    """A two-dimensional sliding window.

    Attributes
    ----------
    kernel, stride, dilation : (int, int)
        Rows, columns.
    padding : (int, int, int, int)
        Top, left, bottom, right.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Window:
        """Return the window of a layer with one or two spatial axes; one axis becomes columns of a one-row image."""
        if len(kernel) == 1:
            return cls((1, kernel[0]), (1, stride[0]), (0, padding[0], 0, padding[1]), (1, dilation[0]))
        if len(kernel) != 2:
            raise ModelError(f"a window must have one or two axes, not {len(kernel)}")
        return cls(
            (kernel[0], kernel[1]),
            (stride[0], stride[1]),
            (padding[0], padding[1], padding[2], padding[3]),
            (dilation[0], dilation[1]),
        )

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the window's first to its last tap, both included."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1, (self.kernel[1] - 1) * self.dilation[1] + 1

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Return output rows and columns for an input of ``height`` x ``width``.

        Raises
        ------
        ModelError
            If the padded input is smaller than the window, or larger than a tensor may be.
        """
        top, left, bottom, right = self.padding
        rows = height + top + bottom - self.span[0]
        columns = width + left + right - self.span[1]
        if rows < 0 or columns < 0:
            raise ModelError(
                f"a window of {self.span[0]}x{self.span[1]} must fit its padded input, "
                f"not {height + top + bottom}x{width + left + right}"
            )
        positions = (height + top + bottom) * (width + left + right)
        if positions > MAX_ELEMENTS:
            raise ModelError(
                f"a padded input must have at most {MAX_ELEMENTS:,} positions (accel.limits.MAX_ELEMENTS), "
                f"not {positions:,}"
            )
        return rows // self.stride[0] + 1, columns // self.stride[1] + 1

    def windows(self, x: Array, fill: float = 0) -> Array:
        """Return the taps of every output position: ``(n, c, h, w)`` becomes a view ``(n, c, p, q, r, s)``.

        Positions in the padding hold ``fill``.
        """
        top, left, bottom, right = self.padding
        p, q = self.output(x.shape[2], x.shape[3])
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
        view = sliding_window_view(padded, self.span, axis=(2, 3))  # pyright: ignore[reportCallIssue, reportArgumentType]
        view = view[:, :, :: self.stride[0], :: self.stride[1], :: self.dilation[0], :: self.dilation[1]]
        return view[:, :, :p, :q]

    def taps(self, x: Array, fill: float = 0) -> Iterator[Array]:
        """Yield, tap by tap in row order, what every output position sees there: arrays ``(n, c, p, q)``."""
        top, left, bottom, right = self.padding
        p, q = self.output(x.shape[2], x.shape[3])
        padded = (
            np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill) if any(self.padding) else x
        )
        for r in range(self.kernel[0]):
            for s in range(self.kernel[1]):
                first_row, first_column = r * self.dilation[0], s * self.dilation[1]
                yield padded[
                    :,
                    :,
                    first_row : first_row + (p - 1) * self.stride[0] + 1 : self.stride[0],
                    first_column : first_column + (q - 1) * self.stride[1] + 1 : self.stride[1],
                ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Windowed(Layer):
    """A layer with a sliding window over one or two spatial axes.

    Attributes
    ----------
    kernel, stride, dilation : tuple of int
        One entry per spatial axis.
    padding : tuple of int
        All begins, then all ends, as in ONNX: ``(top, left, bottom, right)`` or ``(left, right)``.

    Raises
    ------
    ModelError
        If one has the wrong number of entries, or a value that no window has.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0, 0, 0)
    dilation: tuple[int, ...] = (1, 1)

    def __post_init__(self) -> None:
        axes = len(self.kernel)
        if axes not in (1, 2):
            raise ModelError(f"{self.op} kernel must have one or two axes, not {axes}")
        for name, count in (("stride", axes), ("dilation", axes), ("padding", 2 * axes)):
            values = getattr(self, name)
            if len(values) != count:
                if values not in ((1, 1), (0, 0, 0, 0)):
                    raise ModelError(
                        f"{self.op} {name} must have {count} entries for kernel {self.kernel}, not {len(values)}"
                    )
                object.__setattr__(self, name, values[:count])
        positive(f"{self.op} kernel, stride and dilation", (*self.kernel, *self.stride, *self.dilation))
        if min(self.padding) < 0:
            raise ModelError(f"{self.op} padding must not be negative, not {self.padding}")
        super().__post_init__()

    def spatial(self, shape: Shape) -> tuple[int, int, int]:
        """Return ``(c, h, w)`` of an input ``shape``, refused if its axes are not those of the kernel."""
        if len(shape) != len(self.kernel) + 1:
            raise ModelError(f"{self.op} input must have channels and {len(self.kernel)} spatial axes, not {shape}")
        return as_image(shape)


def divides(op: str, groups: int, in_channels: int, out_channels: int) -> None:
    """Refuse channels of a convolution that do not divide into ``groups``."""
    positive(f"{op} channels and groups", (in_channels, out_channels, groups))
    if in_channels % groups or out_channels % groups:
        raise ModelError(f"{op} channels must divide into {groups} groups, not {in_channels} in and {out_channels} out")


def as_image(shape: Shape) -> tuple[int, int, int]:
    """Return ``(c, h, w)`` of an image or of a one-dimensional signal ``(c, l)``."""
    if len(shape) == 2:
        return shape[0], 1, shape[1]
    if len(shape) != 3:
        raise ModelError(f"an image must have shape (c, h, w) or (c, l), not {shape}")
    return shape[0], shape[1], shape[2]
