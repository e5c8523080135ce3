"""Transposed convolution: no zeros are inserted; every output pixel meets the few taps that reach it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.fixedpoint import Ints, Quantization
from accel.layers.base import Layer, Shape
from accel.layers.conv_transpose import ConvTranspose as ConvTransposeLayer
from accel.layers.window import Window, as_image
from accel.schedule.base import Counts, FoldSpace
from accel.schedule.conv2d import Conv2d, integers_of
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.sliding import Sliding


@dataclass(frozen=True, slots=True)
class Phases:
    """Which taps reach the output rows, or columns, of each phase: the place modulo the stride.

    Tap ``r`` of the kernel brings input row ``(p + before - r * dilation) / stride`` to output row ``p``, where that is
    whole. So the taps of a phase are `spacing` input rows apart, and a window of `taps` rows, begun at the phase's own
    place, holds them; which of its rows is which tap of the kernel depends on the phase alone.

    Attributes
    ----------
    kernel, stride, dilation, before : int
        Of the layer along one axis; ``before`` is what is cut off the output.
    """

    kernel: int
    stride: int
    dilation: int
    before: int

    def reaching(self, phase: int) -> list[int]:
        """Return the taps of a phase, in the order of the input rows they bring."""
        return [r for r in reversed(range(self.kernel)) if (phase - r * self.dilation) % self.stride == 0]

    @property
    def taps(self) -> int:
        """The most taps of any phase."""
        return max(len(self.reaching(phase)) for phase in range(self.stride))

    @property
    def spacing(self) -> int:
        """Input rows from a tap of a phase to the next."""
        return self.dilation // math.gcd(self.dilation, self.stride)

    def phase(self, outputs: int) -> Counts:
        """Return the phase of each output row."""
        return (np.arange(outputs, dtype=np.int64) + self.before) % self.stride

    def starts(self, outputs: int) -> Counts:
        """Return the input row that the first tap of each output row brings; that beside it where there is none."""
        first = [(p - max(self.reaching(p), default=0) * self.dilation) // self.stride for p in range(self.stride)]
        return (np.arange(outputs, dtype=np.int64) + self.before) // self.stride + np.array(first)[self.phase(outputs)]

    def spans(self, outputs: int) -> Counts:
        """Return the input rows from the first to the last tap of each output row, at least one."""
        counts = np.array([max(1, len(self.reaching(p))) for p in range(self.stride)])
        return (counts[self.phase(outputs)] - 1) * self.spacing + 1


@dataclass(frozen=True, eq=False)
class Spreading(Sliding):
    """Where the windows of a transposed convolution are: ``window`` is that of any phase.

    Attributes
    ----------
    phases : (Phases, Phases)
        Of rows and columns.
    extent : (int, int)
        Output rows and columns.
    """

    phases: tuple[Phases, Phases]
    extent: tuple[int, int]

    @cached_property
    def output(self) -> tuple[int, int]:
        return self.extent

    @property
    def padded(self) -> bool:
        full = [(1 << taps) - 1 for taps in self.window.kernel]
        return any(bool((self.inside(axis) != full[axis]).any()) for axis in (0, 1))

    def starts(self, axis: int) -> Counts:
        return self.phases[axis].starts(self.extent[axis])

    def spans(self, axis: int) -> Counts:
        return self.phases[axis].spans(self.extent[axis])

    @property
    def set_of_position(self) -> Counts:
        """Which set of weights each position has, shape (positions,)."""
        rows, columns = (phases.phase(n) for phases, n in zip(self.phases, self.extent, strict=True))
        return (rows[:, None] * self.phases[1].stride + columns[None, :]).ravel()


@dataclass(frozen=True, eq=False)
class ConvTranspose(Conv2d):
    """A transposed convolution as one convolution for each phase of the output; folds and datapath are `Conv2d`'s.

    The kernel is split by which of its taps reach a phase; every part has as many taps as the largest, zeros among
    them. A position takes the weights of its phase: word ``first_weight[position] + k`` in step ``k``.

    Attributes
    ----------
    window : Window
        The layer's own.
    weight : int16 array, shape (M, kernel rows, kernel columns, C / groups)
        Of the first phase.
    sets : int16 array, shape (phases, M, kernel rows, kernel columns, C / groups)
        Of every phase.
    extent : (int, int)
        Output rows and columns.
    """

    kind: ClassVar[str] = "convtranspose"
    ops: ClassVar[tuple[str, ...]] = ("ConvTranspose",)

    sets: NDArray[np.int16]
    extent: tuple[int, int]

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
        assert isinstance(layer, ConvTransposeLayer)
        weight, bias, requantize = integers_of(layer)
        if layer.bias is None:
            bias = np.zeros(layer.out_channels, np.int64)
        image, extent = as_image(shapes[0]), _extent(layer, shapes[0])
        sets = _sets(layer, weight)
        fold = fold or Fold()
        fold.check(cls.kind, layer.out_channels, sets[0, 0].size)
        if capacity is None:
            capacity = _sliding(image, layer.window, lanes[0], extent).roomy_capacity
        if requantizer is None:
            bits = requantize.multiplier_bits
            requantizer = Requantizer.serial(fold.pe, bits, -(-sets[0, 0].size // fold.simd))
        return cls(
            image, layer.window, sets[0], bias, quantizations[0], output, requantize, lanes[0], fold, capacity,
            requantizer, sets, extent,
        )  # fmt: skip

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        return None

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, ConvTransposeLayer)
        positions = math.prod(_extent(layer, shapes[0]))
        taps = math.prod(phases.taps for phases in _phases(layer.window))
        own = layer.out_channels // layer.groups
        return FoldSpace(
            positions * layer.groups, own, layer.in_channels // layer.groups * taps, whole=layer.groups > 1
        )

    @cached_property
    def sliding(self) -> Spreading:
        return _sliding(self.shape, self.window, self.in_lanes, self.extent)

    @property
    def rows(self) -> NDArray[np.int16]:
        return self.sets.reshape(-1, self.reduction)

    @cached_property
    def first_weight(self) -> Ints:
        """Address of each position's first weight word, shape (positions,)."""
        return self.sliding.set_of_position * (self.tiles * self.reduction_steps)


def _phases(window: Window) -> tuple[Phases, Phases]:
    rows, columns = (
        Phases(window.kernel[axis], window.stride[axis], window.dilation[axis], window.padding[axis]) for axis in (0, 1)
    )
    return rows, columns


def _sliding(image: tuple[int, int, int], window: Window, lanes: int, extent: tuple[int, int]) -> Spreading:
    channels, height, width = image
    rows, columns = phases = _phases(window)
    part = Window((rows.taps, columns.taps), dilation=(rows.spacing, columns.spacing))
    return Spreading(height, width, part, -(-channels // lanes), phases, extent)


def _extent(layer: ConvTransposeLayer, shape: Shape) -> tuple[int, int]:
    """Return output rows and columns."""
    _, rows, columns = as_image(layer.infer((shape,))[0])
    return rows, columns


def _sets(layer: ConvTransposeLayer, weight: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the weights of every phase, as `ConvTranspose.sets` has them."""
    rows, columns = _phases(layer.window)
    kernel = layer.window.kernel
    grouped = weight.reshape(layer.groups, -1, layer.out_channels // layer.groups, *kernel)
    whole = grouped.transpose(0, 2, 3, 4, 1).reshape(layer.out_channels, *kernel, -1)
    sets = np.zeros(
        (rows.stride, columns.stride, layer.out_channels, rows.taps, columns.taps, whole.shape[3]), np.int16
    )
    for p in range(rows.stride):
        for q in range(columns.stride):
            chosen = whole[:, rows.reaching(p)][:, :, columns.reaching(q)]
            sets[p, q, :, : chosen.shape[1], : chosen.shape[2]] = chosen
    return sets.reshape(-1, *sets.shape[2:])
