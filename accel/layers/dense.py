"""Dense: a fully connected layer, over the last axis of a vector, a sequence or anything else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization
from accel.layers.arithmetic import INT4, INT8, UINT8, contraction_requantize, exact_matmul, integer_example
from accel.layers.base import Array, Example, Layer, Shape, only, positive
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense(Layer):
    """``y = x @ weight.T + bias`` over the last axis: Gemm, and MatMul with a constant.

    In integers its `requantize` has one scale, or one per output feature.

    Attributes
    ----------
    in_features, out_features : int
        Length of the last axis of input and output.
    has_bias : bool
    weight_bits : int
        Width of the stored weights in an integer network.
    weight : array, shape (out_features, in_features), optional
    bias : array, shape (out_features,), optional
    """

    op: ClassVar[str] = "Dense"

    in_features: int
    out_features: int
    has_bias: bool = True
    weight_bits: int = 8
    weight: Array | None = None
    bias: Array | None = None

    def __post_init__(self) -> None:
        positive("Dense features", (self.in_features, self.out_features))
        super().__post_init__()

    def weight_shapes(self) -> Mapping[str, Shape]:
        shapes = {"weight": (self.out_features, self.in_features)}
        return shapes | ({"bias": (self.out_features,)} if self.has_bias else {})

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if shape[-1] != self.in_features:
            raise ModelError(f"Dense input must have {self.in_features} features on its last axis, not shape {shape}")
        return ((*shape[:-1], self.out_features),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        rows = math.prod(only(shapes, self)[:-1])
        return (
            Work(
                kind=Kind.CONTRACT, m=self.out_features, c=self.in_features, p=rows, h=rows,
                macs=rows * self.out_features * self.in_features,
                ifmap=rows * self.in_features, weight=self.parameters, ofmap=rows * self.out_features,
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
        requantize = contraction_requantize(self.weight, self.bias, inputs[0], output, weight_scale)
        return replace(self, requantize=requantize)

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.requantize is not None
        acc = self._accumulate(inputs[0].astype(np.int32) - quantizations[0].zero_point)
        return (self.requantize(acc, axis=acc.ndim - 1),)

    def _accumulate(self, x: Array) -> Array:
        assert self.weight is not None
        acc = exact_matmul(x.reshape(-1, self.in_features), self.weight.T).reshape(*x.shape[:-1], self.out_features)
        return acc + self.bias if self.bias is not None else acc

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        def dense(shape: Shape, out_features: int, has_bias: bool = True) -> Dense:
            return cls(in_features=shape[-1], out_features=out_features, has_bias=has_bias)

        return (
            integer_example("vector", dense((11,), 5), ((11,),)),
            integer_example("one to one", dense((1,), 1), ((1,),), (UINT8,), UINT8),
            integer_example("one scale", dense((8,), 3), ((8,),), (UINT8,), INT8, per_channel=False),
            integer_example("no bias", dense((6,), 7, has_bias=False), ((6,),)),
            integer_example("sequence", dense((4, 5), 3), ((4, 5),)),
            integer_example("relu", dense((7,), 4), ((7,),), (UINT8,), Quantization(0.25, -3, low=-3)),
            integer_example("four bits", dense((9,), 4), ((9,),), (INT4,), INT4, weight_bits=4),
        )
