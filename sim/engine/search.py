"""Every design of a grid of parameters, priced in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numba import prange
from numpy.typing import NDArray

from accel.errors import InputError
from accel.expressions import Expression, parse
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.jit import jit
from sim.engine.parameters import checked_parameter
from sim.engine.sweep import TOTALS, sweep

CHUNK = 1 << 15
"""Designs priced at a time; bounds memory, whatever the size of the grid."""


def _decode_loop(first: Any, template: Any, fields: Any, lengths: Any, values: Any, matrix: Any) -> None:
    for d in prange(len(matrix)):
        for j in range(len(template)):
            matrix[d, j] = template[j]
        rest = first + d
        for a in range(len(fields)):
            above = rest // lengths[a]
            matrix[d, fields[a]] = values[a, rest - above * lengths[a]]
            rest = above


_decode = jit(_decode_loop, parallel=True)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive designs of a grid.

    Attributes
    ----------
    first : int
        Number of the first design in the grid's order, the last axis fastest.
    records : machine records, shape (d,)
    feasible : bool array, shape (d,)
    reason : int array, shape (d,)
        Which of the grid's constraints is the first that does not hold; -1 where all do.
    totals : float64 array, shape (d, len(TOTALS))
        As `sim.engine.sweep.TOTALS` names them.
        Zero where not feasible.
    """

    first: int
    records: NDArray[Any]
    feasible: NDArray[np.bool_]
    reason: NDArray[np.int16]
    totals: NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """The product of axes over a machine's parameters.

    Attributes
    ----------
    machine : ClosedFormMachine
        Gives the parameters that are not axes.
    axes : mapping of str to sequence
        Values by parameter name.
    constraints : tuple of str
        Expressions of the parameters that must hold, besides the machine's own `limits`.

    Raises
    ------
    InputError
        If an axis is no parameter or empty, a value is outside its range, or a constraint cannot be parsed.
    """

    machine: ClosedFormMachine
    axes: Mapping[str, Sequence[Any]]
    constraints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = self.machine.record_dtype().names or ()
        for name, values in self.axes.items():
            checked_parameter(type(self.machine), self.machine.name, name)
            if name not in known:
                raise InputError(f"{self.machine.name} {name} cannot be an axis: it changes what a segment is")
            if not len(values):
                raise InputError(f"axis {name} must have at least one value")
        _ = self.columns, self.expressions

    @cached_property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The values of each axis as they stand in a machine record."""
        cls = type(self.machine)
        columns: dict[str, NDArray[np.float64]] = {}
        for name, values in self.axes.items():
            plain = cast("list[Any]", np.asarray(values).tolist())
            known = checked_parameter(cls, cls.name, name)
            checked = [known.checked(value, cls.name) for value in plain]
            coded = [known.choices.index(str(v)) for v in checked] if known.choices else checked
            columns[name] = np.array(coded, dtype=np.float64)
        return columns

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """The machine's limits, then the grid's constraints."""
        numeric = [p.name for p in type(self.machine).parameter_table().values() if not isinstance(p.default, str)]
        return tuple(parse(text, numeric) for text in (*self.machine.limits, *self.constraints))

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def records(self, first: int, count: int) -> NDArray[Any]:
        """Return the machine records of designs ``first`` to ``first + count``, derived fields not filled."""
        records = np.empty(count, dtype=self.machine.record_dtype())
        self._fill(first, records)
        return records

    def _fill(self, first: int, records: NDArray[Any]) -> None:
        _decode(first, self._template, *self._digits, records.view(np.float64).reshape(len(records), -1))

    @cached_property
    def _template(self) -> NDArray[np.float64]:
        return self.machine.records().view(np.float64)

    @cached_property
    def _digits(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The field each axis sets, its length, and its values in a row; last axis first."""
        names = list(reversed(self.columns))
        fields = self.machine.record_dtype().names or ()
        lengths = np.array([len(self.columns[name]) for name in names], dtype=np.int64)
        values = np.zeros((len(names), lengths.max(initial=1)))
        for row, name in zip(values, names, strict=True):
            row[: len(self.columns[name])] = self.columns[name]
        return np.array([fields.index(name) for name in names], dtype=np.int64), lengths, values

    def priced(self, works: NDArray[Any], counts: NDArray[np.float64]) -> Iterator[Chunk]:
        """Yield every design in order, priced on ``works`` (see `sim.engine.sweep.sweep`) where feasible.

        A chunk's arrays are overwritten by the next.
        """
        cls = type(self.machine)
        every_record = np.empty(min(CHUNK, len(self)), dtype=cls.record_dtype())
        every_total = np.empty((len(every_record), len(TOTALS)))
        for first in range(0, len(self), CHUNK):
            count = min(CHUNK, len(self) - first)
            records, totals = every_record[:count], every_total[:count]
            self._fill(first, records)
            reason = self._first_broken(records)
            feasible = reason < 0
            if feasible.all():
                sweep(cls, works, counts, records, totals)
            else:
                kept = records[feasible]
                totals[~feasible] = 0
                totals[feasible] = sweep(cls, works, counts, kept)
                records[feasible] = kept
            yield Chunk(first, records, feasible, reason, totals)

    def _first_broken(self, records: NDArray[Any]) -> NDArray[np.int16]:
        reason = np.full(len(records), -1, dtype=np.int16)
        for i, expression in enumerate(self.expressions):
            holds = np.broadcast_to(expression({n: records[n] for n in expression.names}), reason.shape)
            reason[(reason < 0) & ~holds.astype(bool)] = i
        return reason
