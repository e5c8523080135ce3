"""A recurrent layer: every fact that its stepper, its gateware and its price share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError, ModelError, UnsupportedError
from accel.fixedpoint import FixedPoint, Quantization
from accel.layers.base import Layer, Shape
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.window import Window
from accel.schedule import pipeline, recurrent_use
from accel.schedule.base import Counts, FoldSpace, LayerKernel, Memory, Schedule, Stream
from accel.schedule.conv2d import Taps
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic
from accel.schedule.recurrent_rows import RowKernel
from accel.schedule.sliding import Sliding

_ROUNDED = pipeline.ROUND + pipeline.SATURATE


@dataclass(frozen=True, slots=True)
class RecurrentFoldSpace(FoldSpace):
    """Folds of a recurrent kernel, whose steps are not a product: its two parts fold separately, and it waits.

    Attributes
    ----------
    kernel : Recurrent
        At any fold.
    """

    _: KW_ONLY
    kernel: Recurrent

    def steps(self, fold: Fold) -> int:
        return self.kernel.refolded(fold).total_steps


@dataclass(frozen=True, eq=False)
class Positions:
    """The positions of a tensor: the phases of its time steps, and the waits ahead of them.

    Attributes
    ----------
    time, phase, steps : int64 arrays, shape (positions,)
    waits : bool array, shape (positions,)
        Its steps do nothing.
    loads : bool array, shape (positions,)
        Its steps take the initial states that come with the tensor, a unit each; time and phase are the first ones.
    """

    time: Counts
    phase: Counts
    steps: Counts
    waits: NDArray[np.bool_]
    loads: NDArray[np.bool_]

    @property
    def works(self) -> NDArray[np.bool_]:
        """Whether its steps compute."""
        return ~(self.waits | self.loads)


@dataclass(frozen=True, eq=False)
class Recurrent(RowKernel):
    """A recurrent layer over a sequence, forward in time.

    Every tensor begins with constant states, or the first one after reset does and the others with the last states of
    the one before, or its initial states come with it. Those are written ahead of its first time step as if one before
    had left them, a unit a step, once the last hidden state of the tensor before is out.

    The gate rows of ``pe`` units are computed together, a tile of `RowKernel`. The finished sums of a tile are served
    one row a cycle to one gate pipeline, so a tile takes as many steps as it has rows at least. A unit's element-wise
    work overlaps the next tiles' products.

    A GRU with ``linear_before_reset`` 0 has two dependent phases. Its tiles are of one gate each: in the first phase
    the reset gates of all units, whose reset states are stored, and then the update gates, which cover the time until
    the last reset state stands; in the second the candidates, which read the reset states.

    The pipeline never stalls, so a hidden state is there a fixed time after the step that completed it. A time step
    therefore begins with `waiting_steps` steps that do nothing, as many as the last tiles before need to come out and
    as the steps ahead of the reads of their states do not cover. (`Schedule.after` would say the same of results that
    leave the kernel; these also need not leave it.)

    Attributes
    ----------
    layer : IntegerRecurrent
        In its integer form, with one output: the sequence of hidden states, or the last one.
    time_steps : int
    input : Quantization
    in_lanes : int
        Channels an input beat carries.
    fold : Fold
        ``pe`` hidden units, whose ``gates`` rows each are computed at once, and ``simd`` elements.
    capacity : int
        Beats of each copy of the input buffer, a power of two.
    given : tuple of Quantization
        Of the initial states that come with every tensor; none where they are constants.
    given_lanes : tuple of int
        Channels a beat of each carries; its buffer holds them whole.

    Notes
    -----
    The bound of a time step is ``max(MACs / multipliers, critical path)``. The first is ``passes * tiles *
    tile_steps``, ragged ends apart. The second is `critical_cycles`: from a state through products, gate pipeline and
    element-wise pipeline to its successor, and with two phases through them twice, once to the reset states. One gate
    pipeline sets a bound besides, `gate_cycles`. What a time step takes beyond its products are `waiting_steps` and
    `reset_waiting_steps`.
    """

    kind: ClassVar[str] = "recurrent"
    most_bits: ClassVar[int] = 16
    ops: ClassVar[tuple[str, ...]] = ("GRU", "LSTM", "RNN")

    layer: IntegerRecurrent
    time_steps: int
    input: Quantization
    in_lanes: int
    fold: Fold
    capacity: int
    given: tuple[Quantization, ...] = ()
    given_lanes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.in_lanes, *self.given_lanes, 1) < 1:
            raise InputError(f"{self.kind} input lanes must be positive, not {(self.in_lanes, *self.given_lanes)}")
        pipeline.check_capacity(self.kind, self.capacity)
        self.fold.check(self.kind, self.units, self.layer.input_size + self.units)

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        assert isinstance(layer, IntegerRecurrent)
        if layer.direction != "forward":
            return f"direction forward, not {layer.direction}"
        if layer.output is None:
            return "the states of every step, or the last ones"
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
        assert isinstance(layer, IntegerRecurrent)
        refusal = cls.refusal(layer)
        if refusal is None and quantizations[0].bits > LayerKernel.most_bits:
            refusal = f"inputs of 2 to {LayerKernel.most_bits} bits, not {quantizations[0].bits}"
        if refusal is not None:
            raise UnsupportedError(f"kernel {cls.kind} supports {refusal}")
        if layer.cell is None:
            raise ModelError(f"a kernel needs a layer with the formats of its cell, not {layer.op}")
        if capacity is None:
            capacity = pipeline.power_of_two(2 * -(-layer.input_size // lanes[0]))
        return cls(
            layer, shapes[0][0], quantizations[0], lanes[0], fold or Fold(), capacity, tuple(quantizations[1:]),
            tuple(lanes[1:]),
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, IntegerRecurrent)
        kernel = cls.of(layer, shapes, [Quantization(1.0)] * len(shapes), Quantization(1.0), lanes)
        return RecurrentFoldSpace(
            shapes[0][0], layer.hidden_size, layer.input_size + layer.hidden_size, macs=kernel.rows, kernel=kernel
        )

    @classmethod
    def stream_shape(cls, layer: Layer, shape: Shape, given: Sequence[Shape]) -> Shape:
        return (shape[0] if len(shape) == 3 else 1, shape[-1])

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        return replace(self, fold=fold, capacity=capacity or self.capacity)

    @property
    def output_multiplication(self) -> Requantizer | None:
        return None

    @property
    def state_cycles(self) -> int:
        """Cycles from the issue of a tile's last step until steps that read its last unit's new state may issue.

        A hidden state is written once it is known, ahead of the output's own stages; a step may be issued in that
        cycle, as its read ends in the next.
        """
        return self.latency - pipeline.QUEUE - _ROUNDED - 1

    @property
    def reset_cycles(self) -> int:
        """The same for reset states; 0 where there are none."""
        if not self.resets_states:
            return 0
        stages = list(self.stages)
        to_gate = sum(self.stages[stage] for stage in stages[: stages.index("preactivation") + 1])
        return to_gate + sum(self.reset_stages.values()) - 1

    @property
    def critical_cycles(self) -> int:
        """Cycles from reading a hidden state to reading its successor, which a time step takes at any fold."""
        return self.state_cycles + self.reset_cycles

    @property
    def gate_cycles(self) -> int:
        """Cycles that a time step takes at any fold for its rows pass one gate pipeline one by one.

        Every row reads every state, so all rows of a phase are served after the last state before it is read; the last
        one's state comes out behind them.
        """
        rest = self.units - self.fold.pe
        return self.critical_cycles + rest * len(self.passes[-1]) + (rest if self.resets_states else 0)

    @property
    def waiting_steps(self) -> int:
        """Steps that begin a time step, while the last hidden states of the one before come out.

        Every one but the first of a tensor, which has `first_waiting_steps`.
        """
        return self._wait(self.state_cycles)

    @property
    def load_stages(self) -> Mapping[str, int]:
        """Cycles from a step that loads a unit's initial states until they are written, stage by stage."""
        return {"address": pipeline.ADDRESS, "read": pipeline.READ, "select": pipeline.SELECT, "state": _ROUNDED}

    @property
    def load_steps(self) -> int:
        """Steps that load the initial states that come with a tensor, those of the last tile's missing units too."""
        return self.tiles * self.fold.pe if self.given else 0

    @property
    def load_waiting_steps(self) -> int:
        """Steps ahead of those, while the last hidden states of the tensor before come out: one is written a cycle."""
        return max(0, self.state_cycles + 1 - sum(self.load_stages.values())) if self.given else 0

    @property
    def first_waiting_steps(self) -> int:
        """Steps that begin the first time step, while the states that it reads are written."""
        if not self.given:
            return self.waiting_steps if self.keeps_state else 0
        last = np.minimum((np.arange(self.state_steps) + 1) * self.fold.simd, self.units) - 1
        return self._wait_for(sum(self.load_stages.values()) - self.load_steps + last)

    @property
    def reset_waiting_steps(self) -> int:
        """Steps that begin every second phase, while the last reset states come out behind the update gates' tiles."""
        if not self.resets_states:
            return 0
        return self._wait(self.reset_cycles - self.tiles * self.tile_steps)

    def _wait(self, cycles: int) -> int:
        """Return what is to be waited for states that may be read ``cycles`` after the last tile was issued.

        Every step reads a word of ``simd`` states, and those of earlier tiles and rows stand earlier.
        """
        word = np.arange(self.state_steps)
        tile, place = np.divmod(np.minimum((word + 1) * self.fold.simd, self.units) - 1, self.fold.pe)
        served_after = (self.fold.pe - 1 - place) * len(self.passes[0])
        return self._wait_for(cycles - (self.tiles - 1 - tile) * self.tile_steps - served_after)

    def _wait_for(self, cycles: Counts) -> int:
        """Return what is to be waited for words that may be read ``cycles`` after the step before, shape (words,)."""
        return max(0, int((cycles - np.arange(len(cycles))).max()) - self.padding_steps - self.input_steps)

    @property
    def phases(self) -> tuple[int, ...]:
        """Passes of each phase of a time step; the states that a phase reads stand before it begins."""
        return (len(self.passes) - 1, 1) if self.resets_states else (1,)

    @property
    def total_steps(self) -> int:
        """Steps of one tensor."""
        each = len(self.passes) * self.tiles * self.tile_steps + self.reset_waiting_steps
        loading = self.load_waiting_steps + self.load_steps + self.first_waiting_steps
        return loading + self.time_steps * each + (self.time_steps - 1) * self.waiting_steps

    @property
    def keeps_state(self) -> bool:
        """Whether a tensor begins with the last states of the one before."""
        return self.layer.keeps_state

    @property
    def is_last_only(self) -> bool:
        """Whether only the last states leave."""
        return self.layer.output != 0

    @property
    def leaving(self) -> Mapping[str, FixedPoint]:
        """The states that leave, an output each, and their formats there."""
        forms = self.layer.outputs
        if self.layer.output == 2:
            return {"c": forms[2]}
        hidden = {"h": forms[self.layer.output or 0]}
        return {**hidden, "c": forms[2]} if self.layer.with_cell else hidden

    @cached_property
    def sliding(self) -> Sliding:
        """The input as an image of one row, with a window of one time step."""
        return Sliding(1, self.time_steps, Window((1, 1)), -(-self.layer.input_size // self.in_lanes))

    @cached_property
    def taps(self) -> Taps:
        """What each lane reads of the input in each of the steps that do."""
        element = np.arange(self.input_steps * self.fold.simd, dtype=np.int64).reshape(-1, self.fold.simd)
        return Taps(element // self.in_lanes, element % self.in_lanes, element * 0, element // self.layer.input_size)

    @property
    def inputs(self) -> tuple[Stream, ...]:
        x = Stream(self.time_steps, self.layer.input_size, self.in_lanes, self.input.bits, self.input.signed)
        states = zip(self.given, self.given_lanes, strict=True)
        return (x, *(Stream(1, self.units, lanes, q.bits, q.signed) for q, lanes in states))

    @property
    def outputs(self) -> tuple[Stream, ...]:
        pixels = 1 if self.is_last_only else self.time_steps
        return tuple(Stream(pixels, self.units, self.fold.pe, form.bits, form.signed) for form in self.leaving.values())

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        common = {
            "address": pipeline.ADDRESS,
            "read": pipeline.READ,
            "select": pipeline.SELECT,
            "join": pipeline.SELECT,
            "multiply": pipeline.MULTIPLY,
            "tree": pipeline.tree_stages(self.fold.simd),
            "accumulate": pipeline.ACCUMULATE,
            "capture": pipeline.CAPTURE,
            "serve": self.rows - 1,
            "operand": pipeline.CAPTURE,
            "requantize": pipeline.DSP_STAGES,
            "bias": pipeline.BIAS,
            "add": pipeline.ADD,
            "preactivation": _ROUNDED,
        }
        return {**common, **self.cell_stages, "output": _ROUNDED, "queue": pipeline.QUEUE}

    @property
    def cell_stages(self) -> Mapping[str, int]:
        """Cycles from a unit's last pre-activation to its hidden state, stage by stage."""
        product = pipeline.MULTIPLY + pipeline.ADD + _ROUNDED
        if self.layer.op == "RNN":
            return {"activation": pipeline.CURVE, "state": _ROUNDED}
        if self.resets_states:
            return {"activation": pipeline.CURVE, "state": product}
        if self.layer.op == "GRU":
            return {"gates": pipeline.CURVE - 1, "reset": product, "activation": pipeline.CURVE, "state": product}
        # An output gate that sees the new cell state is rounded beside the tanh of that state, two cycles later.
        peephole = {} if self.peephole is None else {"peephole": pipeline.MULTIPLY + pipeline.ADD}
        return {
            "activation": pipeline.CURVE, "cell": product, **peephole, "cell preactivation": _ROUNDED,
            "cell activation": pipeline.CURVE, "state": pipeline.MULTIPLY + _ROUNDED,
        }  # fmt: skip

    @property
    def reset_stages(self) -> Mapping[str, int]:
        """Cycles from a unit's pre-activation of the reset gate to its reset hidden state, where that is stored.

        As many as `cell_stages` has: the first reset state of a tensor comes after the last hidden state before it.
        """
        return {"activation": pipeline.CURVE, "reset": pipeline.MULTIPLY + pipeline.ADD + _ROUNDED}

    @property
    def latency(self) -> int:
        """Cycles from the issue of a tile's last step until its result can be offered."""
        return sum(self.stages.values())

    @property
    def slots(self) -> int:
        """Depth of the output queue."""
        return pipeline.queue_slots(self.latency, self.tile_steps)

    @cached_property
    def positions(self) -> Positions:
        """What each position of a tensor is."""
        computes, waits, loads = range(3)
        found = [(0, 0, self.load_waiting_steps, waits), (0, 0, self.load_steps, loads)]
        for time in range(self.time_steps):
            wait = self.waiting_steps if time else self.first_waiting_steps
            for phase, passes in enumerate(self.phases):
                found.append((time, phase, self.reset_waiting_steps if phase else wait, waits))
                found.append((time, phase, passes * self.tiles * self.tile_steps, computes))
        time, phase, steps, what = np.array([position for position in found if position[2]], np.int64).T
        return Positions(time, phase, steps, what == waits, what == loads)

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        at = self.positions
        beats = self.sliding.beats_per_pixel
        last = at.works & (at.phase == len(self.phases) - 1)
        emits = last & ((at.time == self.time_steps - 1) | (not self.is_last_only))
        begun = at.time + (at.works | (at.phase > 0))  # time steps whose input is read, this one included
        loaded = np.maximum.accumulate(at.loads)
        states = [stream.beats for stream in self.inputs[1:]]
        return Schedule(
            steps=at.steps,
            period=np.where(emits, self.tile_steps, 0),
            # A tensor begins with its first beats, what it waits for in the beginning included.
            need=np.maximum(0, np.stack([begun * beats - 1, *(loaded * n - 1 for n in states)])),
            free=np.stack([(at.time + last) * beats, *(loaded * n for n in states)]),
            after=np.zeros(len(at.time), np.int64),
            beats=(self.sliding.beats, *states),
            capacity=(self.capacity, *map(pipeline.power_of_two, states)),
            slots=(self.slots,) * len(self.leaving),
            latency=self.latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        return recurrent_use.memories(self)

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return recurrent_use.multipliers(self)

    @property
    def blocks(self) -> Mapping[str, Logic]:
        return recurrent_use.blocks(self)
