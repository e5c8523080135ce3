"""What kernels over pixels share: channels taken from beats of any lanes; no kernel type lives here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import UnsupportedError
from accel.fixedpoint import Ints, Quantization, Requantize, signed_bits
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.elementwise import Elementwise as ElementwiseLayer
from accel.layers.window import Window, as_image
from accel.schedule import logic, pipeline
from accel.schedule.base import Counts, LayerKernel, Memory, Schedule, Stream
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic, Table
from accel.schedule.sliding import Sliding


@dataclass(frozen=True, eq=False)
class Elementwise(LayerKernel):
    """A function of the elements of one or more tensors, ``pe`` channels of the output at once.

    A position is a pixel. Its steps go tile by tile, `result_steps` each; the last reads the tile's channels from the
    beats of every input, whatever their lanes, and completes a result. So a join is an adapter of widths too. Where
    the output is requantised, ``simd`` is the bits of the multiplier that a tile's steps leave for each of them. An
    input of one pixel is read anew for every pixel of the output, and kept until the last.

    Attributes
    ----------
    pixels, channels : int
        Of the output.
    extents : tuple of (int, int)
        Pixels and channels of each input.
    sources : tuple of Quantization
    output : Quantization
    requantize : Requantize, optional
        ``None`` where nothing is rounded.
    in_lanes : tuple of int
        Channels a beat of each input carries.
    fold : Fold
    capacity : int
        Beats of every input's buffer, a power of two.
    requantizer : Requantizer, optional
        Present when `requantize` is.
    """

    pixels: int
    channels: int
    extents: tuple[tuple[int, int], ...]
    sources: tuple[Quantization, ...]
    output: Quantization
    requantize: Requantize | None
    in_lanes: tuple[int, ...]
    fold: Fold
    capacity: int
    requantizer: Requantizer | None

    def __post_init__(self) -> None:
        pipeline.check_capacity(self.kind, self.capacity)
        self.fold.check(self.kind, self.channels, self.steps_of(self.requantize))
        if self.requantizer is not None:
            self.requantizer.check(self.kind, self.fold.pe, self.multiplier_bits, self.result_steps)

    @classmethod
    def stream_shape(cls, layer: Layer, shape: Shape, given: Sequence[Shape]) -> Shape:
        return shape if len(shape) > 1 else max(given, key=math.prod)  # what was flattened goes on as it came

    @staticmethod
    def spread(kind: str, shapes: Sequence[Shape]) -> tuple[int, int, tuple[tuple[int, int], ...]]:
        """Return the pixels and channels of the output, and of each input, where an input may have a single pixel.

        Raises
        ------
        UnsupportedError
            If their shapes differ in anything else.
        """
        extents = tuple(extent(shape) for shape in shapes)
        pixels, channels = max(extents)
        if any(e not in ((pixels, channels), (1, channels)) for e in extents):
            raise UnsupportedError(f"kernel {kind} supports inputs of one shape or of one pixel, not {tuple(shapes)}")
        return pixels, channels, extents

    @staticmethod
    def choose(
        extents: Sequence[tuple[int, int]],
        requantize: Requantize | None,
        lanes: Sequence[int],
        fold: Fold | None,
        capacity: int | None,
        requantizer: Requantizer | None,
    ) -> tuple[Fold, int, Requantizer | None]:
        """Return the fold, buffer and requantiser, chosen where they are not given."""
        fold = fold or Fold()
        bits = Elementwise.steps_of(requantize)
        period = -(-bits // fold.simd)
        # Where a result is a step, the beats that are read but not yet released count too.
        unreleased = pipeline.RELEASE if period == 1 else 0
        pixel = max(-(-channels // n) for (_, channels), n in zip(extents, lanes, strict=True))
        capacity = capacity or pipeline.power_of_two(max(2 * pixel + unreleased, pipeline.BEATS_IN_FLIGHT))
        if requantizer is None and requantize is not None:
            requantizer = Requantizer.serial(fold.pe, bits, period)
        return fold, capacity, requantizer

    @staticmethod
    def steps_of(requantize: Requantize | None) -> int:
        """Return the steps of a tile at ``simd`` 1: a cycle for each bit of the multipliers, or one."""
        return 1 if requantize is None else requantize.multiplier_bits

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        fold, capacity, requantizer = self.choose(
            self.extents, self.requantize, self.in_lanes, fold, capacity or self.capacity, requantizer
        )
        return replace(self, fold=fold, capacity=capacity, requantizer=requantizer)

    @property
    def output_multiplication(self) -> Requantizer | None:
        return self.requantizer

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the output multipliers; 0 where there are none."""
        return 0 if self.requantize is None else self.requantize.multiplier_bits

    @property
    def result_steps(self) -> int:
        """Steps of a tile; the result period."""
        return -(-self.steps_of(self.requantize) // self.fold.simd)

    @property
    def tiles(self) -> int:
        """Groups of ``pe`` channels."""
        return -(-self.channels // self.fold.pe)

    def sliding(self, port: int) -> Sliding:
        """Return the pixel that each position reads of an input, as a window of one tap."""
        pixels, channels = self.extents[port]
        beats = -(-channels // self.in_lanes[port])
        if pixels == self.pixels:
            return Sliding(1, pixels, Window((1, 1)), beats)
        return Still(1, 1, Window((1, 1)), beats, self.pixels)

    def taps(self, port: int) -> tuple[Ints, Ints]:
        """Return the beat of the pixel, and the channel in it, that each lane reads, shape (tiles, pe).

        Lanes past a ragged end read the last channel; they are not output.
        """
        channel = np.minimum(np.arange(self.tiles * self.fold.pe), self.channels - 1).reshape(-1, self.fold.pe)
        return channel // self.in_lanes[port], channel % self.in_lanes[port]

    def copies(self, port: int) -> int:
        """Return the copies of an input's buffer: lanes that always read the same beat share one."""
        return len({column.tobytes() for column in np.ascontiguousarray(self.taps(port)[0].T)})

    def centered(self, port: int) -> Interval:
        """Return what a lane of an input holds after its zero point is subtracted."""
        return Interval(*self.sources[port].centered_range)

    @property
    def totals(self) -> tuple[Interval, ...]:
        """What is multiplied at the output: an interval for each term of a channel's sum; none where none is."""
        return ()

    @property
    def constants(self) -> tuple[Ints, Ints]:
        """What the terms are added to and multiplied by, result after result: shape (results, pe * terms) each.

        Here nothing is added, and every term has a multiplier for all channels.
        """
        assert self.requantize is not None
        multipliers = np.tile(self.requantize.multipliers, self.fold.pe)[None]
        return np.zeros_like(multipliers), multipliers

    @property
    def product_bits(self) -> int:
        """Signed width of the sum of products plus the rounding increment."""
        if self.requantize is None:
            return 0
        terms = len(self.totals)
        largest = [int(self.constants[1][:, term::terms].max()) for term in range(terms)]
        half = 1 << max(self.requantize.shift - 1, 0)
        low = sum(min(t.low, 0) * n for t, n in zip(self.totals, largest, strict=True))
        high = sum(max(t.high, 0) * n for t, n in zip(self.totals, largest, strict=True))
        return signed_bits(low - half, high + half)

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return tuple(
            Stream(*extent, lanes, q.bits, q.signed)
            for extent, lanes, q in zip(self.extents, self.in_lanes, self.sources, strict=True)
        )

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (Stream(self.pixels, self.channels, self.fold.pe, self.output.bits, self.output.signed),)

    @property
    def work_stages(self) -> Mapping[str, int]:
        """Cycles of the stages between the elements and what is multiplied, or output, in order."""
        return {}

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        stages = {"address": pipeline.ADDRESS, "read": pipeline.READ, "select": pipeline.SELECT, **self.work_stages}
        if self.requantizer is not None:
            stages |= self.requantizer.stages(self.fold.pe, self.multiplier_bits)
        return stages | {"queue": pipeline.QUEUE}

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        slides = [self.sliding(port) for port in range(len(self.sources))]
        each = np.ones(self.pixels, np.int64)
        latency = sum(self.stages.values())
        return Schedule(
            steps=each * self.tiles * self.result_steps,
            period=each * self.result_steps,
            need=np.stack([s.need for s in slides]),
            free=np.stack([s.free for s in slides]),
            after=each * 0,
            beats=tuple(s.beats for s in slides),
            capacity=(self.capacity,) * len(slides),
            slots=(pipeline.queue_slots(latency, self.result_steps),),
            latency=latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        buffers = (
            Memory(f"input{port}", self.capacity, lanes * self.element_bits(port), copies=self.copies(port))
            for port, lanes in enumerate(self.in_lanes)
        )
        return (*buffers, Memory("output", self._schedule.slots[0], self.fold.pe * self.output.bits, clocked=False))

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        if self.requantizer is None or self.requantizer.form == "serial":
            return {}
        count = self.requantizer.units * len(self.totals)
        return {"requantize": (count, max(t.bits for t in self.totals), logic.factor_bits(self.constants[1]))}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        pe, ports = self.fold.pe, range(len(self.sources))
        blocks = {"sequencer": logic.sequencer(self.schedule), "queue": logic.queue(self._schedule.slots[0])}
        for port in ports:
            channels = self.taps(port)[1]
            blocks[f"buffer {port}"] = logic.window_buffer(
                self.in_lanes[port], self.element_bits(port), self.capacity, groups=self.copies(port),
                selected=[len(np.unique(lane)) for lane in channels.T], masked=False, kernel=(1, 1),
                subtracts=self.requantize is not None and self.sources[port].zero_point != 0,
            ) + Table.of({"offset": (self.taps(port)[0][:, 0], self.copies(port))}).logic  # fmt: skip
        if self.requantize is not None and self.requantizer is not None:
            blocks["requantizer"] = logic.requantizer(
                self.requantizer, pe, [t.bits for t in self.totals], self.constants[1], self.requantize.shift,
                self.product_bits, self.output.bits,
            )  # fmt: skip
        return blocks

    def element_bits(self, port: int) -> int:
        """Width of an element in the buffer of an input."""
        if self.requantize is None:
            return self.sources[port].bits
        element = self.centered(port)
        return logic.bits_of(min(element.low, 0), max(element.high, 0))


@dataclass(frozen=True, eq=False)
class Still(Sliding):
    """One pixel that every position reads, kept until the last has.

    Attributes
    ----------
    reads : int
        Positions.
    """

    reads: int

    @cached_property
    def output(self) -> tuple[int, int]:
        return 1, self.reads

    def starts(self, axis: int) -> Counts:
        return np.zeros(self.output[axis], np.int64)

    @cached_property
    def need(self) -> Counts:
        return np.full(self.reads, self.beats - 1, np.int64)

    @cached_property
    def free(self) -> Counts:
        return np.where(np.arange(self.reads) == self.reads - 1, self.beats, 0)


def extent(shape: Shape) -> tuple[int, int]:
    """Return the pixels and channels of an image, a signal or a vector."""
    if len(shape) == 1:
        return 1, shape[0]
    channels, height, width = as_image(shape)
    return height * width, channels


def by_tile(values: Ints, pe: int) -> Ints:
    """Return a value for each channel as shape (tiles, pe), with zeros past a ragged end."""
    return np.pad(values, (0, -len(values) % pe)).reshape(-1, pe)


def constant_per_channel(layer: ElementwiseLayer, kind: str, shape: Shape) -> Ints | None:
    """Return a layer's constant operand for each channel of an input of ``shape``, or ``None`` if it has none."""
    if layer.constant is None:
        return None
    return per_channel(layer.constant, f"kernel {kind} supports one constant per channel", shape)


def per_channel(values: NDArray[Any], supported: str, shape: Shape) -> Ints:
    """Return parameters spread over ``shape`` for each of its channels.

    Raises
    ------
    UnsupportedError
        If they are not the same for all pixels of a channel; ``supported`` begins the message.
    """
    spread = np.broadcast_to(values, shape).astype(np.int64).reshape(shape[0], -1)
    if not bool((spread == spread[:, :1]).all()):
        raise UnsupportedError(f"{supported}, not of shape {values.shape}")
    return spread[:, 0]
