"""Depthwise convolution: every channel with weights of its own, the lanes of a beat side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from accel.errors import InputError
from accel.fixedpoint import Quantization
from accel.layers.base import Layer, Shape
from accel.layers.conv import Conv
from accel.layers.window import as_image
from accel.packing import Packing
from accel.schedule.base import FoldSpace
from accel.schedule.conv2d import Conv2d, Taps, is_depthwise
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class Depthwise(Conv2d):
    """A convolution of every channel by itself, ``pe`` lanes of the input's beats at once and ``simd`` kernel taps.

    The lanes of the input are those of the output. Step ``k`` of a position works on tile ``k // reduction_steps``, the
    tile's beat of each pixel, and on taps ``simd * (k % reduction_steps)`` onwards, in (kernel row, kernel column)
    order: whole beats are read, and lane ``j`` of each meets the weights of channel ``tile * pe + j``. Weight memory,
    pipeline, widths and requantiser are those of `Conv2d`.
    """

    kind: ClassVar[str] = "depthwise"

    def _check_groups(self) -> None:
        if self.fold.pe != self.in_lanes:
            raise InputError(f"{self.kind} pe must be the {self.in_lanes} lanes of its input, not {self.fold.pe}")

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        return None if isinstance(layer, Conv) and is_depthwise(layer) else "depthwise convolutions alone"

    @classmethod
    def of(
        cls,
        layer: Layer,
        shapes: Sequence[Shape],
        quantizations: Sequence[Quantization],
        output: Quantization,
        lanes: Sequence[int],
        *,
        fold: Fold | None = None,
        capacity: int | None = None,
        requantizer: Requantizer | None = None,
    ) -> Self:
        return super().of(
            layer, shapes, quantizations, output, lanes,
            fold=fold or Fold(lanes[0], 1), capacity=capacity, requantizer=requantizer,
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, Conv)
        _, height, width = as_image(shapes[0])
        rows, columns = layer.window.output(height, width)
        return FoldSpace(rows * columns, layer.out_channels, math.prod(layer.window.kernel), lanes[0])

    @property
    def packing(self) -> Packing | None:
        return None  # every channel has elements of its own

    @cached_property
    def taps(self) -> Taps:
        """The beats that each of the ``simd`` taps reads in each step of a position; ``channel`` is that of lane 0."""
        tap = np.arange(self.reduction_steps * self.fold.simd, dtype=np.int64).reshape(-1, self.fold.simd)
        row, column = (np.tile(x, (self.tiles, 1)) for x in (tap // self.window.kernel[1], tap % self.window.kernel[1]))
        tile = np.repeat(np.arange(self.tiles), self.reduction_steps)
        return Taps(self.sliding.tap(row, column) + tile[:, None], np.zeros_like(row), row, column)

    @property
    def _ways(self) -> list[int]:
        return [1] * (self.fold.pe * self.fold.simd)
