"""What element-wise layers of two operands share; no layer type lives here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.layers.arithmetic import one_scale
from accel.layers.base import Array, Layer, Shape
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(Layer):
    """An operation on the elements of two or more tensors, or of one tensor and a constant.

    Tensors have the same number of axes; an axis of length one is repeated.

    Attributes
    ----------
    constant_shape : tuple of int, optional
        Of the constant operand, which then comes last; without a batch axis, aligned at the right as in ONNX:
        ``(c, 1, 1)`` is one value per channel of an image, ``()`` one value for all.
    constant : array, shape ``constant_shape``, optional
    """

    constant_shape: Shape | None = None
    constant: Array | None = None

    def weight_shapes(self) -> Mapping[str, Shape]:
        return {} if self.constant_shape is None else {"constant": self.constant_shape}

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        operands = len(shapes) + (self.constant_shape is not None)
        if operands < 2 or not shapes:
            raise ModelError(f"{self.op} must have two operands, not {operands}")
        if len({len(shape) for shape in shapes}) > 1:
            raise ModelError(f"{self.op} inputs must have the same number of axes, not shapes {tuple(shapes)}")
        constant = () if self.constant_shape is None else self.constant_shape
        try:
            shape = np.broadcast_shapes(*shapes, constant)
        except ValueError:
            raise ModelError(f"{self.op} operands must have matching shapes, not {(*shapes, constant)}") from None
        if len(shape) != len(shapes[0]):
            raise ModelError(f"{self.op} constant must have at most {len(shapes[0])} axes, not shape {constant}")
        return (shape,)

    def laid_out(self, lay_out: Callable[[Array], Array]) -> Self:
        if self.constant is None:
            return self
        constant = lay_out(self.constant)
        return replace(self, constant_shape=constant.shape, constant=constant)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(self.infer(shapes)[0])
        operands = len(shapes) + (self.constant_shape is not None)
        return (
            Work(
                kind=Kind.POINTWISE, ifmap=sum(map(math.prod, shapes)), weight=self.parameters, ofmap=elements,
                ops=elements * (operands - 1),
            ),
        )  # fmt: skip

    def operands(self, inputs: Sequence[Array]) -> list[Array]:
        """Return the inputs followed by the constant, if there is one."""
        return [*inputs] if self.constant is None else [*inputs, self.constant]

    def centered(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> list[Array]:
        """Return the operands as int64 with their zero points subtracted."""
        pairs = zip(inputs, quantizations, strict=True)
        return self.operands([x.astype(np.int64) - q.zero_point for x, q in pairs])

    def scales(self, inputs: Sequence[Quantization], weight_scale: Array | float) -> list[float]:
        """Return the scale of every operand."""
        scales = [q.scale for q in inputs]
        return scales if self.constant_shape is None else [*scales, one_scale(self, weight_scale)]
