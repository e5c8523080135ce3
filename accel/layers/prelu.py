"""PReLU: a ReLU with a learnt slope on the negative side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.layers.arithmetic import INT8, UINT8, one_scale, quantized_example
from accel.layers.base import Array, Example, Layer, Shape, only
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class PRelu(Layer):
    """``x`` where positive, ``slope * x`` elsewhere.

    In integers ``rhe(a M)`` or ``rhe(a slope Ms)``: its `requantize` has two scales, for the positive and for the
    negative side, at one shift.

    Attributes
    ----------
    slope_shape : tuple of int
        Without a batch axis, aligned at the right as in ONNX: ``(c, 1, 1)`` is one slope per channel of an image.
    slope : array, shape ``slope_shape``, optional
    """

    op: ClassVar[str] = "PRelu"

    slope_shape: Shape
    slope: Array | None = None

    def weight_shapes(self) -> Mapping[str, Shape]:
        return {"slope": self.slope_shape}

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        try:
            fits = np.broadcast_shapes(shape, self.slope_shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ModelError(f"PRelu slope must spread over its input {shape}, not have shape {self.slope_shape}")
        return (shape,)

    def laid_out(self, lay_out: Callable[[Array], Array]) -> Self:
        assert self.slope is not None
        slope = lay_out(self.slope)
        return replace(self, slope_shape=slope.shape, slope=slope)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        return (
            Work(kind=Kind.POINTWISE, ifmap=elements, weight=self.parameters, ofmap=elements, ops=2 * elements),
        )  # fmt: skip

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        assert self.slope is not None
        x = inputs[0]
        return (np.where(x >= 0, x, x * self.slope).astype(x.dtype),)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        scale = inputs[0].scale / output.scale
        scales = np.array([scale, scale * one_scale(self, weight_scale)])
        return replace(self, requantize=Requantize.onto(output, scales))

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        assert self.slope is not None
        assert self.requantize is not None
        a = inputs[0].astype(np.int64) - quantizations[0].zero_point
        positive, negative = self.requantize.multipliers
        falling: Ints = a * self.slope.astype(np.int64) * negative
        return (self.requantize.finish(np.where(a >= 0, a * positive, falling)),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        slopes = np.array([-128, 0, 97], np.int16).reshape(3, 1, 1)
        image = (3, 2, 4)
        return (
            quantized_example("per channel", cls(slope_shape=(3, 1, 1), slope=slopes), (image,), weight_scale=0.01),
            quantized_example(
                "one slope", cls(slope_shape=(1,), slope=slopes.reshape(3)[2:]), ((5,),), (UINT8,), UINT8, 0.004
            ),
            quantized_example(
                "sequence", cls(slope_shape=(3,), slope=slopes.reshape(3)), ((4, 3),), (UINT8,), INT8, 0.01
            ),
        )
