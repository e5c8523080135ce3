"""A recurrent layer: every fact that its stepper, its gateware and its price share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.cell import BIAS_GUARD_BITS, CellFormats
from accel.errors import InputError, ModelError, UnsupportedError
from accel.fixedpoint import FixedPoint, Ints, Quantization, signed_bits
from accel.intervals import Interval, accumulator_interval
from accel.layers.base import Layer, Shape
from accel.layers.gru import GRU
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.lstm import LSTM
from accel.layers.rnn import RNN
from accel.layers.window import Window
from accel.schedule import pipeline
from accel.schedule.base import FoldSpace, LayerKernel, Memory, Schedule, Stream
from accel.schedule.conv2d import Taps
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.sliding import Sliding

GATE_ORDER: dict[str, tuple[int, ...]] = {"RNN": (0,), "LSTM": (0, 3, 2, 1), "GRU": (0, 1, 2)}
"""ONNX's gates in the order in which a unit's rows are served: the LSTM's output gate last, as it is used last."""

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
class Recurrent(LayerKernel):
    """A recurrent layer over a sequence, forward in time, its state cleared before every tensor.

    The gate rows of ``pe`` units are computed together, a *tile*, over ``simd`` elements at a time: first of the input,
    then of the hidden state, both ragged if need be. Step ``k`` of a tile is padding below ``padding_steps``, then
    reads the input, then the state. The finished sums of a tile are served one row a cycle to one gate pipeline, so
    a tile takes ``gates * pe`` steps at least. A unit's element-wise work overlaps the next tiles' products.

    The pipeline never stalls, so a hidden state is there a fixed time after the step that completed it. A time step
    therefore begins with `waiting_steps` steps that do nothing, as many as the last tile before needs to come out and
    as the steps ahead of the first read of the state do not cover. (`Schedule.after` would say the same of results that
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

    Notes
    -----
    The bound of a time step is ``tiles * tile_steps``; what it takes beyond is `waiting_steps`, the critical path of
    the recurrence: products, gate pipeline, element-wise pipeline.
    """

    kind: ClassVar[str] = "recurrent"
    ops: ClassVar[tuple[str, ...]] = ("GRU", "LSTM", "RNN")

    layer: IntegerRecurrent
    time_steps: int
    input: Quantization
    in_lanes: int
    fold: Fold
    capacity: int

    def __post_init__(self) -> None:
        if self.in_lanes < 1:
            raise InputError(f"{self.kind} input lanes must be positive, not {self.in_lanes}")
        pipeline.check_capacity(self.kind, self.capacity)
        self.fold.check(self.kind, self.units, self.layer.input_size + self.units)

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        assert isinstance(layer, IntegerRecurrent)
        if layer.direction != "forward":
            return f"direction forward, not {layer.direction}"
        if layer.output not in (0, 1):
            return "one output, the sequence of hidden states or the last one"
        if isinstance(layer, GRU) and not layer.linear_before_reset:
            return "linear_before_reset 1, not 0"
        if isinstance(layer, LSTM) and (layer.has_peepholes or layer.input_forget):
            return f"no {'peepholes' if layer.has_peepholes else 'coupled gates'}"
        if not isinstance(layer, RNN) and any(a.name == "Relu" for a in layer.activations):
            return "activations by tables, not Relu"
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
        if refusal is None and len(shapes) > 1:
            refusal = "states cleared before every sequence, not given with it"
        if refusal is not None:
            raise UnsupportedError(f"kernel {cls.kind} supports {refusal}")
        if layer.cell is None:
            raise ModelError(f"a kernel needs a layer with the formats of its cell, not {layer.op}")
        if capacity is None:
            capacity = pipeline.power_of_two(2 * -(-layer.input_size // lanes[0]))
        return cls(layer, shapes[0][0], quantizations[0], lanes[0], fold or Fold(), capacity)

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, IntegerRecurrent)
        kernel = cls.of(layer, shapes, [Quantization(1.0)], Quantization(1.0), lanes)
        return RecurrentFoldSpace(
            shapes[0][0], layer.hidden_size, layer.input_size + layer.hidden_size, macs=layer.gates, kernel=kernel
        )

    @classmethod
    def stream_shape(cls, layer: Layer, shape: Shape) -> Shape:
        return (shape[0] if len(shape) == 3 else 1, shape[-1])

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        return replace(self, fold=fold, capacity=capacity or self.capacity)

    @property
    def output_multiplication(self) -> Requantizer | None:
        return None

    # Geometry

    @property
    def cell(self) -> CellFormats:
        """The formats of the cell."""
        assert self.layer.cell is not None
        return self.layer.cell

    @property
    def gates(self) -> int:
        """Gate rows of a unit."""
        return self.layer.gates

    @property
    def units(self) -> int:
        """Hidden units."""
        return self.layer.hidden_size

    @property
    def rows(self) -> int:
        """Rows computed at once."""
        return self.gates * self.fold.pe

    @property
    def tiles(self) -> int:
        """Groups of ``pe`` units."""
        return -(-self.units // self.fold.pe)

    @property
    def input_steps(self) -> int:
        """Steps of a tile that read the input."""
        return -(-self.layer.input_size // self.fold.simd)

    @property
    def state_steps(self) -> int:
        """Steps of a tile that read the hidden state."""
        return -(-self.units // self.fold.simd)

    @property
    def padding_steps(self) -> int:
        """Steps of a tile that do nothing, so that its rows can be served."""
        return max(0, self.rows - self.input_steps - self.state_steps)

    @property
    def tile_steps(self) -> int:
        """Steps of a tile; the result period."""
        return self.padding_steps + self.input_steps + self.state_steps

    @property
    def waiting_steps(self) -> int:
        """Steps that begin every time step but the first, while the last hidden states of the one before come out.

        A hidden state is written once it is known, ahead of the output's own stages; a step may be issued in that
        cycle, as its read ends in the next.
        """
        known = self.latency - pipeline.QUEUE - _ROUNDED
        return max(0, known - 1 - self.padding_steps - self.input_steps)

    @property
    def total_steps(self) -> int:
        """Steps of one tensor."""
        return self.time_steps * self.tiles * self.tile_steps + (self.time_steps - 1) * self.waiting_steps

    @property
    def is_last_only(self) -> bool:
        """Whether only the last hidden state leaves."""
        return self.layer.output == 1

    @cached_property
    def sliding(self) -> Sliding:
        """The input as an image of one row, with a window of one time step."""
        return Sliding(1, self.time_steps, Window((1, 1)), -(-self.layer.input_size // self.in_lanes))

    @cached_property
    def taps(self) -> Taps:
        """What each lane reads of the input in each of the steps that do."""
        element = np.arange(self.input_steps * self.fold.simd, dtype=np.int64).reshape(-1, self.fold.simd)
        return Taps(element // self.in_lanes, element % self.in_lanes, element * 0, element // self.layer.input_size)

    # Constants and widths

    @property
    def row_order(self) -> Ints:
        """ONNX's row for every row as it is served, shape (units * gates,): all rows of a unit together."""
        order = np.array(GATE_ORDER[self.layer.op], np.int64)
        return (order[None] * self.units + np.arange(self.units)[:, None]).ravel()

    @cached_property
    def weights(self) -> NDArray[np.int16]:
        """Contents of the weight memory, shape (tiles * (input_steps + state_steps), rows, simd); zeros past ends."""
        assert self.layer.weight is not None
        assert self.layer.recurrence is not None
        parts: list[NDArray[np.int16]] = []
        for matrix, steps in ((self.layer.weight[0], self.input_steps), (self.layer.recurrence[0], self.state_steps)):
            rows = matrix[self.row_order]
            missing = self.tiles * self.rows - len(rows), steps * self.fold.simd - rows.shape[1]
            padded = np.pad(rows, ((0, missing[0]), (0, missing[1])))
            parts.append(padded.reshape(self.tiles, self.rows, steps, self.fold.simd).transpose(0, 2, 1, 3))
        return np.concatenate(parts, axis=1).reshape(-1, self.rows, self.fold.simd)

    @property
    def weight_bits(self) -> int:
        """The narrowest signed width of all weights."""
        return signed_bits(int(self.weights.min()), int(self.weights.max()))

    @property
    def input_range(self) -> Interval:
        """What a lane holds of the input after its zero point is subtracted; zero included."""
        low, high = self.input.centered_range
        return Interval(min(low, 0), max(high, 0))

    @property
    def element(self) -> Interval:
        """What a multiplier is given: an element of the input or of the hidden state."""
        x, h = self.input_range, self.cell.hidden
        return Interval(min(x.low, h.low), max(x.high, h.high))

    @cached_property
    def sums(self) -> tuple[Interval, Interval]:
        """Every partial sum over the input, and over the hidden state."""
        assert self.layer.weight is not None
        assert self.layer.recurrence is not None
        x, h = self.input_range, self.cell.hidden
        return (
            accumulator_interval(self.layer.weight[0], None, x.low, x.high, partial=True),
            accumulator_interval(self.layer.recurrence[0], None, h.low, h.high, partial=True),
        )

    @property
    def accumulator_bits(self) -> int:
        """Signed width of an accumulator, which serves both sums in turn."""
        return max(interval.bits for interval in self.sums)

    def _served(self, values: Ints) -> Ints:
        """Return one value per row, in the order in which they are served; zeros past the last unit."""
        return np.pad(values[self.row_order], (0, self.tiles * self.rows - len(self.row_order)))

    @cached_property
    def row_multipliers(self) -> tuple[Ints, Ints]:
        """Multipliers of the two sums of every row, in the order of service."""
        of_input, of_state = self.layer.multipliers[0]
        return self._served(of_input), self._served(of_state)

    @cached_property
    def row_addends(self) -> tuple[Ints, Ints]:
        """Biases of the two sums of every row, in the order of service, without their `addend_shift` low zeros."""
        of_input, of_state = self.layer.addends[0] >> self.addend_shift
        return self._served(of_input), self._served(of_state)

    @property
    def addend_shift(self) -> int:
        """Low bits that are zero in every bias at the products' scale."""
        assert self.layer.requantize is not None
        return max(0, self.layer.requantize.shift - BIAS_GUARD_BITS)

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the multipliers."""
        return max(1, int(self.layer.multipliers.max()).bit_length())

    @cached_property
    def totals(self) -> tuple[Interval, Interval]:
        """Every multiplied sum with its bias: over the input, and over the hidden state."""
        found: list[Interval] = []
        for interval, multipliers, addends in zip(
            self.sums, self.layer.multipliers[0], self.layer.addends[0], strict=True
        ):
            largest = int(multipliers.max())
            low = min(interval.low * largest, 0) + min(int(addends.min()), 0)
            found.append(Interval(low, max(interval.high * largest, 0) + max(int(addends.max()), 0)))
        return found[0], found[1]

    @property
    def output(self) -> FixedPoint:
        """The format of what leaves."""
        return self.layer.outputs[self.layer.output or 0]

    # What every kernel states

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (
            Stream(self.time_steps, self.layer.input_size, self.in_lanes, self.input.bits, self.input.signed, True),
        )

    @property
    def outputs(self) -> tuple[Stream, ...]:
        pixels = 1 if self.is_last_only else self.time_steps
        return (Stream(pixels, self.units, self.fold.pe, self.output.bits, self.output.signed, True),)

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
        if self.layer.op == "GRU":
            return {"gates": pipeline.CURVE - 1, "reset": product, "activation": pipeline.CURVE, "state": product}
        return {
            "activation": pipeline.CURVE, "cell": product, "cell preactivation": _ROUNDED,
            "cell activation": pipeline.CURVE, "state": pipeline.MULTIPLY + _ROUNDED,
        }  # fmt: skip

    @property
    def latency(self) -> int:
        """Cycles from the issue of a tile's last step until its result can be offered."""
        return sum(self.stages.values())

    @property
    def slots(self) -> int:
        """Depth of the output queue."""
        return pipeline.queue_slots(self.latency, self.tile_steps)

    @cached_property
    def waits(self) -> NDArray[np.bool_]:
        """Whether each position of a tensor is one that does nothing, shape (positions,)."""
        each = [True, False] if self.waiting_steps else [False]
        return np.array((each * self.time_steps)[len(each) - 1 :], np.bool_)

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        waits = self.waits
        time = np.cumsum(~waits)  # time steps begun, this one included
        beats = self.sliding.beats_per_pixel
        emits = ~waits & ((time == self.time_steps) | (not self.is_last_only))
        return Schedule(
            steps=np.where(waits, self.waiting_steps, self.tiles * self.tile_steps),
            period=np.where(emits, self.tile_steps, 0),
            need=(time * beats - 1)[None],
            free=(time * beats)[None],
            after=np.zeros(len(waits), np.int64),
            beats=(self.sliding.beats,),
            capacity=(self.capacity,),
            slots=(self.slots,),
            latency=self.latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        simd, cell = self.fold.simd, self.cell
        constants = 2 * self.multiplier_bits + sum(signed_bits(int(a.min()), int(a.max())) for a in self.row_addends)
        word = max(form.bits for form in cell.activations) * (1 + cell.interpolate)
        tables = len([c for c in self.layer.curves if c is not None])
        kept = {"RNN": None, "LSTM": cell.state, "GRU": cell.hidden}[self.layer.op]
        state = () if kept is None else (Memory("unit state", self.tiles * self.fold.pe, kept.bits),)
        return (
            Memory("weights", len(self.weights), self.rows * simd * self.weight_bits, initialised=True),
            Memory("input", self.capacity, self.in_lanes * self.input_range.bits, copies=len(self.taps.groups)),
            Memory("hidden state", 2 * self.state_steps, cell.hidden.bits, copies=simd),
            Memory("constants", self.tiles * self.rows, constants, initialised=True),
            Memory("output", self.slots, self.fold.pe * self.output.bits, clocked=False),
            *(Memory(f"table {i}", 1 << cell.index_bits, word, initialised=True) for i in range(tables)),
            *state,
        )

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        wide = max(interval.bits for interval in self.sums)
        form = max(f.bits for f in (*self.cell.activations, self.cell.hidden))
        curves = len([c for c in self.layer.curves if c is not None]) if self.cell.interpolate else 0
        return {
            "mac": (self.rows * self.fold.simd, self.element.bits, self.weight_bits),
            "requantize": (2, wide, self.multiplier_bits),
            "element-wise": ({"RNN": 0, "LSTM": 3, "GRU": 3}[self.layer.op], form + 1, form + 1),
            "tables": (curves, form + 1, self.cell.preactivation.bits - self.cell.index_bits + 1),
        }

    @property
    def adders(self) -> Mapping[str, tuple[int, int]]:
        simd, totals = self.fold.simd, max(interval.bits for interval in self.totals)
        selected = 0 if self.taps.fixed_channels is not None else self.in_lanes - 1
        return {
            "zero point": (self.in_lanes, self.input_range.bits),
            "select": (simd * (selected + 2), self.element.bits),
            "tree": (self.rows * (simd - 1), self.element.bits + self.weight_bits + 2),
            "accumulate": (self.rows, self.accumulator_bits),
            "serve": (2 * self.rows, self.accumulator_bits),
            "gate": (6, totals + 1),
            "element-wise": (6 * self.gates, 32),
        }
