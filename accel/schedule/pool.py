"""What pooling kernels share: taps read lane-parallel, tile after tile; no kernel type lives here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.intervals import Interval
from accel.layers.window import Window
from accel.schedule import logic, pipeline
from accel.schedule.base import Memory, Stream
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic, Table
from accel.schedule.sliding import Sliding, SlidingKernel


@dataclass(frozen=True, eq=False)
class Pool2d(SlidingKernel):
    """A reduction of every channel over a sliding window, ``lanes`` channels at once.

    The lanes of the input are those of the output. Step ``k`` of a position works on tile ``k // reduction_steps`` of
    the channels (the tile's beat of each pixel) and on taps ``simd * (k % reduction_steps)`` onwards, in (kernel row,
    kernel column) order. Every one of the ``simd`` taps has its own copy of the input buffer. Taps in the padding, and
    past the end of the kernel, do not count.

    Attributes
    ----------
    shape : (int, int, int)
        Input channels, rows, columns.
    window : Window
    input, output : Quantization
    requantize : Requantize, optional
        ``None`` where integers pass as they are.
    fold : Fold
        ``pe`` is the lanes of input and output, ``simd`` the taps read at once.
    capacity : int
        Beats of each tap's copy of the input buffer, a power of two.
    requantizer : Requantizer, optional
        Present when `requantize` is.
    """

    shape: tuple[int, int, int]
    window: Window
    input: Quantization
    output: Quantization
    requantize: Requantize | None
    fold: Fold
    capacity: int
    requantizer: Requantizer | None

    def __post_init__(self) -> None:
        pipeline.check_capacity(self.kind, self.capacity)
        if not 1 <= self.fold.simd <= self.taps:
            raise InputError(f"{self.kind} simd must be 1 to {self.taps}, not {self.fold.simd}")
        if self.requantizer is not None:
            self.requantizer.check(self.kind, self.fold.pe, self.multiplier_bits, self.reduction_steps)

    @staticmethod
    def choose(
        kind: str,
        shape: tuple[int, int, int],
        window: Window,
        requantize: Requantize | None,
        lanes: int,
        fold: Fold | None,
        capacity: int | None,
        requantizer: Requantizer | None,
    ) -> tuple[Fold, int, Requantizer | None]:
        """Return the fold, buffer and requantiser, chosen where they are not given.

        Raises
        ------
        InputError
            If the fold's ``pe`` is not the lanes of the input.
        """
        fold = fold or Fold(lanes, 1)
        if fold.pe != lanes:
            raise InputError(f"{kind} pe must be the {lanes} lanes of its input, not {fold.pe}")
        if capacity is None:
            sliding = Sliding(shape[1], shape[2], window, -(-shape[0] // lanes))
            capacity = sliding.roomy_capacity
        if requantizer is None and requantize is not None:
            bits = requantize.multiplier_bits
            taps = window.kernel[0] * window.kernel[1]
            requantizer = Requantizer.serial(lanes, bits, -(-taps // fold.simd))
        return fold, capacity, requantizer

    @property
    def output_multiplication(self) -> Requantizer | None:
        return self.requantizer

    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        if requantizer is None and self.requantizer is not None:
            requantizer = Requantizer.serial(fold.pe, self.multiplier_bits, -(-self.taps // fold.simd))
        if fold.pe != self.fold.pe:
            raise InputError(f"{self.kind} pe must be the {self.fold.pe} lanes of its input, not {fold.pe}")
        return replace(self, fold=fold, capacity=capacity or self.capacity, requantizer=requantizer)

    @property
    def lanes(self) -> int:
        """Channels of an input and of an output beat."""
        return self.fold.pe

    @property
    def taps(self) -> int:
        """Taps of the window, kernel rows * kernel columns."""
        return self.window.kernel[0] * self.window.kernel[1]

    @property
    def reduction_steps(self) -> int:
        """Steps of one tile; the result period."""
        return -(-self.taps // self.fold.simd)

    @property
    def tiles(self) -> int:
        """Beats of a pixel."""
        return -(-self.shape[0] // self.lanes)

    @cached_property
    def sliding(self) -> Sliding:
        """Where the window is at each position."""
        return Sliding(self.shape[1], self.shape[2], self.window, self.tiles)

    @cached_property
    def _tap(self) -> tuple[Ints, Ints, Ints]:
        tap = np.arange(self.reduction_steps * self.fold.simd, dtype=np.int64).reshape(-1, self.fold.simd)
        row, column = tap // self.window.kernel[1], tap % self.window.kernel[1]
        return tap, row, column

    @property
    def tap_row(self) -> Ints:
        """Kernel row that each lane reads in each reduction step, shape (reduction_steps, simd)."""
        return self._tap[1]

    @property
    def tap_column(self) -> Ints:
        """Kernel column that each lane reads in each reduction step, shape (reduction_steps, simd)."""
        return self._tap[2]

    @property
    def tap_counts(self) -> NDArray[np.bool_]:
        """Whether each lane has a tap in each reduction step, or is past the end, shape (reduction_steps, simd)."""
        return self._tap[0] < self.taps

    @cached_property
    def tap_offset(self) -> Ints:
        """Beat that each lane reads, relative to the window's first; tile ``i`` adds ``i``; (reduction_steps, simd)."""
        return self.sliding.tap(self.tap_row, self.tap_column)

    @property
    def element_bits(self) -> int:
        """Width of an element in the buffer, zero point subtracted where the output is requantised."""
        return self.input.bits if self.requantize is None else Interval(*self.input.centered_range).bits

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the output multipliers; 0 where there is no requantisation."""
        return 0 if self.requantize is None else self.requantize.multiplier_bits

    @property
    @abstractmethod
    def accumulator(self) -> Interval:
        """What a lane's running result stays within, zero point subtracted where the output is requantised."""

    @property
    def product_bits(self) -> int:
        """Signed width of ``accumulator * multiplier`` plus the rounding increment; 0 without requantisation."""
        return (
            0 if self.requantize is None else self.requantize.product_bits(self.accumulator.low, self.accumulator.high)
        )

    @property
    def inputs(self) -> tuple[Stream, ...]:
        channels, height, width = self.shape
        return (Stream(height * width, channels, self.lanes, self.input.bits, self.input.signed),)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (Stream(self.sliding.positions, self.shape[0], self.lanes, self.output.bits, self.output.signed),)

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        stages = {
            "address": pipeline.ADDRESS,
            "read": pipeline.READ,
            "select": pipeline.SELECT,
            "tree": pipeline.tree_stages(self.fold.simd),
            "accumulate": pipeline.ACCUMULATE,
        }
        if self.requantizer is not None:
            stages |= self.requantizer.stages(self.lanes, self.multiplier_bits)
        return stages | {"queue": pipeline.QUEUE}

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (
            Memory("input", self.capacity, self.lanes * self.element_bits, copies=self.fold.simd),
            Memory("output", self.slots, self.lanes * self.output.bits, clocked=False),
            *self._steps.memory("steps"),
        )

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        if self.requantizer is None or self.requantizer.form == "serial":
            return {}
        return {"requantize": (self.requantizer.units, self.accumulator.bits, self.multiplier_bits)}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        pe, simd, bits = self.fold.pe, self.fold.simd, self.accumulator.bits
        blocks = {
            "sequencer": logic.sequencer(self.schedule) + logic.table(self.sliding.positions),
            "queue": logic.queue(self.slots),
            "buffer": logic.window_buffer(
                pe, self.element_bits, self.capacity, groups=simd, selected=[1] * (pe * simd),
                masked=self.sliding.padded or self.taps % simd > 0, kernel=self.window.kernel,
                subtracts=self.requantize is not None and self.input.zero_point != 0,
            ),
            "steps": self._steps.logic,
            "reduction": self._reduction,
        }  # fmt: skip
        if self.requantize is not None and self.requantizer is not None:
            blocks["requantizer"] = logic.requantizer(
                self.requantizer, pe, [bits], self.requantize.multipliers, self.requantize.shift, self.product_bits,
                self.output.bits,
            )  # fmt: skip
        return blocks

    @cached_property
    def _steps(self) -> Table:
        """The table of what the taps read, step by step, tile after tile."""
        simd = self.fold.simd
        offset = np.where(self.tap_counts, self.tap_offset, 0)[:, 0]
        columns = {"offset": (np.concatenate([offset + tile for tile in range(self.tiles)]), simd)}
        if self.sliding.padded:
            rows, columns_read = (np.tile(tap[:, 0], self.tiles) for tap in (self.tap_row, self.tap_column))
            columns |= {"row": (rows, simd), "column": (columns_read, simd)}
        return Table.of(columns)

    @property
    @abstractmethod
    def _reduction(self) -> Logic:
        """What reduces the taps of every lane to one, and into its accumulator."""
