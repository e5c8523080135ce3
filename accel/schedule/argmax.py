"""The index of the largest channel of every pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from accel.errors import InputError, UnsupportedError
from accel.fixedpoint import Ints, Quantization
from accel.layers.arg_max import ArgMax as ArgMaxLayer
from accel.layers.base import Layer, Shape
from accel.layers.window import Window
from accel.schedule import logic, pipeline
from accel.schedule.base import FoldSpace, Memory, Stream
from accel.schedule.conv2d import Taps
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic
from accel.schedule.sliding import Sliding, SlidingKernel


@dataclass(frozen=True, eq=False)
class ArgMax(SlidingKernel):
    """The index of the largest channel, pixel by pixel, ``simd`` channels compared a step.

    A pixel is a window of its own. Step ``k`` of it reads channels ``simd * k`` onwards; a tree finds the largest of
    them and where it is, and a register keeps the larger of that and the steps before. Lanes past the last channel read
    what is below every element.

    Attributes
    ----------
    pixels, channels : int
        Of the input.
    input, output : Quantization
    last : bool
        Which of equal channels counts: the last, or else the first.
    in_lanes : int
        Channels an input beat carries.
    fold : Fold
        ``pe`` is 1.
    capacity : int
        Beats of each copy of the input buffer, a power of two; `Taps.groups` says which lanes share one.
    """

    kind: ClassVar[str] = "argmax"
    ops: ClassVar[tuple[str, ...]] = ("ArgMax",)

    pixels: int
    channels: int
    input: Quantization
    output: Quantization
    last: bool
    in_lanes: int
    fold: Fold
    capacity: int

    def __post_init__(self) -> None:
        if self.in_lanes < 1:
            raise InputError(f"{self.kind} input lanes must be positive, not {self.in_lanes}")
        pipeline.check_capacity(self.kind, self.capacity)
        self.fold.check(self.kind, 1, self.channels)

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
        assert isinstance(layer, ArgMaxLayer)
        pixels, channels = _geometry(layer, shapes[0])
        if channels != output.high + 1:
            raise UnsupportedError(
                f"kernel {cls.kind} supports a choice among channels, not among all {output.high + 1} of a flat image"
            )
        if capacity is None:
            capacity = _sliding(pixels, channels, lanes[0]).roomy_capacity
        return cls(
            pixels, channels, quantizations[0], output, layer.last, lanes[0], fold or Fold(), capacity,
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, ArgMaxLayer)
        pixels, channels = _geometry(layer, shapes[0])
        return FoldSpace(pixels, 1, channels, macs=0)

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        assert isinstance(layer, ArgMaxLayer)
        return layer.axis == 1

    @classmethod
    def stream_shape(cls, layer: Layer, shape: Shape, given: Sequence[Shape]) -> Shape:
        assert isinstance(layer, ArgMaxLayer)
        if layer.keepdims:
            return shape
        return (*shape[: layer.axis], 1, *shape[layer.axis :])

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        return replace(self, fold=fold, capacity=capacity or self.capacity)

    @property
    def output_multiplication(self) -> Requantizer | None:
        return None

    @property
    def tiles(self) -> int:
        return 1

    @property
    def reduction_steps(self) -> int:
        return -(-self.channels // self.fold.simd)

    @cached_property
    def sliding(self) -> Sliding:
        """The pixels in a row, with a window of one of them."""
        return _sliding(self.pixels, self.channels, self.in_lanes)

    @cached_property
    def channel(self) -> Ints:
        """Channel that each lane reads in each step, past the last in a ragged end, shape (reduction_steps, simd)."""
        return np.arange(self.reduction_steps * self.fold.simd, dtype=np.int64).reshape(-1, self.fold.simd)

    @cached_property
    def taps(self) -> Taps:
        """What each lane reads in each step; past the last channel, the last one."""
        channel = np.minimum(self.channel, self.channels - 1)
        return Taps(channel // self.in_lanes, channel % self.in_lanes, channel * 0, channel * 0)

    @property
    def fill(self) -> int:
        """What a lane past the last channel reads: less than any element, where there is such a lane."""
        low, _ = self.input.type_range
        return low - 1 if self.channels % self.fold.simd else low

    @property
    def element_bits(self) -> int:
        """Width of an element in the buffer."""
        return self.input.bits + int(self.channels % self.fold.simd > 0)

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (Stream(self.pixels, self.channels, self.in_lanes, self.input.bits, self.input.signed),)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (Stream(self.pixels, 1, 1, self.output.bits, self.output.signed),)

    @property
    def stages(self) -> Mapping[str, int]:
        return {
            "address": pipeline.ADDRESS,
            "read": pipeline.READ,
            "select": pipeline.SELECT,
            "tree": pipeline.tree_stages(self.fold.simd),
            "compare": pipeline.COMPARE,
            "queue": pipeline.QUEUE,
        }

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (
            Memory("input", self.capacity, self.in_lanes * self.element_bits, copies=len(self.taps.groups)),
            Memory("output", self.slots, self.output.bits, clocked=False),
        )

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return {}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        simd, index = self.fold.simd, self.output.bits
        ways = 1 if self.taps.fixed_channels is not None else self.in_lanes
        candidate = self.element_bits + index
        compared = Logic(adder=self.element_bits, muxes=((candidate, 2),))
        found = Logic(adder=index, gate=index, register=candidate + index)
        for _ in range(simd):
            found += compared
        return {
            "sequencer": logic.sequencer(self.schedule),
            "queue": logic.queue(self.slots),
            "buffer": logic.window_buffer(
                self.in_lanes, self.element_bits, self.capacity, groups=len(self.taps.groups),
                selected=[ways] * simd, masked=False, kernel=(1, 1), subtracts=False,
            ),
            "steps": logic.table(self.reduction_steps),
            "comparison": found + Logic(register=candidate * (simd // 2)),
        }  # fmt: skip


def _geometry(layer: ArgMaxLayer, shape: Shape) -> tuple[int, int]:
    """Return the pixels and channels of an input, whose channels the layer must choose among."""
    channel_axis = 1 if len(shape) == 2 and layer.axis == 1 else 0
    if layer.axis != channel_axis:
        raise UnsupportedError(f"kernel argmax supports the axis of channels, not axis {layer.axis} of shape {shape}")
    return math.prod(shape) // shape[channel_axis], shape[channel_axis]


def _sliding(pixels: int, channels: int, lanes: int) -> Sliding:
    return Sliding(1, pixels, Window((1, 1)), -(-channels // lanes))
