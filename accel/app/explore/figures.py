"""What a design is judged by: figures of a Report, parameters of the machine, or an expression of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.expressions import Expression, parse
from accel.report import Report
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.machine import Machine
from sim.engine.sweep import TOTALS

FIGURES = (
    "cycles", "seconds", "compute_cycles", "stall_cycles", "dram_bytes", "sram_bytes", "joules", "watts", "utilization",
    "macs", "inferences_per_second", "peak_macs_per_second",
)  # fmt: skip
"""Figures of a Report that every design has, under the Report's names."""
_MORE_IS_BETTER = ("utilization", "inferences_per_second", "peak_macs_per_second")


@dataclass(frozen=True, slots=True)
class Objective:
    """Something to make small, or large.

    Attributes
    ----------
    text : str
        A figure, a parameter, or an expression of them such as ``"seconds * joules"`` or ``"tm * tn"``.
    expression : Expression
    sense : float
        1 where less is better, -1 where more is.
    """

    text: str
    expression: Expression
    sense: float

    @classmethod
    def of(cls, text: str, machine: Machine) -> Objective:
        """Return the objective ``text`` means.

        Raises
        ------
        InputError
            If it names something that is neither a figure nor a numeric parameter.
        """
        expression = parse(text, known_names(machine))
        return cls(text, expression, -1.0 if text in _MORE_IS_BETTER else 1.0)


def known_names(machine: Machine) -> list[str]:
    """Return what objectives and constraints may name."""
    return [*FIGURES, *numeric_parameters(machine)]


def numeric_parameters(machine: Machine) -> list[str]:
    """Return the machine's parameters that are numbers."""
    return [p.name for p in type(machine).parameter_table().values() if not isinstance(p.default, str)]


class Figures(Mapping[str, NDArray[np.float64]]):
    """Figures and parameters of a chunk of designs, each computed when first asked for."""

    def __init__(
        self, machine: ClosedFormMachine, records: NDArray[Any], totals: NDArray[np.float64], batch: int
    ) -> None:
        self._has_energy = any(field.startswith("pj_") for field in machine.Cost._fields)
        self._records, self._totals, self._batch = records, totals, batch
        self._known: dict[str, NDArray[np.float64]] = {}

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name not in self._known:
            self._known[name] = self._computed(name) if name in FIGURES else self._records[name]
        return self._known[name]

    def __iter__(self) -> Any:
        return iter([*FIGURES, *(self._records.dtype.names or ())])

    def __len__(self) -> int:
        return len(FIGURES) + len(self._records.dtype.names or ())

    def _computed(self, name: str) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            match name:
                case "seconds":
                    return self["cycles"] / self["clock_hz"]
                case "stall_cycles":
                    return self["cycles"] - self["compute_cycles"]
                case "joules":
                    if not self._has_energy:
                        return np.full(len(self._totals), np.nan)
                    return self._totals[:, TOTALS.index("picojoules")] * 1e-12
                case "watts":
                    return self["joules"] / self["seconds"]
                case "utilization":
                    return self["macs"] / (self["cycles"] * self["peak_macs_per_cycle"])
                case "inferences_per_second":
                    return self._batch / self["seconds"]
                case "peak_macs_per_second":
                    return self["peak_macs_per_cycle"] * self["clock_hz"]
                case _:
                    return self._totals[:, TOTALS.index(name)]


def of_report(report: Report, machine: Machine) -> dict[str, float]:
    """Return the figures and parameters of one design that was priced on its own."""
    found = {name: getattr(report, name) for name in FIGURES} | machine.parameters
    return {name: float("nan") if value is None else value for name, value in found.items()}


def columns(objectives: Sequence[Objective], values: Mapping[str, Any], count: int) -> NDArray[np.float64]:
    """Return the objectives of ``count`` designs, shape (count, objectives)."""
    if not objectives:
        return np.zeros((count, 0))
    found = [np.broadcast_to(np.asarray(o.expression(values), dtype=np.float64), (count,)) for o in objectives]
    return np.stack(found, axis=1)
