"""Reports side by side: what a comparison holds and how it is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from accel.display import NOTHING, Column, Grid, percent, plain, rate, si
from accel.report import Report, totals_frame

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Row:
    """One network on one machine at one batch size: a Report, or why there is none.

    Attributes
    ----------
    network, machine : str
    batch : int
    report : Report or None
    refusal : str
        In a few words: "unsupported: LRN".
    reason : str
        In a sentence.
    """

    network: str
    machine: str
    batch: int
    report: Report | None
    refusal: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Reports side by side.

    Attributes
    ----------
    rows : tuple of Row
        Network by network, batch by batch, machines in the order they were given.
    baseline : str, optional
        The machine the others are measured against.
    validations : mapping of str to str
        Of each machine, its largest errors beside published figures, or "unvalidated".
    """

    rows: tuple[Row, ...]
    baseline: str | None
    validations: dict[str, str]

    @property
    def reports(self) -> list[Report]:
        """The Reports there are."""
        return [row.report for row in self.rows if row.report is not None]

    @cached_property
    def machines(self) -> list[str]:
        """The machines' names, in order."""
        return list(dict.fromkeys(row.machine for row in self.rows))

    @cached_property
    def _by_case(self) -> dict[tuple[str, int], dict[str, Report]]:
        cases: dict[tuple[str, int], dict[str, Report]] = {}
        for row in self.rows:
            of_case = cases.setdefault((row.network, row.batch), {})
            if row.report is not None:
                of_case[row.machine] = row.report
        return cases

    def speedup(self, row: Row) -> float | None:
        """Return the baseline's seconds over the row's."""
        return self._against(row, lambda report: report.seconds)

    def energy_gain(self, row: Row) -> float | None:
        """Return the baseline's joules over the row's."""
        return self._against(row, lambda report: report.joules)

    def _against(self, row: Row, figure: Callable[[Report], float | None]) -> float | None:
        reference = self._by_case[row.network, row.batch].get(self.baseline or "")
        if reference is None or row.report is None:
            return None
        theirs, ours = figure(reference), figure(row.report)
        return theirs / ours if theirs and ours else None

    def grid(self) -> Grid:
        """Return one row per network, batch and machine."""
        columns = [
            Column("network"), Column("batch", True), Column("machine"), Column("time", True),
            Column("inf/s", True), Column("energy", True), Column("use", True, keep=False),
            Column("bound", keep=False), Column("DRAM", True, keep=False),
        ]  # fmt: skip
        if self.baseline is not None:
            columns += [Column("speedup", True), Column("energy gain", True, keep=False)]
        rows: list[tuple[str, ...]] = []
        for row in self.rows:
            head = (plain(row.network), str(row.batch), plain(row.machine))
            report = row.report
            if report is None:
                cells = (row.refusal, *[""] * (len(columns) - len(head) - 1))
            else:
                cells = (
                    si(report.seconds, "s"), rate(report.inferences_per_second), si(report.joules, "J"),
                    percent(report.utilization), report.bound or NOTHING, si(report.dram_bytes, "B"),
                )  # fmt: skip
                if self.baseline is not None:
                    cells += (_times(self.speedup(row)), _times(self.energy_gain(row)))
            rows.append((*head, *cells))
        about = ["Time, energy and DRAM are of the whole batch."]
        if any(report.training for report in self.reports):
            about.append("Every figure is of one training step: forward, gradients, update.")
        refused = [row for row in self.rows if row.report is None]
        reasons = [f"{plain(row.network)} on {plain(row.machine)}, batch {row.batch}: {row.reason}" for row in refused]
        return Grid("", tuple(columns), tuple(rows), notes=(*about, *reasons))

    def machine_grid(self) -> Grid:
        """Return one row per machine: what it is, how it stands beside published figures, geometric means."""
        columns = [
            Column("machine"), Column("operands, node, clock"), Column("peak", True, keep=False), Column("done", True),
            Column("mean time", True), Column("mean energy", True, keep=False),
        ]  # fmt: skip
        if self.baseline is not None:
            columns += [Column("speedup", True), Column("energy gain", True, keep=False)]
        columns.append(Column("largest error"))
        able = {row.machine for row in self.rows if row.report is not None}
        shared = [case for case in self._by_case.values() if len(case) == len(able)]
        rows = [self._machine_row(machine, shared) for machine in self.machines]
        cases = f"{len(shared)} of {len(self._by_case)} cases"
        notes = [
            "Largest error: beside so many published, measured or recomputed figures; accel validate lists them.",
            f"Mean time and energy: geometric, over the {cases} done by every machine that does any.",
        ]
        if self.baseline is not None:
            notes.append(
                f"Speedup and energy gain: geometric means, over the cases done here and by {plain(self.baseline)}."
            )
        return Grid("", tuple(columns), tuple(rows), notes=tuple(notes))

    def _machine_row(self, machine: str, shared: Sequence[dict[str, Report]]) -> tuple[str, ...]:
        mine = [row for row in self.rows if row.machine == machine]
        reports = [row.report for row in mine if row.report is not None]
        one = reports[0] if reports else None
        done = f"{len(reports)}/{len(mine)}"
        cells = (
            plain(machine),
            NOTHING if one is None else ", ".join(filter(None, (one.precision, _nanometres(one), _clock(one)))),
            si(one.peak_macs_per_second, "MAC/s") if one else NOTHING,
            done,
            si(geometric_mean(case[machine].seconds for case in shared if reports), "s"),
            si(geometric_mean(case[machine].joules for case in shared if reports), "J"),
        )
        if self.baseline is None:
            return (*cells, self.validations[machine])
        speedups = [s for s in map(self.speedup, mine) if s is not None]
        gains = [g for g in map(self.energy_gain, mine) if g is not None]
        means = (_times(geometric_mean(speedups)), _times(geometric_mean(gains)))
        return (*cells, *means, self.validations[machine])

    def frame(self) -> pl.DataFrame:
        """Return one row per Report, columns named as its fields."""
        return totals_frame(self.reports)

    def to_json(self) -> str:
        """Return the list of Reports as JSON text."""
        return json.dumps([report.to_dict() for report in self.reports], indent=2, allow_nan=False)

    def to_csv(self) -> str:
        """Return one line per row, figures in base units; refused rows say why in the last column."""
        import csv
        import io

        names = (
            "seconds", "cycles", "inferences_per_second", "joules", "utilization", "bound", "dram_bytes",
            "sram_bytes", "precision", "clock_hz", "node_nm",
        )  # fmt: skip
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["network", "batch", "machine", *names, "speedup", "energy_gain", "validated", "refusal"])
        for row in self.rows:
            figures = [None if row.report is None else getattr(row.report, name) for name in names]
            gains = (self.speedup(row), self.energy_gain(row))
            head = (plain(row.network), row.batch, plain(row.machine))
            writer.writerow([*head, *figures, *gains, self.validations[row.machine], row.reason])
        return text.getvalue()

    def to_markdown(self) -> str:
        """Return both tables as Markdown."""
        return f"{self.grid().markdown()}\n{self.machine_grid().markdown()}"

    def to_html(self) -> str:
        """Return one self-contained page with the tables and plots."""
        from accel.app.html import comparison_page

        return comparison_page(self)

    def __rich__(self) -> RenderableType:
        from rich.console import Group

        return Group(self.grid(), "", self.machine_grid())

    def _repr_html_(self) -> str:
        return self.grid().html() + self.machine_grid().html()


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Return the geometric mean; ``None`` without values or where one is missing or not positive."""
    logs: list[float] = []
    for value in values:
        if value is None or value <= 0:
            return None
        logs.append(math.log(value))
    return math.exp(math.fsum(logs) / len(logs)) if logs else None


def _nanometres(report: Report) -> str:
    return "" if report.node_nm is None else f"{report.node_nm:g} nm"


def _clock(report: Report) -> str:
    return "" if report.clock_hz is None else si(report.clock_hz, "Hz")


def _times(factor: float | None) -> str:
    return NOTHING if factor is None else f"{rate(factor)}x"
