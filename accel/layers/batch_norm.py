"""Batch normalisation at inference: a scale and an offset per channel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example, Layer, Shape, only, positive
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchNorm(Layer):
    """``y = x * scale + bias`` per channel, the running statistics being constants.

    `accel.fold.fold` folds it into the layer before. It has no integer form: a quantised model has it folded.

    Attributes
    ----------
    channels : int
        Length of the first axis of a sample.
    scale, bias : array, shape (channels,), optional
        ``gamma / sqrt(variance + epsilon)`` and ``beta - mean * scale``.

    References
    ----------
    Ioffe, Szegedy, "Batch Normalization", ICML 2015, algorithm 2.
    """

    op: ClassVar[str] = "BatchNorm"

    channels: int
    scale: Array | None = None
    bias: Array | None = None

    def __post_init__(self) -> None:
        positive("BatchNorm channels", (self.channels,))
        super().__post_init__()

    def weight_shapes(self) -> Mapping[str, Shape]:
        return {"scale": (self.channels,), "bias": (self.channels,)}

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if shape[0] != self.channels:
            raise ModelError(f"BatchNorm input must have {self.channels} channels, not shape {shape}")
        return (shape,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        return (
            Work(kind=Kind.POINTWISE, ifmap=elements, weight=self.parameters, ofmap=elements, ops=2 * elements),
        )  # fmt: skip

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        assert self.scale is not None
        assert self.bias is not None
        x = inputs[0]
        shape = (-1, *[1] * (x.ndim - 2))
        return ((x * self.scale.reshape(shape) + self.bias.reshape(shape)).astype(x.dtype),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            float_example("image", cls(channels=3), ((3, 4, 2),)),
            float_example("vector", cls(channels=5), ((5,),)),
            float_example("one channel", cls(channels=1), ((1, 7),)),
        )
