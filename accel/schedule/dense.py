"""Dense: a convolution whose window is the whole image, or every step of a sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.layers.base import Layer, Shape
from accel.layers.dense import Dense as DenseLayer
from accel.layers.window import Window
from accel.schedule.base import FoldSpace
from accel.schedule.conv2d import Conv2d, integers_of
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class Dense(Conv2d):
    """A fully connected layer, folded as `Conv2d` is.

    A flattened image arrives in stream order (h, w, c), so the weight's columns are taken from ONNX's (c, h, w) order
    into that one here, and flattening costs nothing. A sequence ``(t, c)`` is an image of one row, with a 1x1 window if
    every step is a vector to the layer; flattened it has the order of the stream already.
    """

    kind: ClassVar[str] = "dense"
    ops: ClassVar[tuple[str, ...]] = ("Dense",)

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
        assert isinstance(layer, DenseLayer)
        weight, bias, requantize = integers_of(layer)
        image, window = _geometry(layer, shapes[0])
        if len(shapes[0]) == 2:
            hwc = weight.reshape(layer.out_features, *window.kernel, image[0])
        else:
            hwc = weight.reshape(layer.out_features, image[0], *window.kernel).transpose(0, 2, 3, 1)
        return cls.placed(
            image, window, hwc, bias, quantizations[0], output, requantize, lanes[0],
            fold or Fold(), capacity, requantizer,
        )  # fmt: skip

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        return True

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, DenseLayer)
        (_, height, width), window = _geometry(layer, shapes[0])
        rows, columns = window.output(height, width)
        return FoldSpace(rows * columns, layer.out_features, layer.in_features)


def _geometry(layer: DenseLayer, shape: Shape) -> tuple[tuple[int, int, int], Window]:
    """Return the image that arrives and the window on it."""
    if len(shape) == 2 and shape[1] == layer.in_features:
        return (shape[1], 1, shape[0]), Window((1, 1))
    if math.prod(shape) != layer.in_features:
        raise ModelError(f"dense input must have {layer.in_features} features, not shape {shape}")
    channels, height, width = (*shape, 1, 1)[:3] if len(shape) != 2 else (shape[1], 1, shape[0])
    return (channels, height, width), Window((height, width))
