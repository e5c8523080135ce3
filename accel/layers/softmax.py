"""Softmax: exponentials that sum to one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import ModelError
from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example, Layer, Shape, only
from accel.work import Kind, Work

_OPS_PER_ELEMENT = 4
"""A comparison for the maximum, an exponential, an addition to the sum, a division."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Softmax(Layer):
    """``exp(x) / sum(exp(x))`` along one axis. It has no integer form: as a network's head it runs on the host.

    Attributes
    ----------
    axis : int
        Which axis, counted without the batch axis, from the end if negative.
    """

    op: ClassVar[str] = "Softmax"

    axis: int = -1

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if not -len(shape) <= self.axis < len(shape):
            raise ModelError(f"Softmax axis must lie in [{-len(shape)}, {len(shape) - 1}], not {self.axis}")
        return (shape,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        ops = _OPS_PER_ELEMENT * elements
        return (Work(kind=Kind.POINTWISE, ifmap=elements, ofmap=elements, ops=ops),)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        axis = self.axis + 1 if self.axis >= 0 else self.axis
        powers = np.exp(x - x.max(axis=axis, keepdims=True))
        return (powers / powers.sum(axis=axis, keepdims=True),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            float_example("vector", cls(), ((10,),)),
            float_example("channels", cls(axis=0), ((3, 2, 4),)),
            float_example("one element", cls(), ((1,),)),
        )
