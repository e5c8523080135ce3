"""Published figures against ours: every row of ``sim/published/*.toml`` measured, compared and judged."""

from __future__ import annotations

import importlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict

from accel.errors import InputError, did_you_mean, shown


class Figure(BaseModel):
    """One row of a published file.

    Attributes
    ----------
    name, unit : str
    value : float
        What the source says.
    label : str
        "published" (printed by the source), "formula" (computed here from the source's equations or shapes) or
        "measured" (a measurement the source prints).
    source : str
        Section, table or figure.
    tolerance : float
        Relative error allowed; 0 is exact.
    why : str
        Why that tolerance, or why the row is not gated.
    gated : bool
        Whether the row decides the exit code.
    measure : str
        ``module.function`` under `sim.validation` that gives our figure.
    arguments : mapping
        Given to it; names of the file's layers, alone or in lists, are replaced by those layers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    unit: str
    value: float
    label: Literal["published", "formula", "measured"]
    source: str
    measure: str
    arguments: dict[str, Any] = {}
    tolerance: float = 0.0
    why: str = ""
    gated: bool = True


class PublishedFile(BaseModel):
    """One file of ``sim/published``: a machine or table, its source, its layers, its figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: str
    source: str
    layers: dict[str, dict[str, int]] = {}
    figure: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A published figure beside ours.

    Attributes
    ----------
    machine : str
        The machine, or the table, validated.
    figure : Figure
    ours : float
    error : float
        ``ours / value - 1``.
    passed : bool
        Whether the error is within the tolerance.
    source : str
        Of the file and of the row.
    """

    machine: str
    figure: Figure
    ours: float
    error: float
    passed: bool
    source: str

    @property
    def failed(self) -> bool:
        """Whether the row is gated and out of tolerance."""
        return self.figure.gated and not self.passed


def published() -> dict[str, PublishedFile]:
    """Return every file of ``sim/published`` by its stem."""
    found: dict[str, PublishedFile] = {}
    for entry in sorted(files("sim").joinpath("published").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            found[entry.name.removesuffix(".toml")] = PublishedFile.model_validate(
                tomllib.loads(entry.read_text("utf-8"))
            )
    return found


def validate(machine: str | None = None) -> list[Row]:
    """Return every published figure, or those of one machine, beside ours.

    Raises
    ------
    InputError
        If nothing is published for ``machine``.
    """
    found = published()
    names = sorted({file.machine for file in found.values()})
    if machine is not None and machine not in names:
        raise InputError(f"nothing is published for {shown(machine)}{did_you_mean(machine, names)}")
    rows: list[Row] = []
    for file in found.values():
        if machine is None or file.machine == machine:
            rows += [_row(file, figure) for figure in file.figure]
    return rows


def _row(file: PublishedFile, figure: Figure) -> Row:
    module, _, function = figure.measure.partition(".")
    measure = getattr(importlib.import_module(f"sim.validation.{module}"), function)
    ours = float(measure(**{name: _with_layers(value, file.layers) for name, value in figure.arguments.items()}))
    error = ours / figure.value - 1 if figure.value else math.inf * (ours != 0)
    return Row(
        machine=file.machine,
        figure=figure,
        ours=ours,
        error=error,
        passed=abs(error) <= figure.tolerance,
        source=f"{file.source}, {figure.source}",
    )


def _with_layers(value: Any, layers: Mapping[str, Mapping[str, int]]) -> Any:
    if isinstance(value, list):
        return [_with_layers(item, layers) for item in cast("Sequence[Any]", value)]
    return layers.get(value, value) if isinstance(value, str) else value
