"""Every design of a space, priced by the machines' own cost functions, in memory.

A space is the product of axes over a machine's parameters. A machine in closed form is priced in a compiled parallel
loop, millions of designs at a time; any other, one design at a time. When there are more designs than fit in memory,
only those on the front of the objectives are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accel.app.explore.figures import Figures, Objective, columns, known_names, numeric_parameters, of_report
from accel.app.explore.pareto import front
from accel.errors import AccelError, InputError, shown
from accel.expressions import Expression, parse
from accel.limits import MAX_DESIGNS
from accel.network import Network
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.lowering import lower
from sim.engine.machine import Machine
from sim.engine.parameters import checked_parameter
from sim.engine.registry import machine as find_machine
from sim.engine.search import Grid
from sim.engine.sweep import distinct

if TYPE_CHECKING:
    import polars as pl

DEFAULT_OBJECTIVES = ("seconds", "dram_bytes", "joules")
KEPT = 4_000_000
"""Designs kept in memory; of a larger space only the front of the objectives is."""
DOES_NOT_FIT = "a layer does not fit"


@dataclass(frozen=True)
class Exploration:
    """A priced space.

    Attributes
    ----------
    network : str
    machine : Machine
        Gives the parameters that are not axes.
    axes : mapping of str to tuple
        Values by parameter, the last axis fastest in the numbering of designs.
    objectives : tuple of Objective
    size, feasible_size : int
        Designs in the space, and those among them that are feasible.
    numbers : int array, shape (d,)
        The designs kept, by number.
    values : float64 array, shape (d, objectives)
        NaN where not feasible.
    reasons : tuple of str or None, indexed by ``reason``
    reason : int array, shape (d,)
        Why each is not feasible; -1 where it is.
    """

    network: str
    machine: Machine
    axes: Mapping[str, tuple[Any, ...]]
    objectives: tuple[Objective, ...]
    size: int
    feasible_size: int
    numbers: NDArray[np.int64]
    values: NDArray[np.float64]
    reasons: tuple[str, ...]
    reason: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        kept = "" if len(self) == self.size else f", {len(self):,} kept"
        return (
            f"Exploration({self.network} on {self.machine.title}: {self.size:,} designs, "
            f"{self.feasible_size:,} feasible{kept})"
        )

    def frame(self) -> pl.DataFrame:
        """Return one row per design kept: axes, objectives, ``feasible`` and ``reason``."""
        return self._frame(np.arange(len(self)))

    def pareto(self, *objectives: str) -> pl.DataFrame:
        """Return the feasible designs that no other beats in all of ``objectives``, best in the first one first.

        Parameters
        ----------
        *objectives : str
            Among those explored; all of them when none is given.
        """
        wanted = self._indices(objectives)
        senses = np.array([self.objectives[i].sense for i in wanted])
        points = self.values[:, wanted] * senses
        rows = front(points)
        return self._frame(rows[np.argsort(points[rows, 0], kind="stable")])

    def best(self, objective: str | None = None) -> dict[str, Any]:
        """Return the row of the best feasible design for ``objective``, the first one explored if not given.

        Raises
        ------
        InputError
            If no design is feasible; the message gives the commonest reason.
        """
        index = self._indices((objective,) if objective is not None else ())[0]
        points = self.values[:, index] * self.objectives[index].sense
        if not np.isfinite(points).any():
            counts = np.bincount(self.reason[self.reason >= 0], minlength=1)
            why = f"; most fail {shown(self.reasons[int(counts.argmax())])}" if self.reasons else ""
            raise InputError(f"no design of {self.size:,} is feasible{why}")
        return self._frame(np.array([np.nanargmin(points)])).row(0, named=True)

    def machine_of(self, row: Mapping[str, Any]) -> Machine:
        """Return the machine that a row of a frame stands for."""
        return self.machine.with_parameters(**{name: row[name] for name in self.axes})

    def _indices(self, objectives: Sequence[str]) -> list[int]:
        explored = [o.text for o in self.objectives]
        for text in objectives:
            if text not in explored:
                raise InputError(f"objective {shown(text)} must be one of those explored: {', '.join(explored)}")
        return [explored.index(text) for text in objectives or explored]

    def _frame(self, rows: NDArray[Any]) -> pl.DataFrame:
        import polars as pl

        rest = self.numbers[rows]
        series: dict[str, pl.Series] = {}
        for name in reversed(list(self.axes)):
            values = self.axes[name]
            rest, digit = np.divmod(rest, len(values))
            series[name] = pl.Series(name, list(values)).gather(digit)
        data = {name: series[name] for name in self.axes}
        for i, objective in enumerate(self.objectives):
            data[objective.text] = pl.Series(objective.text, self.values[rows, i]).fill_nan(None)
        reason = self.reason[rows]
        data["feasible"] = pl.Series("feasible", reason < 0)
        texts = pl.Series("reason", [*self.reasons, None], dtype=pl.String)
        data["reason"] = texts.gather(np.where(reason < 0, len(self.reasons), reason))
        return pl.DataFrame(data)


def explore(
    network: Network,
    machine: str | Machine,
    axes: Mapping[str, Sequence[Any]],
    *,
    constraints: Sequence[str] = (),
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    batch: int = 1,
    keep: int = KEPT,
) -> Exploration:
    """Price every combination of ``axes`` on a network.

    Parameters
    ----------
    network : Network
    machine : str or Machine
        As `sim.machine` takes it; gives the parameters that are not axes.
    axes : mapping of str to sequence
        Values by parameter name.
    constraints : sequence of str
        Expressions that must hold, such as ``"tm * tn <= 480"`` or ``"joules < 0.1"``, of parameters and figures.
    objectives : sequence of str
        Figures of a Report, parameters, or expressions of them. Rates and utilization are made large, others small.
    batch : int
    keep : int
        Designs kept in memory; of a larger space only the front of the objectives is kept.

    Raises
    ------
    InputError
        If an axis, value, constraint or objective is not one.

    Examples
    --------
    >>> import accel
    >>> space = {"tm": range(1, 65), "tn": range(1, 33)}
    >>> explored = accel.explore(accel.load("lenet5"), "fpga-tiled", space, constraints=["tm * tn <= 448"])
    >>> explored.best("seconds")["tm"]
    42
    """
    base = find_machine(machine)
    base.check_run(batch, "closed")
    names = known_names(base)
    wanted = tuple(Objective.of(text, base) for text in objectives)
    if not wanted:
        raise InputError("an exploration must have at least one objective")
    limits = [parse(text, names) for text in constraints]
    early = [e for e in limits if e.names <= set(numeric_parameters(base))]
    late = [e for e in limits if e not in early]
    plain = _checked_axes(base, axes)
    if isinstance(base, ClosedFormMachine) and base.sweepable:
        source = _swept(network, base, plain, early, late, wanted, batch)
        reasons = (*base.limits, *(e.text for e in early), DOES_NOT_FIT, *(e.text for e in late))
        return _gathered(network, base, plain, wanted, reasons, source, keep)
    texts: list[str] = [e.text for e in limits]
    source = _one_by_one(network, base, plain, limits, wanted, batch, texts)
    return _gathered(network, base, plain, wanted, texts, source, keep)


_Piece = tuple[int, NDArray[np.float64], NDArray[np.int32]]
"""Number of the first design, objectives, reasons."""


def _checked_axes(machine: Machine, axes: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    checked: dict[str, tuple[Any, ...]] = {}
    for name, values in axes.items():
        plain: list[Any] = [v.item() if isinstance(v, np.generic) else v for v in values]
        known = checked_parameter(type(machine), machine.name, name)
        checked[name] = tuple(known.checked(v, machine.name) for v in plain)
        if not plain:
            raise InputError(f"axis {shown(name)} must have at least one value")
    size = math.prod(map(len, checked.values()))
    if size > MAX_DESIGNS:
        raise InputError(f"a space must have at most {MAX_DESIGNS:,} designs, not {size:,}")
    return checked


def _swept(
    network: Network,
    machine: ClosedFormMachine,
    axes: Mapping[str, tuple[Any, ...]],
    early: Sequence[Expression],
    late: Sequence[Expression],
    objectives: Sequence[Objective],
    batch: int,
) -> Iterator[_Piece]:
    """Yield the objectives of every design of a machine in closed form, in order."""
    works, counts = distinct(lower(network, batch)[1])
    grid = Grid(machine, axes, tuple(e.text for e in early))
    after = len(grid.expressions)
    for chunk in grid.priced(works, counts):
        count = len(chunk.records)
        figures = Figures(machine, chunk.records, chunk.totals, batch)
        reason = chunk.reason.astype(np.int32)
        reason[(reason < 0) & ~np.isfinite(figures["cycles"])] = after
        for i, expression in enumerate(late):
            holds = np.broadcast_to(expression(figures), (count,)).astype(bool)
            reason[(reason < 0) & ~holds] = after + 1 + i
        values = columns(objectives, figures, count)
        values[reason >= 0] = np.nan
        yield chunk.first, values, reason


def _one_by_one(
    network: Network,
    machine: Machine,
    axes: Mapping[str, tuple[Any, ...]],
    constraints: Sequence[Expression],
    objectives: Sequence[Objective],
    batch: int,
    reasons: list[str],
) -> Iterator[_Piece]:
    """Yield the objectives of every design of any other machine; what a design is refused for joins ``reasons``."""
    for number, combination in enumerate(product(*axes.values())):
        values = np.full((1, len(objectives)), np.nan)
        try:
            design = machine.with_parameters(**dict(zip(axes, combination, strict=True)))
            figures = of_report(design.run(network, batch), design)
            broken = next((i for i, e in enumerate(constraints) if not e(figures)), -1)
        except AccelError as error:
            text = str(error)
            if text not in reasons:
                reasons.append(text)
            yield number, values, np.array([reasons.index(text)], dtype=np.int32)
            continue
        if broken < 0:
            values = columns(objectives, figures, 1)
        yield number, values, np.array([broken], dtype=np.int32)


def _gathered(
    network: Network,
    machine: Machine,
    axes: Mapping[str, tuple[Any, ...]],
    objectives: tuple[Objective, ...],
    reasons: Sequence[str],
    pieces: Iterator[_Piece],
    keep: int,
) -> Exploration:
    """Return an Exploration of all pieces, or of their running front when there are more than ``keep`` designs."""
    size = math.prod(map(len, axes.values()))
    senses = np.array([o.sense for o in objectives])
    numbers: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float64]] = []
    reason: list[NDArray[np.int32]] = []
    feasible = 0
    for first, found, why in pieces:
        feasible += int((why < 0).sum())
        numbers.append(np.arange(first, first + len(found)))
        values.append(found)
        reason.append(why)
        if size > keep:
            together = np.concatenate(values)
            rows = front(together * senses)
            numbers = [np.concatenate(numbers)[rows]]
            values, reason = [together[rows]], [np.concatenate(reason)[rows]]
    return Exploration(
        network=network.name,
        machine=machine,
        axes=axes,
        objectives=objectives,
        size=size,
        feasible_size=feasible,
        numbers=np.concatenate(numbers),
        values=np.concatenate(values),
        reasons=tuple(reasons),
        reason=np.concatenate(reason),
    )
