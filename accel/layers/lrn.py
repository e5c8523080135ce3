"""Local response normalisation across channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import ModelError
from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example, Layer, Shape, only, positive
from accel.work import Kind, Work


@dataclass(frozen=True, kw_only=True, eq=False)
class LRN(Layer):
    """``x / (k + alpha / size * sum(x**2 over the nearest size channels))**beta``. It has no integer form.

    Attributes
    ----------
    size : int
        Channels in the sum, ``(size - 1) // 2`` of them before.
    alpha, beta, k : float
        Constants; ``k`` is ONNX's ``bias``.

    References
    ----------
    Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep CNNs", NIPS 2012, section 3.3.
    """

    op: ClassVar[str] = "LRN"

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        positive("LRN size", (self.size,))
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if len(shape) < 2:
            raise ModelError(f"LRN input must have channels and at least one spatial axis, not shape {shape}")
        return (shape,)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        elements = math.prod(only(shapes, self))
        # A square and size - 1 additions for the sum; a product, an offset, a power and a division.
        return (Work(kind=Kind.POINTWISE, ifmap=elements, ofmap=elements, ops=(self.size + 4) * elements),)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        channels = x.shape[1]
        before = min((self.size - 1) // 2, channels - 1)  # beyond the channels there are only zeros
        after = min(self.size // 2, channels - 1)
        squares = np.pad(x.astype(np.float64) ** 2, ((0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)))
        total = np.add.reduce([squares[:, i : i + channels] for i in range(before + after + 1)])
        return ((x / (self.k + self.alpha / self.size * total) ** self.beta).astype(x.dtype),)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            float_example("five channels", cls(size=5, alpha=0.5), ((7, 2, 3),)),
            float_example("even size", cls(size=4, alpha=0.5, beta=0.5, k=2.0), ((5, 3),)),
            float_example("wider than the channels", cls(size=9, alpha=1.0), ((2, 2, 2),)),
        )
