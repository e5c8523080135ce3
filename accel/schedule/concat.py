"""Concatenation of channels: a pixel of every input becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from accel.errors import UnsupportedError
from accel.fixedpoint import Ints, Quantization
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.concat import Concat as ConcatLayer
from accel.schedule.base import FoldSpace
from accel.schedule.elementwise import Elementwise, by_tile, extent
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class Concat(Elementwise):
    """The channels of all inputs, one input after another, each requantised by its own multiplier.

    Between equal quantisations integers pass as they are. Stages and folds are those of `Elementwise`; a lane selects
    the input that the channel at hand comes from.
    """

    kind: ClassVar[str] = "concat"
    ops: ClassVar[tuple[str, ...]] = ("Concat",)

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        assert isinstance(layer, ConcatLayer)
        return None if layer.axis <= 1 else f"the axis of the channels, not {layer.axis}"

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        assert isinstance(layer, ConcatLayer)
        return layer.axis == 1

    @classmethod
    def stream_shape(cls, layer: Layer, shape: Shape, given: Sequence[Shape]) -> Shape:
        return shape if len(shape) > 1 else (sum(channels for channels, *_ in given), *given[0][1:])

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
        refusal = cls.refusal(layer)
        if refusal is not None:
            raise UnsupportedError(f"kernel {cls.kind} supports {refusal}")
        extents = _extents(layer, shapes)
        chosen = cls.choose(extents, layer.requantize, lanes, fold, capacity, requantizer)
        return cls(
            extents[0][0], sum(channels for _, channels in extents), extents, tuple(quantizations), output,
            layer.requantize, tuple(lanes), *chosen,
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        extents = _extents(layer, shapes)
        channels = sum(channels for _, channels in extents)
        return FoldSpace(extents[0][0], channels, cls.steps_of(layer.requantize), macs=0)

    @cached_property
    def port_by_tile(self) -> Ints:
        """The input that each lane's channel comes from, shape (tiles, pe)."""
        ports = np.repeat(np.arange(len(self.extents)), [channels for _, channels in self.extents])
        return by_tile(ports, self.fold.pe)

    def taps(self, port: int) -> tuple[Ints, Ints]:
        first = sum(channels for _, channels in self.extents[:port])
        channel = np.arange(self.tiles * self.fold.pe).reshape(-1, self.fold.pe) - first
        channel = channel.clip(0, self.extents[port][1] - 1)
        return channel // self.in_lanes[port], channel % self.in_lanes[port]

    @property
    def totals(self) -> tuple[Interval, ...]:
        found = [self.centered(port) for port in range(len(self.sources))]
        return (Interval(min(t.low for t in found), max(t.high for t in found)),)

    @property
    def constants(self) -> tuple[Ints, Ints]:
        assert self.requantize is not None
        multipliers = self.requantize.multipliers[self.port_by_tile]
        return np.zeros_like(multipliers), multipliers


def _extents(layer: Layer, shapes: Sequence[Shape]) -> tuple[tuple[int, int], ...]:
    """Return pixels and channels of every input; the channels of a sequence (t, c) come last."""
    assert isinstance(layer, ConcatLayer)
    if layer.axis == 0:
        return tuple(extent(shape) for shape in shapes)
    if len(shapes[0]) != 2:
        raise UnsupportedError(f"kernel {Concat.kind} supports the axis of the channels, not {layer.axis}")
    return tuple((shape[0], shape[1]) for shape in shapes)
