"""Every design of a grid of parameters, priced in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError
from accel.expressions import Expression, parse
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.parameters import checked_overrides
from sim.engine.sweep import sweep

CHUNK = 1 << 16
"""Designs priced at a time; bounds memory, whatever the size of the grid."""


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
    totals : float64 array, shape (d, number of Cost fields)
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
            checked_overrides(type(self.machine), self.machine.name, {name: self.machine.parameters.get(name)})
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
            checked = [checked_overrides(cls, cls.name, {name: value})[name] for value in plain]
            columns[name] = np.array([cls.encoded(name, value) for value in checked])
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
        records = self.machine.records(count)
        rest = np.arange(first, first + count)
        for name in reversed(self.columns):
            values = self.columns[name]
            rest, digit = np.divmod(rest, len(values))
            records[name] = values[digit]
        return records

    def priced(self, works: NDArray[Any], counts: NDArray[np.float64]) -> Iterator[Chunk]:
        """Yield every design in order, priced on ``works`` (see `sim.engine.sweep.sweep`) where feasible."""
        for first in range(0, len(self), CHUNK):
            records = self.records(first, min(CHUNK, len(self) - first))
            reason = self._first_broken(records)
            feasible = reason < 0
            if feasible.all():
                totals = sweep(type(self.machine), works, counts, records)
            else:
                totals = np.zeros((len(records), len(self.machine.Cost._fields)))
                kept = records[feasible]
                totals[feasible] = sweep(type(self.machine), works, counts, kept)
                records[feasible] = kept
            yield Chunk(first, records, feasible, reason, totals)

    def _first_broken(self, records: NDArray[Any]) -> NDArray[np.int16]:
        reason = np.full(len(records), -1, dtype=np.int16)
        for i, expression in enumerate(self.expressions):
            holds = np.broadcast_to(expression({n: records[n] for n in expression.names}), reason.shape)
            reason[(reason < 0) & ~holds.astype(bool)] = i
        return reason
