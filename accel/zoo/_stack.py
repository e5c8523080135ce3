"""A short hand for writing networks: every call reads what the last one wrote, or the tensor it is given."""

from __future__ import annotations

import math

from accel.layers import registry
from accel.layers.average_pool import AveragePool
from accel.layers.base import Layer, Shape
from accel.layers.clip import Clip
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.flatten import Flatten
from accel.layers.global_average_pool import GlobalAveragePool
from accel.layers.lrn import LRN
from accel.layers.max_pool import MaxPool
from accel.layers.recurrent import Recurrent
from accel.layers.reshape import Reshape
from accel.layers.softmax import Softmax
from accel.network import Builder, Network

Pair = int | tuple[int, int]
Padding = int | str | tuple[int, int, int, int]


class Stack:
    """Builds a network from calls such as ``conv(64, 3, pad=1)``, inferring input sizes.

    Every call returns the name of the tensor it writes and reads ``x``, or what the last call wrote. ``then`` names
    the activation that follows: an operator of `accel.layers`, "Relu6", or ``None``. Padding is one number for all
    sides, ``(top, left, bottom, right)``, or "same": output size = input size over stride, rounded up, the odd row
    and column at the end, as in TensorFlow.

    Parameters
    ----------
    name : str
        Of the network.
    shape : tuple of int, optional
        Of an input "x", one sample.
    """

    def __init__(self, name: str, shape: Shape | None = None) -> None:
        self.builder = Builder(name)
        self.x = ""
        self._outputs: list[str] = []
        if shape is not None:
            self.input(shape, "x")

    def input(self, shape: Shape, name: str) -> str:
        """Declare an input of the network."""
        self.x = self.builder.input(name, shape)
        return self.x

    def output(self, tensor: str) -> None:
        """Declare an output of the network; without any, the last tensor is the output."""
        self._outputs.append(tensor)

    def build(self) -> Network:
        """Return the network."""
        self.builder.output(*(self._outputs or [self.x]))
        return self.builder.build()

    def shape(self, tensor: str | None = None) -> Shape:
        """Return the shape of a tensor, of the last one if none is named."""
        return self.builder.shape(tensor or self.x)

    def layer(self, layer: Layer, *inputs: str, then: str | None = None, name: str | None = None) -> str:
        """Append any layer."""
        self.x = self.builder.add(layer, *(inputs or (self.x,)), name=name)
        return self.x if then is None else self.activation(then, name=name and f"{name}_{then.lower()}")

    def activation(self, op: str, *, name: str | None = None) -> str:
        """Append the activation ``op``."""
        return self.layer(Clip(low=0.0, high=6.0) if op == "Relu6" else registry()[op](), name=name)

    def conv(
        self,
        channels: int,
        kernel: Pair,
        *,
        stride: Pair = 1,
        pad: Padding = 0,
        groups: int = 1,
        then: str | None = "Relu",
        x: str | None = None,
        name: str | None = None,
    ) -> str:
        """Append a convolution with bias."""
        shape, kernel, stride = self.shape(x), _pair(kernel), _pair(stride)
        layer = Conv(
            in_channels=shape[0],
            out_channels=channels,
            kernel=kernel,
            stride=stride,
            padding=_padding(pad, shape, kernel, stride),
            groups=groups,
        )
        return self.layer(layer, x or self.x, then=then, name=name)

    def depthwise(
        self, kernel: Pair, *, stride: Pair = 1, pad: Padding = 0, then: str = "Relu", name: str | None = None
    ) -> str:
        """Append a depthwise convolution with bias."""
        channels = self.shape()[0]
        return self.conv(channels, kernel, stride=stride, pad=pad, groups=channels, then=then, name=name)

    def conv_transpose(
        self, channels: int, kernel: Pair, *, stride: Pair = 1, pad: int = 0, then: str | None, name: str | None = None
    ) -> str:
        """Append a transposed convolution with bias; ``pad`` is what is cut off every side."""
        layer = ConvTranspose(
            in_channels=self.shape()[0],
            out_channels=channels,
            kernel=_pair(kernel),
            stride=_pair(stride),
            padding=(pad,) * 4,
        )
        return self.layer(layer, then=then, name=name)

    def dense(self, features: int, *, then: str | None = "Relu", x: str | None = None, name: str | None = None) -> str:
        """Append a fully connected layer with bias; an image is flattened first, a sequence is mapped step by step."""
        if x is not None:
            self.x = x
        if len(self.shape()) > 2:
            self.layer(Flatten())
        return self.layer(Dense(in_features=self.shape()[-1], out_features=features), then=then, name=name)

    def recurrent(self, layer: Recurrent, *, last: bool = False, x: str | None = None, name: str | None = None) -> str:
        """Append a recurrent layer; its output is the sequence ``(t, directions * hidden)``, or the ``last`` state."""
        every = self.layer(layer, x or self.x, name=name)
        features = layer.directions * layer.hidden_size
        if last:
            return self.layer(Reshape(shape=(features,)), f"{every}.1", name=name and f"{name}_last")
        return self.layer(Reshape(shape=(self.shape()[0], features)), name=name and f"{name}_features")

    def max_pool(
        self, kernel: Pair, stride: Pair, *, pad: Padding = 0, x: str | None = None, name: str | None = None
    ) -> str:
        """Append a max pool."""
        kernel, stride = _pair(kernel), _pair(stride)
        layer = MaxPool(kernel=kernel, stride=stride, padding=_padding(pad, self.shape(x), kernel, stride))
        return self.layer(layer, x or self.x, name=name)

    def average_pool(self, kernel: Pair, stride: Pair, *, name: str | None = None) -> str:
        """Append an average pool."""
        return self.layer(AveragePool(kernel=_pair(kernel), stride=_pair(stride)), name=name)

    def global_average_pool(self, *, name: str | None = None) -> str:
        """Append the mean of every channel."""
        return self.layer(GlobalAveragePool(), name=name)

    def lrn(self, *, name: str | None = None) -> str:
        """Append local response normalisation with AlexNet's constants."""
        return self.layer(LRN(size=5, alpha=5e-4, beta=0.75, k=2.0), name=name)

    def add(self, *tensors: str, then: str | None = None, name: str | None = None) -> str:
        """Append a sum."""
        return self.layer(registry()["Add"](), *tensors, then=then, name=name)

    def concat(self, *tensors: str, name: str | None = None) -> str:
        """Append a concatenation over channels."""
        return self.layer(Concat(), *tensors, name=name)

    def softmax(self) -> str:
        """Append a softmax over the last axis."""
        return self.layer(Softmax(), name="softmax")


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _padding(pad: Padding, shape: Shape, kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int, int, int]:
    if isinstance(pad, int):
        return (pad, pad, pad, pad)
    if isinstance(pad, tuple):
        return pad
    rows, columns = (
        max(0, (math.ceil(size / s) - 1) * s + k - size) for size, k, s in zip(shape[1:], kernel, stride, strict=True)
    )
    return (rows // 2, columns // 2, rows - rows // 2, columns - columns // 2)
