"""Elements of an image in other places: slices, padding, transpositions, nearest neighbours, depth to space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError
from accel.fixedpoint import Ints, Quantization
from accel.layers.base import Layer, Shape
from accel.layers.moves import Move
from accel.layers.slice import Slice
from accel.layers.transpose import Transpose
from accel.schedule import logic, pipeline
from accel.schedule.base import Counts, FoldSpace, LayerKernel, Memory, Schedule, Stream, least_capacity
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.lanes import by_beat
from accel.schedule.logic import Logic

_IMAGE_AXES = 3


@dataclass(frozen=True, eq=False)
class Rearrange(LayerKernel):
    """A layer that only moves elements of an image: every element of the output is one of the input, or zero.

    A position is an output beat, and takes one step. Where each of its lanes reads comes from the layer itself, applied
    to the numbers of the elements. The buffer holds what is still to be read: a few beats for padding or a slice, rows
    for a larger image, all of it for a transposition. Lanes that always read the same beat share a copy.

    Attributes
    ----------
    pixels, channels : int
        Of the input.
    source : int64 array, shape (output pixels, output channels)
        The input element that each of the output is, ``pixel * channels + channel``; -1 where it is zero.
    input, output : Quantization
        The same scale and zero point.
    in_lanes : int
        Channels an input beat carries.
    fold : Fold
        ``pe`` is the output's lanes, ``simd`` 1.
    capacity : int
        Beats of each copy of the input buffer, a power of two.
    """

    kind: ClassVar[str] = "rearrange"
    ops: ClassVar[tuple[str, ...]] = (
        "DepthToSpace", "Pad", "Rearrangement", "ReflectPad", "Resize", "Slice", "Transpose",
    )  # fmt: skip

    pixels: int
    channels: int
    source: Ints
    input: Quantization
    output: Quantization
    in_lanes: int
    fold: Fold
    capacity: int

    def __post_init__(self) -> None:
        if self.in_lanes < 1:
            raise InputError(f"{self.kind} input lanes must be positive, not {self.in_lanes}")
        pipeline.check_capacity(self.kind, self.capacity)
        self.fold.check(self.kind, self.source.shape[1], 1)

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        assert isinstance(layer, Move)
        if layer.requantize is not None:
            return "inputs quantised as the output is"
        axes = layer.axes if isinstance(layer, Transpose) else layer.start if isinstance(layer, Slice) else None
        if axes is not None and len(axes) != _IMAGE_AXES:
            return f"images, not tensors of {len(axes)} axes"
        return None

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
        assert isinstance(layer, Move)
        source = _sources(layer, shapes[0])
        channels, pixels = shapes[0][0], math.prod(shapes[0][1:])
        made = cls(pixels, channels, source, quantizations[0], output, lanes[0], fold or Fold(), capacity or 1)
        return made if capacity is not None else made.refolded(made.fold)

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        (shape,) = layer.infer(shapes)
        return FoldSpace(math.prod(shape[1:]), shape[0], 1, macs=0)

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        return False

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        made = replace(self, fold=fold, capacity=capacity or self.capacity)
        if capacity is not None:
            return made
        return replace(made, capacity=pipeline.power_of_two(2 * made.least_capacity + pipeline.BEATS_IN_FLIGHT))

    @property
    def output_multiplication(self) -> Requantizer | None:
        return None

    # What is read

    @property
    def tiles(self) -> int:
        """Beats of an output pixel."""
        return -(-self.source.shape[1] // self.fold.pe)

    @cached_property
    def elements(self) -> Ints:
        """`source` by output beat and lane, shape (positions, pe); -1 past the last channel too."""
        missing = self.tiles * self.fold.pe - self.source.shape[1]
        return np.pad(self.source, ((0, 0), (0, missing)), constant_values=-1).reshape(-1, self.fold.pe)

    @property
    def lives(self) -> NDArray[np.bool_]:
        """Whether each lane carries a channel, shape (positions, pe); one past the last is zero in the stream."""
        channel = np.arange(self.tiles * self.fold.pe).reshape(-1, self.fold.pe)
        return np.tile(channel < self.source.shape[1], (len(self.source), 1))

    @property
    def counts(self) -> NDArray[np.bool_]:
        """Whether each lane reads an element, shape (positions, pe)."""
        return self.elements >= 0

    @cached_property
    def beat(self) -> Ints:
        """The beat that each lane reads, within the tensor, shape (positions, pe); any if it reads none."""
        pixel, channel = np.divmod(self.elements, self.channels)
        beat = pixel * self.inputs[0].beats_per_pixel + channel // self.in_lanes
        some = np.where(self.counts.any(axis=1), np.where(self.counts, beat, -1).max(axis=1), 0)
        return np.where(self.counts, beat, some[:, None])

    @cached_property
    def lane(self) -> Ints:
        """The lane of that beat, shape (positions, pe)."""
        return np.where(self.counts, self.elements % self.channels % self.in_lanes, 0)

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Lanes by the beats they read: lanes that always read the same beat share a copy of the buffer."""
        return by_beat(self.beat)

    @cached_property
    def need(self) -> Counts:
        """The last beat that each position waits for, shape (positions,)."""
        need = np.maximum.accumulate(np.where(self.counts, self.beat, 0).max(axis=1))
        need[-1] = self.inputs[0].beats - 1
        return need

    @cached_property
    def free(self) -> Counts:
        """Beats that no later position reads, shape (positions,)."""
        beats = self.inputs[0].beats
        first = np.where(self.counts, self.beat, beats).min(axis=1)
        later = np.append(np.minimum.accumulate(first[::-1])[::-1][1:], beats)
        return np.minimum(later, self.need + 1)

    @property
    def least_capacity(self) -> int:
        """The fewest beats that the input buffer must hold."""
        return least_capacity(self.need, self.free)

    # What every kernel states

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (Stream(self.pixels, self.channels, self.in_lanes, self.input.bits, self.input.signed),)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        pixels, channels = self.source.shape
        return (Stream(pixels, channels, self.fold.pe, self.output.bits, self.output.signed),)

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        return {
            "address": pipeline.ADDRESS, "read": pipeline.READ, "select": pipeline.SELECT, "queue": pipeline.QUEUE,
        }  # fmt: skip

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        each = np.ones(len(self.elements), np.int64)
        latency = sum(self.stages.values())
        return Schedule(
            steps=each,
            period=each,
            need=self.need[None],
            free=self.free[None],
            after=each * 0,
            beats=(self.inputs[0].beats,),
            capacity=(self.capacity,),
            slots=(pipeline.queue_slots(latency, 1),),
            latency=latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (
            Memory("input", self.capacity, self.in_lanes * self.input.bits, copies=len(self.groups)),
            Memory("output", self._schedule.slots[0], self.fold.pe * self.output.bits, clocked=False),
        )

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return {}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        pe, groups, address = self.fold.pe, len(self.groups), self.capacity.bit_length() - 1
        flags = logic.delay(pe * (self.in_lanes - 1).bit_length(), pipeline.ADDRESS + pipeline.READ)
        return {
            "sequencer": logic.sequencer(self.schedule) + logic.table(len(self.elements)),
            "buffer": Logic(
                adder=groups * address,
                counter=address,
                muxes=((pe * self.output.bits, self.in_lanes),),
                register=address * (1 + 2 * groups) + groups * self.in_lanes * self.input.bits + pe * self.output.bits,
            )
            + flags,
            "queue": logic.queue(self._schedule.slots[0]),
        }


def _sources(layer: Move, shape: Shape) -> Ints:
    """Return `Rearrange.source`: the layer applied to the numbers of its elements, counted from one."""
    channels = shape[0]
    numbers = np.arange(math.prod(shape), dtype=np.int64).reshape(*shape[1:], channels) + 1  # as they travel
    moved = layer.move(np.moveaxis(numbers, -1, 0)[None])[0]
    return np.moveaxis(moved, 0, -1).reshape(-1, moved.shape[0]) - 1
