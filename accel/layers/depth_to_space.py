"""DepthToSpace: channels become rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accel.errors import ModelError
from accel.layers.arithmetic import UINT8, quantized_example
from accel.layers.base import Array, Example, Shape, only, positive
from accel.layers.moves import Move, moved_work
from accel.work import Work


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthToSpace(Move):
    """``block`` x ``block`` channels become one block of pixels.

    Attributes
    ----------
    block : int
        Rows and columns of a block.
    channels_first : bool
        Whether an output channel's blocks are consecutive input channels (ONNX's mode CRD, PyTorch's pixel shuffle);
        else they are ``out_channels`` apart (DCR).

    References
    ----------
    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network", CVPR 2016, equation 4.
    """

    op: ClassVar[str] = "DepthToSpace"
    keeps_elements: ClassVar[bool] = True

    block: int
    channels_first: bool = False

    def __post_init__(self) -> None:
        positive("DepthToSpace block", (self.block,))
        super().__post_init__()

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = only(shapes, self)
        if len(shape) != 3 or shape[0] % self.block**2:
            raise ModelError(f"DepthToSpace input must have a multiple of {self.block**2} channels, not shape {shape}")
        return ((shape[0] // self.block**2, shape[1] * self.block, shape[2] * self.block),)

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        return moved_work(only(shapes, self), self.infer(shapes)[0])

    def move(self, x: Array) -> Array:
        n, c, h, w = x.shape
        b = self.block
        if self.channels_first:
            parts = x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
        else:
            parts = x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
        return parts.reshape(n, c // b**2, h * b, w * b)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (
            quantized_example("depth first", cls(block=2), ((8, 2, 3),)),
            quantized_example("channels first", cls(block=2, channels_first=True), ((8, 2, 3),), (UINT8,), UINT8),
            quantized_example("blocks of three", cls(block=3), ((9, 1, 2),)),
        )
