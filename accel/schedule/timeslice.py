"""Steps of a sequence: some of them, or all of them backwards in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from accel.errors import InputError, UnsupportedError
from accel.fixedpoint import Quantization
from accel.layers.base import Layer, Shape
from accel.layers.slice import Slice
from accel.schedule import logic, pipeline
from accel.schedule.base import Counts, FoldSpace, LayerKernel, Memory, Schedule, Stream
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic


@dataclass(frozen=True, eq=False)
class TimeSlice(LayerKernel):
    """Whole time steps of a sequence, or pixels of a signal: from ``start`` on every ``step``-th, ``count`` of them.

    Forwards every beat is looked at as it comes, and passed on or dropped; a position is an input beat. Backwards a
    position is an output beat: the sequence is held until its last step has been read, and the next one fills the rest
    of the buffer meanwhile. Where that holds two sequences a beat leaves every cycle; where it holds one, the two take
    turns.

    Attributes
    ----------
    steps, channels : int
        Time steps of the input, and the channels of one.
    start, count, step : int
        ``step`` is negative to go backwards in time.
    quantization : Quantization
        Of input and output.
    fold : Fold
        ``pe`` is the lanes of input and output.
    capacity : int
        Beats of the input buffer, a power of two.
    """

    kind: ClassVar[str] = "timeslice"
    most_bits: ClassVar[int] = 16
    ops: ClassVar[tuple[str, ...]] = ("Slice",)

    steps: int
    channels: int
    start: int
    count: int
    step: int
    quantization: Quantization
    fold: Fold
    capacity: int

    def __post_init__(self) -> None:
        pipeline.check_capacity(self.kind, self.capacity)
        if self.fold.simd != 1:
            raise InputError(f"{self.kind} simd must be 1, not {self.fold.simd}")

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        assert isinstance(layer, Slice)
        if layer.requantize is not None:
            return "inputs quantised as the output is"
        if len(layer.start) != 2:
            return f"sequences and signals, not tensors of {len(layer.start)} axes"
        return None

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        assert isinstance(layer, Slice)
        return (layer.start[1], layer.count[1], layer.step[1]) == (0, shape[1], 1)

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
        assert isinstance(layer, Slice)
        refusal = cls.refusal(layer)
        if refusal is not None:
            raise UnsupportedError(f"kernel {cls.kind} supports {refusal}")
        time = 0 if cls.reads_sequence(layer, shapes[0]) else 1
        whole = 1 - time
        if (layer.start[whole], layer.count[whole], layer.step[whole]) != (0, shapes[0][whole], 1):
            raise UnsupportedError(f"kernel {cls.kind} supports all channels of a time step, not some")
        fold = fold or Fold(lanes[0], 1)
        if fold.pe != lanes[0]:
            raise InputError(f"{cls.kind} pe must be the {lanes[0]} lanes of its input, not {fold.pe}")
        steps, channels = shapes[0][time], shapes[0][whole]
        held = steps * -(-channels // fold.pe) if layer.step[time] < 0 else 1
        if capacity is None:
            capacity = pipeline.power_of_two(max(2 * held, pipeline.BEATS_IN_FLIGHT))
        return cls(
            steps, channels, layer.start[time], layer.count[time], layer.step[time], quantizations[0], fold,
            capacity,
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        kernel = cls.of(layer, shapes, [Quantization(1.0)], Quantization(1.0), lanes)
        return FoldSpace(kernel.positions // kernel.beats_per_step, kernel.channels, 1, lanes[0], macs=0)

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        if fold.pe != self.fold.pe:
            raise InputError(f"{self.kind} pe must be the {self.fold.pe} lanes of its input, not {fold.pe}")
        return replace(self, fold=fold, capacity=capacity or self.capacity)

    @property
    def output_multiplication(self) -> Requantizer | None:
        return None

    @property
    def beats_per_step(self) -> int:
        """Beats that carry a time step."""
        return -(-self.channels // self.fold.pe)

    @property
    def positions(self) -> int:
        """Input beats forwards, output beats backwards."""
        return self.beats_per_step * (self.steps if self.step > 0 else self.count)

    @cached_property
    def reads(self) -> Counts:
        """The beat, within the tensor, that each position reads, shape (positions,)."""
        if self.step > 0:
            return np.arange(self.positions, dtype=np.int64)
        time = self.start + self.step * np.arange(self.count, dtype=np.int64)
        return (time[:, None] * self.beats_per_step + np.arange(self.beats_per_step)).ravel()

    @property
    def inputs(self) -> tuple[Stream, ...]:
        q = self.quantization
        return (Stream(self.steps, self.channels, self.fold.pe, q.bits, q.signed),)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (replace(self.inputs[0], pixels=self.count),)

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        return {"address": pipeline.ADDRESS, "read": pipeline.READ, "queue": pipeline.QUEUE}

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        each = np.ones(self.positions, np.int64)
        beats = self.inputs[0].beats
        if self.step > 0:
            passed = self.reads // self.beats_per_step - self.start
            period = ((passed >= 0) & (passed < self.count * self.step) & (passed % self.step == 0)).astype(np.int64)
            need, free = self.reads, self.reads + 1
        else:
            period = each
            need = np.maximum.accumulate(self.reads)
            need[-1] = beats - 1
            free = np.where(np.arange(self.positions) == self.positions - 1, beats, 0)
        latency = sum(self.stages.values())
        return Schedule(
            steps=each,
            period=period,
            need=need[None],
            free=free[None],
            after=each * 0,
            beats=(beats,),
            capacity=(self.capacity,),
            slots=(pipeline.queue_slots(latency, 1),),
            latency=latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        width = self.fold.pe * self.quantization.bits
        return (
            Memory("input", self.capacity, width),
            Memory("output", self._schedule.slots[0], width, clocked=False),
        )

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return {}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        address = self.capacity.bit_length() - 1
        return {
            "sequencer": logic.sequencer(self.schedule) + logic.table(self.positions),
            "buffer": logic.beat_buffer(self.fold.pe * self.quantization.bits, self.capacity) + Logic(adder=address),
            "queue": logic.queue(self._schedule.slots[0]),
        }
