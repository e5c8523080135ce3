"""What a simulation did against what it should have done: every value, every cycle, and the first that differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel import beats
from accel.layers.base import Shape
from accel.schedule.base import Stream

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Expected:
    """What a stream should carry, and when.

    Attributes
    ----------
    what : str
        The layer that writes it, or the port, as the model calls it.
    stream : Stream
    shape : tuple of int
        Of the tensor it carries.
    sequence : bool
        Whether its channels come last.
    values : int64 array, shape (tensors, beats, lanes)
    cycles : int64 array, shape (tensors, beats)
    """

    what: str
    stream: Stream
    shape: Shape
    sequence: bool
    values: Ints
    cycles: Ints


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference on a stream.

    Attributes
    ----------
    what : str
        The layer or port.
    tensor : int
        Number of the tensor.
    index : tuple of int, optional
        Of the value in its tensor; ``None`` if only cycles differ, or the value is padding.
    expected, got : int, optional
        The value; ``None`` if it never came, or values agree.
    cycle : int, optional
        In which it moved; ``None`` if it never did.
    expected_cycle : int
        In which it should have moved.
    """

    what: str
    tensor: int
    index: tuple[int, ...] | None
    expected: int | None
    got: int | None
    cycle: int | None
    expected_cycle: int

    def __str__(self) -> str:
        place = f"{self.what}, tensor {self.tensor}"
        if self.index is not None:
            place += f", index {self.index}"
        if self.cycle is None:
            return f"{place}: its transfer due in cycle {self.expected_cycle:,} never came"
        if self.expected is not None:
            return f"{place}: expected {self.expected}, got {self.got}, in cycle {self.cycle:,}"
        return f"{place}: moved in cycle {self.cycle:,}, not in {self.expected_cycle:,}"


@dataclass(frozen=True, slots=True)
class Tally:
    """What was compared on one stream.

    Attributes
    ----------
    values, mismatches : int
        Values compared, and those that differ or never came.
    transfers, late : int
        Transfers compared, and those in another cycle or missing.
    first : Difference, optional
    """

    values: int
    mismatches: int
    transfers: int
    late: int
    first: Difference | None

    @property
    def equal(self) -> bool:
        """Whether every value and every cycle is as expected."""
        return not self.mismatches and not self.late


def compare(expected: Expected, cycles: Ints, values: Ints | None, last: NDArray[np.bool_] | None = None) -> Tally:
    """Return how the transfers seen on a stream differ from those expected.

    Parameters
    ----------
    expected : Expected
    cycles : int64 array, shape (transfers,)
        Fewer than expected if the run was cut off, or more.
    values : int64 array, shape (transfers, lanes), optional
        ``None`` at an input, where values are what was sent.
    last : bool array, shape (transfers,), optional
        TLAST of every transfer, which must mark the last beat of each tensor; a wrong one is a mismatch.
    """
    due = expected.cycles.reshape(-1)
    seen = min(len(due), len(cycles))
    missing = max(len(due), len(cycles)) - seen
    other_cycle = cycles[:seen] != due[:seen]
    lanes = expected.stream.lanes
    wrong = np.zeros((seen, lanes), np.bool_)
    if values is not None:
        wrong = values[:seen] != expected.values.reshape(-1, lanes)[:seen]
    late = int(np.count_nonzero(other_cycle)) + missing
    mismatches = int(np.count_nonzero(wrong)) + (missing * lanes if values is not None else 0)
    compared = len(due) * lanes if values is not None else 0
    first = _first(expected, cycles, values, other_cycle, wrong) if late or mismatches else None
    if last is not None:
        marked = np.arange(1, seen + 1) % expected.cycles.shape[1] == 0
        wrong_marks = np.flatnonzero(last[:seen] != marked)
        mismatches += len(wrong_marks)
        if first is None and len(wrong_marks):
            first = _wrong_mark(expected, cycles, int(wrong_marks[0]), bool(last[wrong_marks[0]]))
    return Tally(compared, mismatches, len(due), late, first)


def _wrong_mark(expected: Expected, cycles: Ints, transfer: int, got: bool) -> Difference:
    tensor, beat = divmod(transfer, expected.cycles.shape[1])
    what = f"TLAST of {expected.what}, beat {beat}"
    due = int(expected.cycles.reshape(-1)[transfer])
    return Difference(what, tensor, None, int(not got), int(got), int(cycles[transfer]), due)


def _first(
    expected: Expected, cycles: Ints, values: Ints | None, other_cycle: NDArray[np.bool_], wrong: NDArray[np.bool_]
) -> Difference:
    """Return the first difference in value, or else in cycle, or else that transfers are missing."""
    due = expected.cycles.reshape(-1)
    per_tensor = expected.cycles.shape[1]
    if wrong.any():
        transfer, lane = (int(i) for i in np.argwhere(wrong)[0])
    elif other_cycle.any():
        transfer, lane = int(np.flatnonzero(other_cycle)[0]), None
    else:
        transfer, lane = min(len(due), len(cycles)), None
    if transfer >= len(due):
        return Difference(
            expected.what, len(expected.cycles), None, None, None, int(cycles[transfer]), int(due[-1]) + 1
        )
    tensor, beat = divmod(transfer, per_tensor)
    cycle = int(cycles[transfer]) if transfer < len(cycles) else None
    if lane is None or values is None:
        return Difference(expected.what, tensor, None, None, None, cycle, int(due[transfer]))
    try:
        index = beats.index_of(beat, lane, expected.stream, expected.shape, sequence=expected.sequence)
    except IndexError:
        index = None
    return Difference(
        expected.what, tensor, index, int(expected.values[tensor, beat, lane]), int(values[transfer, lane]), cycle,
        int(due[transfer]),
    )  # fmt: skip


def total(tallies: Sequence[Tally]) -> Tally:
    """Return the sum, with the first of the first differences."""
    return Tally(
        sum(t.values for t in tallies), sum(t.mismatches for t in tallies), sum(t.transfers for t in tallies),
        sum(t.late for t in tallies), next((t.first for t in tallies if t.first is not None), None),
    )  # fmt: skip
