"""Transposed convolution in one or two dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization
from accel.layers.arithmetic import INT4, UINT8, contraction_requantize, exact_matmul, integer_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.window import Window, Windowed, as_image, divides
from accel.limits import MAX_ELEMENTS
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvTranspose(Windowed):
    """A transposed convolution: every input element adds its scaled kernel to the output, ``stride`` apart.

    In integers its `requantize` has one scale, or one per output channel.

    Its window's fields are those of `Windowed`: ``stride`` and ``dilation`` step in the output, and ``padding`` is
    what is cut off it.

    Attributes
    ----------
    in_channels, out_channels : int
        Channels of the whole input and output.
    output_padding : tuple of int
        Rows and columns added at the output's ends; one entry per spatial axis, empty for none.
    groups : int
        Channel groups.
    weight : array, shape (in_channels, out_channels / groups, *kernel), optional
    bias : array, shape (out_channels,), optional
    """

    op: ClassVar[str] = "ConvTranspose"

    in_channels: int
    out_channels: int
    output_padding: tuple[int, ...] = ()
    groups: int = 1
    has_bias: bool = True
    weight_bits: int = 8
    weight: Array | None = None
    bias: Array | None = None

    def __post_init__(self) -> None:
        divides(self.op, self.groups, self.in_channels, self.out_channels)
        object.__setattr__(self, "output_padding", self.output_padding or (0,) * len(self.kernel))
        if len(self.output_padding) != len(self.kernel) or min(self.output_padding) < 0:
            raise ModelError(
                f"ConvTranspose output padding must be {len(self.kernel)} non-negative entries, "
                f"not {self.output_padding}"
            )
        super().__post_init__()

    @property
    def window(self) -> Window:
        """The window that slides over the output, in two dimensions; its padding is what is cut off."""
        return Window.of(self.kernel, self.stride, self.padding, self.dilation)

    def weight_shapes(self) -> Mapping[str, Shape]:
        shapes = {"weight": (self.in_channels, self.out_channels // self.groups, *self.kernel)}
        return shapes | ({"bias": (self.out_channels,)} if self.has_bias else {})

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        channels, height, width = self.spatial(shape)
        if channels != self.in_channels:
            raise ModelError(f"ConvTranspose input must have {self.in_channels} channels, not shape {shape}")
        p, q = self._output(height, width)
        return ((self.out_channels, q) if len(shape) == 2 else (self.out_channels, p, q),)

    def _uncut(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the output before the padding is cut off."""
        (rows, columns), (up, across) = self.window.span, self.window.stride
        more_rows, more_columns = (0, *self.output_padding)[-2:]
        return (height - 1) * up + rows + more_rows, (width - 1) * across + columns + more_columns

    def _output(self, height: int, width: int) -> tuple[int, int]:
        top, left, bottom, right = self.window.padding
        rows, columns = self._uncut(height, width)
        p, q = rows - top - bottom, columns - left - right
        if p < 1 or q < 1:
            raise ModelError(f"ConvTranspose padding must leave some output, not {p}x{q}")
        if rows * columns > MAX_ELEMENTS:
            raise ModelError(
                f"ConvTranspose output must have at most {MAX_ELEMENTS:,} positions before padding is cut off "
                f"(accel.limits.MAX_ELEMENTS), not {rows * columns:,}"
            )
        return p, q

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        channels, height, width = as_image(only(shapes, self))
        window = self.window
        p, q = self._output(height, width)
        g, m, c = self.groups, self.out_channels // self.groups, self.in_channels // self.groups
        # Each input element meets each tap once; zeros inserted between them are not counted.
        positions = min(height * width, p * q)
        return (
            Work(
                kind=Kind.CONTRACT, g=g, m=m, c=c, p=p, q=q, r=window.kernel[0], s=window.kernel[1],
                stride_h=window.stride[0], stride_w=window.stride[1],
                dilation_h=window.dilation[0], dilation_w=window.dilation[1], h=height, w=width,
                macs=g * m * c * positions * window.kernel[0] * window.kernel[1],
                ifmap=channels * height * width, weight=self.parameters, ofmap=self.out_channels * p * q,
            ),
        )  # fmt: skip

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self._accumulate(inputs[0]).astype(inputs[0].dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        assert self.weight is not None
        grouped = self.weight.reshape(self.groups, -1, self.out_channels // self.groups, math.prod(self.kernel))
        rows = grouped.swapaxes(1, 2).reshape(self.out_channels, -1)
        return replace(self, requantize=contraction_requantize(rows, self.bias, inputs[0], output, weight_scale))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        acc = self._accumulate(inputs[0].astype(np.int32) - quantizations[0].zero_point)
        return (self.requantize(acc, axis=1),)

    def _accumulate(self, x: Array) -> Array:
        assert self.weight is not None
        n = x.shape[0]
        _, height, width = as_image(x.shape[1:])
        window = self.window
        g, m, c = self.groups, self.out_channels // self.groups, self.in_channels // self.groups
        columns = x.reshape(n, g, c, -1).transpose(1, 0, 3, 2).reshape(g, n * height * width, c)
        products = exact_matmul(columns, self.weight.reshape(g, c, -1))
        products = products.reshape(g, n, height, width, m, *window.kernel).transpose(1, 0, 4, 2, 3, 5, 6)
        products = products.reshape(n, g * m, height, width, *window.kernel)
        rows, cols = self._uncut(height, width)
        acc = np.zeros((n, self.out_channels, rows, cols), products.dtype)
        (up, across), (down, right_by) = window.stride, window.dilation
        for r in range(window.kernel[0]):
            for s in range(window.kernel[1]):
                row, col = r * down, s * right_by
                target = acc[
                    :, :, row : row + (height - 1) * up + 1 : up, col : col + (width - 1) * across + 1 : across
                ]
                target += products[..., r, s]
        top, left, bottom, right = window.padding
        acc = acc[:, :, top : rows - bottom, left : cols - right]
        if self.bias is not None:
            acc = acc + self.bias.reshape(-1, 1, 1)
        return acc if x.ndim == 4 else acc[:, :, 0]

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        def up(shape: Shape, m: int, k: tuple[int, ...], **more: Any) -> ConvTranspose:
            return cls(in_channels=shape[0], out_channels=m, kernel=k, **more)

        image = (3, 3, 4)
        return (
            integer_example("2x2 stride 2", up(image, 2, (2, 2), stride=(2, 2)), (image,)),
            integer_example("overlap", up(image, 4, (3, 3), stride=(2, 2), padding=(1, 1, 1, 1)), (image,)),
            integer_example(
                "output padding",
                up(image, 2, (3, 3), stride=(2, 2), padding=(1, 1, 1, 1), output_padding=(1, 1)),
                (image,),
            ),
            integer_example("stride over kernel", up((2, 2, 3), 3, (2, 1), stride=(3, 2)), ((2, 2, 3),)),
            integer_example("dilation", up(image, 2, (2, 3), dilation=(2, 1)), (image,), (UINT8,), UINT8),
            integer_example("groups", up((4, 3, 3), 6, (3, 3), groups=2), ((4, 3, 3),)),
            integer_example("1x1", up((1, 2, 2), 1, (1, 1)), ((1, 2, 2),), (INT4,), INT4, weight_bits=4),
            integer_example("one dimension", up((3, 5), 2, (4,), stride=(2,), padding=(1, 1)), ((3, 5),)),
        )
