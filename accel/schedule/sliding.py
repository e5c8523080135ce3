"""When a sliding window needs and frees the beats of its input: closed forms shared by convolutions and pools."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel.layers.base import Layer, Shape
from accel.layers.window import Window
from accel.schedule import pipeline
from accel.schedule.base import Counts, LayerKernel, Schedule, least_capacity


@dataclass(frozen=True, eq=False)
class Sliding:
    """A window sliding over an image that arrives pixel by pixel, ``beats_per_pixel`` beats each.

    Positions are output pixels in row-major order: position ``i`` is row ``i // columns``, column ``i % columns``.

    Attributes
    ----------
    height, width : int
        Of the input.
    window : Window
    beats_per_pixel : int
    """

    height: int
    width: int
    window: Window
    beats_per_pixel: int

    @cached_property
    def output(self) -> tuple[int, int]:
        """Output rows and columns."""
        return self.window.output(self.height, self.width)

    @property
    def positions(self) -> int:
        """Output pixels."""
        rows, columns = self.output
        return rows * columns

    @property
    def beats(self) -> int:
        """Input beats of a tensor."""
        return self.height * self.width * self.beats_per_pixel

    @property
    def padded(self) -> bool:
        """Whether any position reads padding, so that taps must be masked."""
        return any(self.window.padding)

    def starts(self, axis: int) -> Counts:
        """Return where the window of each output row (axis 0) or column (axis 1) begins; before the image, negative."""
        return np.arange(self.output[axis], dtype=np.int64) * self.window.stride[axis] - self.window.padding[axis]

    def spans(self, axis: int) -> Counts:
        """Return the rows or columns from the first to the last tap of each output one, both included."""
        return np.full(self.output[axis], self.window.span[axis], np.int64)

    @cached_property
    def origins(self) -> Counts:
        """Beat at which each position's window begins, shape (positions,); in the padding before the image negative."""
        pixels = self.starts(0)[:, None] * self.width + self.starts(1)[None, :]
        return pixels.ravel() * self.beats_per_pixel

    def inside(self, axis: int) -> Counts:
        """Return, per output row or column, a bit per kernel row or column: whether it lies in the image."""
        taps = np.arange(self.window.kernel[axis], dtype=np.int64)
        at = self.starts(axis)[:, None] + taps[None] * self.window.dilation[axis]
        size = (self.height, self.width)[axis]
        return (((at >= 0) & (at < size)).astype(np.int64) << taps[None]).sum(axis=1)

    def tap(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first beat of kernel taps, relative to their window's first beat."""
        dilation_h, dilation_w = self.window.dilation
        return (row * dilation_h * self.width + column * dilation_w) * self.beats_per_pixel

    def _axis(self, axis: int) -> tuple[Counts, Counts]:
        """Return the first and last row (axis 0) or column (axis 1) of the image that each output one reads."""
        size = (self.height, self.width)[axis]
        begin = self.starts(axis)
        end = begin + self.spans(axis) - 1
        return begin.clip(0, size - 1), end.clip(0, size - 1)

    @cached_property
    def need(self) -> Counts:
        """Last beat that each position reads, shape (positions,); never decreasing.

        Where the window hangs over the bottom, a row's first positions need no more than the row before them did:
        the running maximum says so. The last position also waits for rows and columns that no window reads.
        """
        (_, rows), (_, columns) = self._axis(0), self._axis(1)
        pixels = rows[:, None] * self.width + columns[None, :] + 1
        need = np.maximum.accumulate(pixels.ravel()) * self.beats_per_pixel - 1
        need[-1] = self.beats - 1
        return need

    @cached_property
    def free(self) -> Counts:
        """Beats that no later position reads once a position's last step is issued, shape (positions,).

        The least first beat of all later positions; at most ``need + 1``, so that where the stride exceeds the kernel
        no beat is given up before it has come.
        """
        (rows, _), (columns, _) = self._axis(0), self._axis(1)
        first = (rows[:, None] * self.width + columns[None, :]).ravel() * self.beats_per_pixel
        later = np.append(np.minimum.accumulate(first[::-1])[::-1][1:], self.beats)
        return np.minimum(later, self.need + 1)

    @property
    def least_capacity(self) -> int:
        """The fewest beats that an input buffer must hold."""
        return least_capacity(self.need, self.free)

    @property
    def roomy_capacity(self) -> int:
        """Beats of a buffer, a power of two, that fills while a window is read, and takes a beat every cycle."""
        return pipeline.power_of_two(max(2 * self.least_capacity, pipeline.BEATS_IN_FLIGHT))

    def schedule(self, *, steps: int, period: int, capacity: int, slots: int, latency: int, release: int) -> Schedule:
        """Return the schedule of a kernel that makes ``steps`` steps at every position, a result every ``period``."""
        each = np.ones(self.positions, np.int64)
        return Schedule(
            steps=each * steps,
            period=each * period,
            need=self.need[None],
            free=self.free[None],
            after=each * 0,
            beats=(self.beats,),
            capacity=(capacity,),
            slots=(slots,),
            latency=latency,
            release=release,
        )


class SlidingKernel(LayerKernel):
    """A kernel whose positions are the places of one window: its schedule follows from its fold and its stages."""

    capacity: int
    """Beats of the input buffer."""

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        return False

    @cached_property
    @abstractmethod
    def sliding(self) -> Sliding:
        """Where the window is at each position."""

    @property
    @abstractmethod
    def tiles(self) -> int:
        """Results of a position."""

    @property
    @abstractmethod
    def reduction_steps(self) -> int:
        """Steps of a tile; the result period."""

    @property
    @abstractmethod
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""

    @property
    def latency(self) -> int:
        """Cycles from the issue of a tile's last step until its result can be offered."""
        return sum(self.stages.values())

    @property
    def slots(self) -> int:
        """Depth of the output queue."""
        return pipeline.queue_slots(self.latency, self.reduction_steps)

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        return self.sliding.schedule(
            steps=self.tiles * self.reduction_steps,
            period=self.reduction_steps,
            capacity=self.capacity,
            slots=self.slots,
            latency=self.latency,
            release=pipeline.RELEASE,
        )
