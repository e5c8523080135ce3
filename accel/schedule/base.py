"""The schedule contract of docs/adr/0001 as values, and what every kernel type states about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import CapacityError, ModelError
from accel.fixedpoint import Quantization, Requantize
from accel.layers.base import Layer, Shape
from accel.packing import Packing, products
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.logic import Logic
from accel.schedule.memory import Memory

Counts = NDArray[np.int64]


def least_capacity(need: Counts, free: Counts) -> int:
    """Return the fewest beats that an input buffer must hold: ``max(need[i] + 1 - free[i - 1])``, ``free[-1] = 0``."""
    return int((need + 1 - np.append(0, free[:-1])).max())


@dataclass(frozen=True, slots=True)
class Stream:
    """What a stream port carries: one tensor in (h, w, c) order, ``lanes`` channels a beat.

    Attributes
    ----------
    pixels : int
        Pixels (or time steps) of a tensor.
    channels : int
        Channels of a pixel.
    lanes : int
        Channels a beat carries; the last beat of a pixel is zero-padded.
    bits : int
        Width of one channel's integer.
    signed : bool
        Its signedness.
    """

    pixels: int
    channels: int
    lanes: int
    bits: int
    signed: bool

    @property
    def beats_per_pixel(self) -> int:
        """Beats that carry one pixel."""
        return -(-self.channels // self.lanes)

    @property
    def beats(self) -> int:
        """Beats that carry one tensor."""
        return self.pixels * self.beats_per_pixel


@dataclass(frozen=True, eq=False)
class Schedule:
    """When a kernel reads, computes and writes; see docs/adr/0001 for the meaning of every field.

    Attributes
    ----------
    steps, period, after : int64 arrays, shape (positions,)
    need, free : int64 arrays, shape (input ports, positions)
    beats, capacity : tuple of int
        Per input port.
    slots : tuple of int
        Per output port.
    latency, release : int
        In cycles.

    Raises
    ------
    CapacityError
        If an input buffer cannot hold what one position needs.
    """

    steps: Counts
    period: Counts
    need: Counts
    free: Counts
    after: Counts
    beats: tuple[int, ...]
    capacity: tuple[int, ...]
    slots: tuple[int, ...]
    latency: int
    release: int

    def __post_init__(self) -> None:
        for port, (capacity, least) in enumerate(zip(self.capacity, self.least_capacity, strict=True)):
            if capacity < least:
                raise CapacityError(f"input {port} needs a buffer of {least} beats; this one holds {capacity}")

    @property
    def least_capacity(self) -> tuple[int, ...]:
        """The fewest beats each input buffer must hold."""
        return tuple(map(least_capacity, self.need, self.free))

    @property
    def total_steps(self) -> int:
        """Steps of one tensor."""
        return int(self.steps.sum())

    @property
    def results(self) -> int:
        """Results, and so output beats on every output port, of one tensor."""
        return int((self.steps[self.period > 0] // self.period[self.period > 0]).sum())

    @property
    def bound_cycles(self) -> int:
        """The least possible interval between tensors: the largest of steps, input beats and output beats."""
        return max(self.total_steps, self.results, *self.beats)


def rounding_of(layer: Layer, kind: str) -> Requantize:
    """Return the requantisation that a kernel of ``kind`` needs of its layer.

    Raises
    ------
    ModelError
        If the layer has none: it is a float one.
    """
    if layer.requantize is None:
        raise ModelError(f"kernel {kind} needs a layer with a requantisation, not a float {layer.op}")
    return layer.requantize


class KernelSpec(ABC):
    """One placed kernel: a layer's integers, its geometry and its fold.

    A subclass is a frozen dataclass in a file of its own under ``accel/schedule`` and is discovered there. It owns
    every fact that the stepper, the planner and the gateware share; the component of the same name under
    ``hdl/kernels`` takes it as its only argument.
    """

    kind: ClassVar[str]
    """The kernel type's name, in the plan and the reports."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[Stream, ...]:
        """What each input port carries."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Stream, ...]:
        """What each output port carries."""

    @property
    @abstractmethod
    def schedule(self) -> Schedule:
        """When it reads, computes and writes."""

    @property
    @abstractmethod
    def memories(self) -> tuple[Memory, ...]:
        """The memories it has."""

    @property
    @abstractmethod
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        """Multipliers by use: ``{"mac": (count, a_bits, b_bits), "requantize": ...}``."""

    @property
    def products(self) -> int:
        """Products of its multiply-accumulates a cycle."""
        return products(self.multipliers)

    @property
    @abstractmethod
    def blocks(self) -> Mapping[str, Logic]:
        """Its logic by block, apart from multipliers and memories: what the estimate of look-up tables rests on."""


@dataclass(frozen=True, slots=True)
class FoldSpace:
    """Which folds a kernel may take, and what each costs, before one is placed.

    Attributes
    ----------
    positions : int
        Output pixels of a tensor.
    channels, reduction : int
        What `Fold.pe` and `Fold.simd` divide.
    pe : int, optional
        The only `Fold.pe` there is, where the kernel works on the lanes of its input; ``None`` where it is free.
    macs : int
        Multipliers of each of the ``pe * simd`` units: 1, or 0 where nothing is multiplied.
    whole : bool
        Whether `Fold.pe` must divide ``channels``, as those of a group.
    before : int
        Steps of a tile before those of its reduction, however it is folded.
    """

    positions: int
    channels: int
    reduction: int
    pe: int | None = None
    macs: int = 1
    whole: bool = False
    before: int = 0

    def steps(self, fold: Fold) -> int:
        """Return the steps of one tensor."""
        return self.positions * -(-self.channels // fold.pe) * (self.before + -(-self.reduction // fold.simd))


class LayerKernel(KernelSpec):
    """A kernel that computes one layer; which layers it can compute is stated here and nowhere else."""

    ops: ClassVar[tuple[str, ...]]
    """The `Layer.op` of the layers it computes."""

    most_bits: ClassVar[int] = 8
    """Of what it reads and writes."""

    fold: Fold
    """How it is folded."""

    @classmethod
    def refusal(cls, layer: Layer) -> str | None:
        """Return what about a layer of `ops` the kernel does not support, as "groups 1, not 5"; ``None`` if nothing."""
        return None

    @classmethod
    @abstractmethod
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
        """Place an integer layer.

        Parameters
        ----------
        layer : Layer
            In its integer form.
        shapes : sequence of shapes
            What each input stream carries, per sample: ``(c, h, w)``, ``(c, l)``, ``(t, c)`` for layers that read
            sequences, or ``(c,)``. What was flattened still arrives as the image or sequence it was.
        quantizations : sequence of Quantization
            One per input.
        output : Quantization
        lanes : sequence of int
            Channels a beat of each input carries.
        fold : Fold, optional
            Default: the smallest.
        capacity : int, optional
            Beats of the input buffer, a power of two; default: twice what one position needs, rounded up.
        requantizer : Requantizer, optional
            Default: the cheapest serial one.

        Raises
        ------
        UnsupportedError
            If the kernel cannot compute the layer.
        """

    @classmethod
    @abstractmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        """Return the folds that `of` accepts for a layer."""

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        """Return whether an input of two axes is a sequence (t, c) to a layer, not a signal (c, l); ``None``: either.

        A kernel that takes either is given the shape (c, l) that a sequence has as a signal.
        """
        return None

    @classmethod
    def stream_shape(cls, layer: Layer, shape: Shape, given: Sequence[Shape]) -> Shape:
        """Return what the output stream carries, as `of` takes it.

        Parameters
        ----------
        layer : Layer
        shape : shape
            Of the layer's output.
        given : sequence of shapes
            What each input stream carries, as `of` takes it.
        """
        return shape

    @abstractmethod
    def refolded(self, fold: Fold, *, capacity: int | None = None, requantizer: Requantizer | None = None) -> Self:
        """Return the kernel with another fold; its requantiser is the cheapest serial one unless given."""

    @property
    def packing(self) -> Packing | None:
        """How a multiplier can compute two products; ``None`` where no two have an element in common."""
        return None

    @property
    @abstractmethod
    def output_multiplication(self) -> Requantizer | None:
        """How its output multiplication is built, where it has one."""
