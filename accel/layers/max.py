"""Max: the larger of two or more numbers, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example
from accel.layers.elementwise import Elementwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Max(Elementwise):
    """The largest operand at every position. It has no integer form; a ReLU or Clip has."""

    op: ClassVar[str] = "Max"

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (reduce(np.maximum, self.operands(inputs)).astype(inputs[0].dtype),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            float_example("tensors", cls(), ((3, 2), (3, 2), (3, 1))),
            float_example("constant", cls(constant_shape=()), ((5,),)),
        )
