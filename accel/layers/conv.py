"""Convolution in one or two dimensions: groups, depthwise, dilation, stride, any padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization
from accel.layers.arithmetic import INT4, UINT4, UINT8, contraction_requantize, exact_matmul, integer_example
from accel.layers.base import Array, Example, Shape, only
from accel.layers.window import Window, Windowed, as_image, divides
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(Windowed):
    """A convolution; in integers its `requantize` has one scale, or one per output channel.

    Its window's fields are those of `Windowed`.

    Attributes
    ----------
    in_channels, out_channels : int
        Channels of the whole input and output.
    groups : int
        Channel groups; ``groups == in_channels`` is depthwise.
    weight : array, shape (out_channels, in_channels / groups, *kernel), optional
    bias : array, shape (out_channels,), optional
    """

    op: ClassVar[str] = "Conv"

    in_channels: int
    out_channels: int
    groups: int = 1
    has_bias: bool = True
    weight_bits: int = 8
    weight: Array | None = None
    bias: Array | None = None

    def __post_init__(self) -> None:
        divides(self.op, self.groups, self.in_channels, self.out_channels)
        super().__post_init__()

    @property
    def window(self) -> Window:
        """The sliding window, in two dimensions."""
        return Window.of(self.kernel, self.stride, self.padding, self.dilation)

    def weight_shapes(self) -> Mapping[str, Shape]:
        shapes = {"weight": (self.out_channels, self.in_channels // self.groups, *self.kernel)}
        return shapes | ({"bias": (self.out_channels,)} if self.has_bias else {})

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        channels, height, width = self.spatial(shape)
        if channels != self.in_channels:
            raise ModelError(f"Conv input must have {self.in_channels} channels, not shape {shape}")
        p, q = self.window.output(height, width)
        return ((self.out_channels, q) if len(shape) == 2 else (self.out_channels, p, q),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        channels, height, width = as_image(only(shapes, self))
        window = self.window
        p, q = window.output(height, width)
        g, m, c = self.groups, self.out_channels // self.groups, self.in_channels // self.groups
        return (
            Work(
                kind=Kind.CONTRACT, g=g, m=m, c=c, p=p, q=q, r=window.kernel[0], s=window.kernel[1],
                stride_h=window.stride[0], stride_w=window.stride[1],
                dilation_h=window.dilation[0], dilation_w=window.dilation[1], h=height, w=width,
                macs=g * m * c * p * q * window.kernel[0] * window.kernel[1],
                ifmap=channels * height * width, weight=self.parameters, ofmap=self.out_channels * p * q,
            ),
        )  # fmt: skip

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        assert self.weight is not None
        acc = self._accumulate(np.asarray(inputs[0]), self.weight)
        if self.bias is not None:
            acc = acc + self.bias.reshape(-1, *[1] * len(self.kernel))
        return (acc.astype(inputs[0].dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        assert self.weight is not None
        requantize = contraction_requantize(
            self.weight.reshape(self.out_channels, -1), self.bias, inputs[0], output, weight_scale
        )
        return replace(self, requantize=requantize)

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.weight is not None
        assert self.requantize is not None
        acc = self._accumulate(inputs[0].astype(np.int32) - quantizations[0].zero_point, self.weight)
        if self.bias is not None:
            acc = acc + self.bias.reshape(-1, *[1] * len(self.kernel))
        return (self.requantize(acc, axis=1),)

    def _accumulate(self, x: Array, weight: Array) -> Array:
        n = x.shape[0]
        image = x.reshape(n, *as_image(x.shape[1:]))
        taps = self.window.windows(image)
        _, _, p, q, r, s = taps.shape
        g = self.groups
        columns = taps.reshape(n, g, -1, p, q, r, s).transpose(1, 0, 3, 4, 2, 5, 6).reshape(g, n * p * q, -1)
        rows = weight.reshape(g, self.out_channels // g, -1).transpose(0, 2, 1)
        acc = exact_matmul(columns, rows).reshape(g, n, p, q, -1).transpose(1, 0, 4, 2, 3)
        return acc.reshape(n, self.out_channels, *((p, q) if x.ndim == 4 else (q,)))

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        def conv(name: str, shape: Shape, m: int, k: tuple[int, ...], **more: Any) -> Example:
            layer = cls(in_channels=shape[0], out_channels=m, kernel=k, **more)
            return integer_example(name, layer, (shape,))

        return (
            conv("3x3", (3, 6, 5), 4, (3, 3)),
            conv("1x1", (5, 3, 4), 3, (1, 1)),
            conv("one channel", (1, 5, 5), 1, (3, 3)),
            conv("stride over kernel", (2, 7, 8), 3, (2, 2), stride=(3, 3)),
            conv("same padding", (2, 5, 4), 3, (3, 3), padding=(1, 1, 1, 1)),
            conv("asymmetric padding", (2, 5, 4), 3, (3, 2), padding=(2, 0, 1, 1), stride=(2, 1)),
            conv("dilation", (3, 7, 8), 2, (1, 3), dilation=(1, 2)),
            conv("depthwise", (5, 5, 4), 5, (3, 3), groups=5),
            conv("depthwise, strided", (4, 6, 5), 4, (3, 2), groups=4, stride=(2, 1), padding=(1, 0, 1, 1)),
            conv("channels twice", (3, 4, 3), 6, (2, 2), groups=3),
            conv("groups", (6, 4, 4), 4, (3, 3), groups=2, padding=(1, 1, 1, 1)),
            conv("one dimension", (3, 9), 4, (3,), stride=(2,), padding=(1, 0)),
            conv("window of the whole image", (7, 4, 3), 5, (4, 3)),
            conv("no bias", (2, 4, 4), 2, (2, 2), has_bias=False),
            integer_example(
                "unsigned, one scale, relu",
                cls(in_channels=3, out_channels=5, kernel=(2, 3), padding=(1, 1, 0, 1)),
                ((3, 4, 5),),
                (UINT8,),
                Quantization(0.25, 7, signed=False, low=7),
                per_channel=False,
            ),
            integer_example(
                "four bits",
                cls(in_channels=2, out_channels=3, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
                ((2, 5, 4),),
                (UINT4,),
                INT4,
                weight_bits=4,
            ),
        )
