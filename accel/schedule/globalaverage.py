"""Averaging over the whole image: every beat is added to its channels' sums as it comes, and no image is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from accel.errors import InputError, UnsupportedError
from accel.fixedpoint import Quantization, Requantize
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.reduction import Mean
from accel.layers.window import as_image
from accel.schedule import logic, pipeline
from accel.schedule.base import FoldSpace, LayerKernel, Memory, Schedule, Stream, rounding_of
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic


@dataclass(frozen=True, eq=False)
class GlobalAverage(LayerKernel):
    """The mean of each channel over all pixels, ``pe`` lanes of a beat at once.

    A position is a beat. Its one step adds it to the sums of its channels, which wait in a memory of a word per beat of
    a pixel. The last pixel's beats complete a result each, in as many steps as the output multiplication is given:
    ``simd`` is the bits of the multiplier that they leave for each of them, as in `Elementwise`.

    Attributes
    ----------
    pixels, channels : int
    input, output : Quantization
    requantize : Requantize
        One multiplier, which includes the divisor.
    fold : Fold
        ``pe`` is the lanes of input and output.
    capacity : int
        Beats of the input buffer, a power of two.
    requantizer : Requantizer
    """

    kind: ClassVar[str] = "globalaverage"
    ops: ClassVar[tuple[str, ...]] = ("GlobalAveragePool", "ReduceMean")

    pixels: int
    channels: int
    input: Quantization
    output: Quantization
    requantize: Requantize
    fold: Fold
    capacity: int
    requantizer: Requantizer

    def __post_init__(self) -> None:
        pipeline.check_capacity(self.kind, self.capacity)
        if not 1 <= self.fold.simd <= self.multiplier_bits:
            raise InputError(f"{self.kind} simd must be 1 to {self.multiplier_bits}, not {self.fold.simd}")
        self.requantizer.check(self.kind, self.fold.pe, self.multiplier_bits, self.result_steps)

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
        requantize = rounding_of(layer, cls.kind)
        channels, pixels = _extent(layer, shapes[0])
        fold = fold or Fold(lanes[0], 1)
        if fold.pe != lanes[0]:
            raise InputError(f"{cls.kind} pe must be the {lanes[0]} lanes of its input, not {fold.pe}")
        if requantizer is None:
            bits = requantize.multiplier_bits
            requantizer = Requantizer.serial(fold.pe, bits, -(-bits // fold.simd))
        return cls(
            pixels, channels, quantizations[0], output, requantize, fold,
            capacity or pipeline.BEATS_IN_FLIGHT, requantizer,
        )  # fmt: skip

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        assert isinstance(layer, Mean)
        return len(shape) == 2 and layer.reduced(shape) == (0,)

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert layer.requantize is not None
        channels, pixels = _extent(layer, shapes[0])
        bits = layer.requantize.multiplier_bits
        return FoldSpace(1, channels, bits, lanes[0], macs=0, before=pixels - 1)

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        if fold.pe != self.fold.pe:
            raise InputError(f"{self.kind} pe must be the {self.fold.pe} lanes of its input, not {fold.pe}")
        bits = self.multiplier_bits
        requantizer = requantizer or Requantizer.serial(fold.pe, bits, -(-bits // fold.simd))
        return replace(self, fold=fold, capacity=capacity or self.capacity, requantizer=requantizer)

    @property
    def output_multiplication(self) -> Requantizer | None:
        return self.requantizer

    @property
    def tiles(self) -> int:
        """Beats of a pixel."""
        return -(-self.channels // self.fold.pe)

    @property
    def result_steps(self) -> int:
        """Steps that complete a result; the result period."""
        return -(-self.multiplier_bits // self.fold.simd)

    @property
    def element(self) -> Interval:
        """What a lane holds after its zero point is subtracted; padding lanes hold zeros before."""
        low, high = self.input.centered_range
        return Interval(min(low, -self.input.zero_point), max(high, -self.input.zero_point))

    @property
    def accumulator(self) -> Interval:
        """Every partial sum."""
        return Interval(min(0, self.pixels * self.element.low), max(0, self.pixels * self.element.high))

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the output multiplier."""
        return self.requantize.multiplier_bits

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (Stream(self.pixels, self.channels, self.fold.pe, self.input.bits, self.input.signed),)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (Stream(1, self.channels, self.fold.pe, self.output.bits, self.output.signed),)

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        return {
            "address": pipeline.ADDRESS,
            "read": pipeline.READ,
            "select": pipeline.SELECT,
            "accumulate": pipeline.ACCUMULATE,
            **self.requantizer.stages(self.fold.pe, self.multiplier_bits),
            "queue": pipeline.QUEUE,
        }

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        beats = self.pixels * self.tiles
        each = np.arange(beats, dtype=np.int64)
        last = each >= beats - self.tiles
        latency = sum(self.stages.values())
        return Schedule(
            steps=np.where(last, self.result_steps, 1),
            period=np.where(last, self.result_steps, 0),
            need=each[None],
            free=each[None] + 1,
            after=np.zeros(beats, np.int64),
            beats=(beats,),
            capacity=(self.capacity,),
            slots=(pipeline.queue_slots(latency, self.result_steps),),
            latency=latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        pe = self.fold.pe
        return (
            Memory("input", self.capacity, pe * self.input.bits),
            Memory("sums", self.tiles, pe * self.accumulator.bits, clocked=False),
            Memory("output", self._schedule.slots[0], pe * self.output.bits, clocked=False),
        )

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        if self.requantizer.form == "serial":
            return {}
        bits = logic.factor_bits(self.requantize.multipliers)
        return {"requantize": (self.requantizer.units, self.accumulator.bits, bits)}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        pe, bits = self.fold.pe, self.accumulator.bits
        elements = pe * self.element.bits
        return {
            "sequencer": logic.sequencer(self.schedule) + logic.table(self.pixels * self.tiles),
            "queue": logic.queue(self._schedule.slots[0]),
            "buffer": logic.beat_buffer(pe * self.input.bits, self.capacity),
            "sums": Logic(adder=elements + pe * bits, gate=pe * bits, register=elements + pe * bits)
            + logic.counter(self.tiles) + logic.counter(self.pixels),
            "requantizer": logic.requantizer(
                self.requantizer, pe, [bits], self.requantize.multipliers, self.requantize.shift,
                self.requantize.product_bits(self.accumulator.low, self.accumulator.high), self.output.bits,
            ),
        }  # fmt: skip


def _extent(layer: Layer, shape: Shape) -> tuple[int, int]:
    """Return channels and pixels of what a layer averages."""
    assert isinstance(layer, Mean)
    if GlobalAverage.reads_sequence(layer, shape):
        return shape[1], shape[0]
    if layer.reduced(shape) != tuple(range(1, len(shape))):
        raise UnsupportedError(
            f"kernel {GlobalAverage.kind} supports {layer.op} over all spatial axes, not over axes "
            f"{layer.reduced(shape)}"
        )
    channels, *image = as_image(shape)
    return channels, math.prod(image)
