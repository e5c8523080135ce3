"""Convolution: every fact that its stepper, its gateware and its price share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError, ModelError, UnsupportedError, shown
from accel.fixedpoint import Ints, Quantization, Requantize, signed_bits
from accel.intervals import Interval, accumulator_interval
from accel.layers.base import Layer, Shape
from accel.layers.conv import Conv
from accel.layers.window import Window, as_image
from accel.schedule import logic, pipeline
from accel.schedule.base import FoldSpace, Memory, Stream
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.lanes import by_beat
from accel.schedule.logic import Logic, Table
from accel.schedule.mac import MacKernel
from accel.schedule.memory import rom_banks, table_memory
from accel.schedule.sliding import Sliding, SlidingKernel


@dataclass(frozen=True, eq=False)
class Taps:
    """What each lane reads in each step of a cycle of them, arrays of shape (steps, simd).

    The cycle is a tile's reduction steps where all tiles read the same, else the steps of a position.

    Attributes
    ----------
    offset : int64 array
        Beat, relative to the window's first beat.
    channel : int64 array
        Channel within the beat.
    row, column : int64 array
        Kernel row and column, for the padding mask. Lanes past the end of the reduction go on counting beyond the
        kernel; their weights are zero.
    """

    offset: Ints
    channel: Ints
    row: Ints
    column: Ints

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Lanes by the beats they read: lanes that always read the same beat share one copy of the input buffer."""
        return by_beat(self.offset)

    @cached_property
    def fixed_channels(self) -> tuple[int, ...] | None:
        """Each lane's channel within the beat where it never changes, so that no lane select is needed."""
        first = self.channel[0]
        return tuple(int(c) for c in first) if bool((self.channel == first).all()) else None

    @cached_property
    def beats_per_step(self) -> int | None:
        """Beats every lane advances with each reduction step, where that is one number: a counter replaces the table.

        ``None`` when the reads are not affine: ``offset[r, l] == offset[0, l] + r * beats_per_step``.
        """
        steps = np.diff(self.offset, axis=0)
        if not len(steps):
            return 0
        return int(steps[0, 0]) if bool((steps == steps[0, 0]).all()) else None


@dataclass(frozen=True, eq=False)
class Conv2d(SlidingKernel, MacKernel):
    """A convolution, folded over ``pe`` output channels and ``simd`` elements of its reduction.

    The reduction is flattened in (kernel row, kernel column, channel) order, channels fastest, the order in which the
    input arrives. Step ``k`` of a position works on tile ``k // reduction_steps`` of the output channels (channels
    ``tile * pe`` onwards) and on reduction step ``k % reduction_steps`` (elements ``step * simd`` onwards); the weight
    address is ``k``. Both folds may be ragged. A one-dimensional convolution is a one-row image. Of groups each tile
    belongs to one, so ``pe`` divides a group's output channels.

    Attributes
    ----------
    shape : (int, int, int)
        Input channels, rows, columns.
    window : Window
    weight : int16 array, shape (M, kernel rows, kernel columns, C / groups)
        Zero point subtracted.
    bias : int64 array, shape (M,)
        At the accumulator's scale.
    input, output : Quantization
    requantize : Requantize
        The output's rounding.
    in_lanes : int
        Channels an input beat carries.
    fold : Fold
    capacity : int
        Beats of each copy of the input buffer, a power of two; `Taps.groups` says which lanes share one.
    requantizer : Requantizer
        How the output multiplication is built.

    Notes
    -----
    Pipeline, in registers behind the issuing step: address, operand read, lane select with padding mask, product, adder
    tree, accumulator, capture, bias, output multiplication, rounding, saturation, output queue; their cycles are
    `stages`. The zero point is subtracted where a beat enters the input buffer.
    """

    kind: ClassVar[str] = "conv2d"
    ops: ClassVar[tuple[str, ...]] = ("Conv",)

    shape: tuple[int, int, int]
    window: Window
    weight: NDArray[np.int16]
    bias: Ints
    input: Quantization
    output: Quantization
    requantize: Requantize
    in_lanes: int
    fold: Fold
    capacity: int
    requantizer: Requantizer

    def __post_init__(self) -> None:
        if self.in_lanes < 1:
            raise InputError(f"{self.kind} input lanes must be positive, not {self.in_lanes}")
        pipeline.check_capacity(self.kind, self.capacity)
        self.fold.check(self.kind, self.channels, self.reduction)
        self._check_groups()
        self.requantizer.check(self.kind, self.fold.pe, self.multiplier_bits, self.reduction_steps)

    def _check_groups(self) -> None:
        own = self.channels // self.groups
        if self.groups > 1 and own % self.fold.pe:
            raise InputError(f"{self.kind} pe must divide the {own} output channels of a group, not be {self.fold.pe}")

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        return "convolutions that are not depthwise" if isinstance(layer, Conv) and is_depthwise(layer) else None

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
        assert isinstance(layer, Conv)
        refusal = cls.refusal(layer)
        if refusal is not None:
            raise UnsupportedError(f"kernel {cls.kind} supports {refusal}")
        weight, bias, requantize = integers_of(layer)
        kernel = layer.window.kernel
        hwc = weight.reshape(layer.out_channels, -1, *kernel).transpose(0, 2, 3, 1)
        return cls.placed(
            as_image(shapes[0]), layer.window, hwc, bias, quantizations[0], output, requantize, lanes[0],
            fold or Fold(), capacity, requantizer,
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        assert isinstance(layer, Conv)
        _, height, width = as_image(shapes[0])
        rows, columns = layer.window.output(height, width)
        reduction = layer.in_channels // layer.groups * math.prod(layer.window.kernel)
        own = layer.out_channels // layer.groups
        return FoldSpace(rows * columns * layer.groups, own, reduction, whole=layer.groups > 1)

    @classmethod
    def placed(
        cls,
        shape: tuple[int, int, int],
        window: Window,
        weight: NDArray[np.int16],
        bias: Ints,
        input: Quantization,
        output: Quantization,
        requantize: Requantize,
        in_lanes: int,
        fold: Fold,
        capacity: int | None,
        requantizer: Requantizer | None,
    ) -> Self:
        """Return the kernel with its buffer and requantiser chosen where they are not given."""
        fold.check(cls.kind, len(weight), weight[0].size)
        if capacity is None:
            beats_per_pixel = -(-shape[0] // in_lanes)
            capacity = Sliding(shape[1], shape[2], window, beats_per_pixel).roomy_capacity
        if requantizer is None:
            bits = requantize.multiplier_bits
            requantizer = Requantizer.serial(fold.pe, bits, -(-weight[0].size // fold.simd))
        return cls(
            shape, window, weight, bias, input, output, requantize, in_lanes, fold, capacity, requantizer,
        )  # fmt: skip

    @property
    def output_multiplication(self) -> Requantizer | None:
        return self.requantizer

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        fold.check(self.kind, self.channels, self.reduction)
        requantizer = requantizer or Requantizer.serial(fold.pe, self.multiplier_bits, -(-self.reduction // fold.simd))
        return replace(self, fold=fold, capacity=capacity or self.capacity, requantizer=requantizer)

    # Geometry

    @property
    def channels(self) -> int:
        """Output channels, M."""
        return len(self.weight)

    @property
    def groups(self) -> int:
        """Groups of channels that do not mix."""
        return self.shape[0] // self.weight.shape[3]

    @property
    def reduction(self) -> int:
        """Elements of one output's reduction, kernel rows * kernel columns * C / groups."""
        return int(self.weight[0].size)

    @property
    def reduction_steps(self) -> int:
        """Steps of one tile; the result period."""
        return -(-self.reduction // self.fold.simd)

    @property
    def tiles(self) -> int:
        """Groups of ``pe`` output channels."""
        return -(-self.channels // self.fold.pe)

    @cached_property
    def sliding(self) -> Sliding:
        """Where the window is at each position."""
        channels, height, width = self.shape
        return Sliding(height, width, self.window, -(-channels // self.in_lanes))

    @cached_property
    def taps(self) -> Taps:
        """What each lane reads in each reduction step; of every tile where there are groups."""
        element = np.arange(self.reduction_steps * self.fold.simd, dtype=np.int64).reshape(-1, self.fold.simd)
        channels = self.weight.shape[3]
        tap, channel = element // channels, element % channels
        if self.groups > 1:
            first = np.arange(self.tiles) * self.fold.pe // (self.channels // self.groups) * channels
            tap, channel = np.tile(tap, (self.tiles, 1)), (first[:, None, None] + channel).reshape(-1, self.fold.simd)
        across = self.sliding.window.kernel[1]
        row, column = tap // across, tap % across
        offset = self.sliding.tap(row, column) + channel // self.in_lanes
        return Taps(offset, channel % self.in_lanes, row, column)

    # Constants and widths

    @property
    def input_range(self) -> Interval:
        """What a lane holds after its zero point is subtracted; zero included, for the padding mask."""
        low, high = self.input.centered_range
        return Interval(min(low, 0), max(high, 0))

    @property
    def element(self) -> Interval:
        return self.input_range

    @property
    def rows(self) -> NDArray[np.int16]:
        """The weights of every sum there is, shape (sums, reduction); as many for each output channel."""
        return self.weight.reshape(self.channels, self.reduction)

    @cached_property
    def weights(self) -> NDArray[np.int16]:
        """Contents of the weight memory, shape (words, pe, simd); zeros past ragged ends.

        A word for each step of a position, for every set of `rows` that a channel has.
        """
        pe, simd, tiles, steps = self.fold.pe, self.fold.simd, self.tiles, self.reduction_steps
        rows = self.rows.reshape(-1, self.channels, self.reduction)
        rows = np.pad(rows, ((0, 0), (0, tiles * pe - self.channels), (0, steps * simd - self.reduction)))
        return rows.reshape(-1, tiles, pe, steps, simd).transpose(0, 1, 3, 2, 4).reshape(-1, pe, simd)

    @cached_property
    def biases(self) -> Ints:
        """What each accumulator is added to, shape (tiles, pe); zeros past a ragged end."""
        return _by_tile(self.bias, self.tiles, self.fold.pe)

    @property
    def bias_bits(self) -> int:
        """The narrowest signed width of the biases."""
        return signed_bits(int(self.bias.min()), int(self.bias.max()))

    @cached_property
    def multipliers_by_tile(self) -> Ints:
        """Output multipliers, shape (tiles, pe); zeros past a ragged end."""
        every = np.broadcast_to(self.requantize.multipliers, (self.channels,))
        return _by_tile(every, self.tiles, self.fold.pe)

    @property
    def uniform_multiplier(self) -> bool:
        """Whether one multiplier serves every channel."""
        return bool((self.requantize.multipliers == self.requantize.multipliers[0]).all())

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the output multipliers; their shift is ``requantize.shift``."""
        return self.requantize.multiplier_bits

    @cached_property
    def accumulator(self) -> Interval:
        """Every partial sum of the actual weights over every possible input: the register's interval."""
        x = self.input_range
        return accumulator_interval(self.rows, None, x.low, x.high, partial=True)

    @cached_property
    def total(self) -> Interval:
        """Every whole sum with its bias: what is multiplied at the output."""
        x = self.input_range
        bias = np.tile(self.bias, len(self.rows) // self.channels)
        return accumulator_interval(self.rows, bias, x.low, x.high)

    @property
    def product_bits(self) -> int:
        """Signed width of ``total * multiplier`` plus the rounding increment."""
        return self.requantize.product_bits(self.total.low, self.total.high)

    # What every kernel states

    @property
    def inputs(self) -> tuple[Stream, ...]:
        channels, height, width = self.shape
        return (Stream(height * width, channels, self.in_lanes, self.input.bits, self.input.signed),)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        pixels = self.sliding.positions
        return (Stream(pixels, self.channels, self.fold.pe, self.output.bits, self.output.signed),)

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        return {
            "address": pipeline.ADDRESS,
            "read": pipeline.READ,
            "select": pipeline.SELECT,
            "multiply": pipeline.MULTIPLY,
            "tree": pipeline.tree_stages(self.fold.simd),
            "accumulate": pipeline.ACCUMULATE,
            **self.requantizer.stages(self.fold.pe, self.multiplier_bits),
            "queue": pipeline.QUEUE,
        }

    @property
    def element_bits(self) -> int:
        """Width of an element in the buffer, zero point subtracted."""
        return logic.bits_of(self.input_range.low, self.input_range.high)

    @property
    def memories(self) -> tuple[Memory, ...]:
        pe, simd, form = self.fold.pe, self.fold.simd, self.requantizer
        constants = self.bias_bits * bool(self.bias.any()) + self.multiplier_bits * (not self.uniform_multiplier)
        return (
            *rom_banks("weights", len(self.weights), pe * simd * self.stored_weight_bits),
            Memory("input", self.capacity, self.in_lanes * self.element_bits, copies=len(self.taps.groups)),
            Memory("output", self.slots, pe * self.output.bits, clocked=False),
            *self._steps.memory("steps"),
            *table_memory("constants", self.tiles * form.rounds(pe), form.units * constants),
        )

    @cached_property
    def _steps(self) -> Table:
        """The table of what the lanes read, step by step."""
        taps, simd = self.taps, self.fold.simd
        columns = {"offset": (taps.offset[:, 0] % self.capacity, len(taps.groups))}
        if taps.fixed_channels is None:
            columns["channel"] = (taps.channel[:, 0], simd)
        if self.sliding.padded:
            columns |= {"row": (taps.row[:, 0], simd), "column": (taps.column[:, 0], simd)}
        return Table.of(columns)

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        if self.requantizer.form != "dsp":
            return self.mac_multipliers
        factor = logic.factor_bits(self.requantize.multipliers)
        return {**self.mac_multipliers, "requantize": (self.requantizer.units, self.total.bits, factor)}

    @property
    def _ways(self) -> list[int]:
        """Of how many channels of a beat each element that is read is chosen."""
        return [1 if self.taps.fixed_channels is not None else self.in_lanes] * self.fold.simd

    @property
    def blocks(self) -> Mapping[str, Logic]:
        pe, simd, positions = self.fold.pe, self.fold.simd, self.sliding.positions
        return {
            "sequencer": logic.sequencer(self.schedule) + logic.table(positions),
            "queue": logic.queue(self.slots),
            "buffer": logic.window_buffer(
                self.in_lanes, self.element_bits, self.capacity,
                groups=len(self.taps.groups), selected=self._ways, masked=self.sliding.padded,
                kernel=self.sliding.window.kernel, subtracts=self.input.zero_point != 0,
            ),
            "steps": self._steps.logic,
            "weights": logic.deep_rom(len(self.weights), pe * simd * self.stored_weight_bits),
            "macs": logic.macs(
                pe, simd, self.input_range.bits + self.weight_bits, self.accumulator.bits,
                signed=self.input_range.low < 0, packed=self.fold.packed,
            ),
            "requantizer": logic.requantizer(
                self.requantizer, pe, [self.total.bits], self.requantize.multipliers, self.requantize.shift,
                self.product_bits, self.output.bits,
            ),
            "constants": logic.table(self.tiles * self.requantizer.rounds(pe)),
        }  # fmt: skip


def is_depthwise(layer: Conv) -> bool:
    """Return whether every output channel has an input channel to itself, and there are several."""
    return layer.groups == layer.in_channels == layer.out_channels > 1


def integers_of(layer: Layer) -> tuple[NDArray[np.int16], Ints, Requantize]:
    """Return the integer weight, bias (zeros where there is none) and requantisation of a contraction.

    Raises
    ------
    ModelError
        If the layer is not an integer one.
    """
    weight: NDArray[Any] | None = getattr(layer, "weight", None)
    if weight is None or layer.requantize is None or not np.issubdtype(weight.dtype, np.integer):
        raise ModelError(f"a kernel needs a layer with integer weights and a requantisation, not {shown(layer.op)}")
    bias: Ints | None = getattr(layer, "bias", None)
    return weight.astype(np.int16), np.zeros(len(weight), np.int64) if bias is None else bias, layer.requantize


def _by_tile(values: NDArray[Any], tiles: int, pe: int) -> Ints:
    return np.pad(np.asarray(values, np.int64), (0, tiles * pe - len(values))).reshape(tiles, pe)
