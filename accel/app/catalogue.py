"""What there is, as tables: networks, machines, a machine's parameters, published and measured figures beside ours."""

from __future__ import annotations

from collections.abc import Sequence

import sim
from accel import zoo
from accel.display import NOTHING, Column, Grid, count, plain, si
from accel.zoo import Published
from sim.engine.machine import Machine
from sim.validation import Row
from sim.validation.host import REPORTED, HostRow


def networks(*, sources: bool = False) -> Grid:
    """Return every network of the zoo: what it is, how large and, if asked, what its ``sources`` print of its size."""
    rows: list[tuple[str, ...]] = []
    for name in zoo.names():
        network = zoo.get(name)
        row = (name, zoo.about(name), str(len(network.nodes)), count(network.macs), count(network.parameters))
        rows.append((*row, "; ".join(map(_printed, zoo.published(name)))) if sources else row)
    columns = (
        Column("network"), Column("what"), Column("layers", True, keep=False), Column("MACs", True),
        Column("parameters", True),
    )  # fmt: skip
    if sources:
        columns += (Column("published"),)
    return Grid("The zoo" if sources else "", columns, tuple(rows), notes=("MACs are of one sample.",))


def _printed(figure: Published) -> str:
    printed = f"{float(figure.printed):,.0f}" if figure.printed.isdigit() else figure.printed
    counted = f", {-figure.less:+,} here" if figure.less else ""
    return f"{printed} {figure.quantity.replace('macs', 'MACs')}{counted}: {figure.source}"


def machines() -> Grid:
    """Return every machine, its presets below it."""
    rows: list[tuple[str, ...]] = []
    for name, machine in sim.machines().items():
        rows.append((name, machine.summary))
        rows += [(f"  {preset}", f"{name}, preset") for preset, of in sim.presets().items() if of.name == name]
    return Grid("", (Column("machine"), Column("what")), tuple(rows))


def parameters(machine: Machine) -> Grid:
    """Return every parameter of a machine: value, unit, default, range, source."""
    rows = tuple(
        (p.name, _value(getattr(machine, p.name)), p.unit, _value(p.default), p.range_text, p.source)
        for p in type(machine).parameter_table().values()
    )
    columns = (
        Column("parameter"), Column("value", True), Column("unit"), Column("default", True, keep=False),
        Column("range", keep=False), Column("source"),
    )  # fmt: skip
    notes = tuple(f"must have {limit}" for limit in machine.limits)
    return Grid(f"{plain(machine.title)}: {machine.summary}", columns, rows, notes=notes)


def validation(rows: Sequence[Row]) -> Grid:
    """Return published figures beside ours."""
    columns = (
        Column("machine"), Column("figure"), Column("published", True), Column("ours", True), Column("unit"),
        Column("error", True), Column("allowed", True, keep=False), Column("verdict"), Column("kind", keep=False),
        Column("source", keep=False),
    )  # fmt: skip
    cells = tuple(
        (
            row.machine, row.figure.name, _value(row.figure.value), _value(row.ours), row.figure.unit,
            f"{row.error:+.2%}", f"{row.figure.tolerance:.2%}" if row.figure.gated else NOTHING, _verdict(row),
            row.figure.label, row.figure.source,
        )
        for row in rows
    )  # fmt: skip
    gated = [row for row in rows if row.figure.gated]
    missed = sum(row.failed for row in gated)
    note = f"{len(gated)} of {len(rows)} figures decide the exit code; {len(gated) - missed} of them hold."
    sources = dict.fromkeys(f"{row.machine}: {row.source.removesuffix(f', {row.figure.source}')}" for row in rows)
    return Grid("", columns, cells, notes=(note, *sources))


def host(machine: Machine, rows: Sequence[HostRow]) -> Grid:
    """Return what this host does beside what its machine says."""
    columns = (
        Column("operation"), Column("threads", True), Column("measured", True), Column("ours", True),
        Column("error", True), Column("measured rate", True, keep=False), Column("ours", True, keep=False),
    )  # fmt: skip
    cells: list[tuple[str, ...]] = []
    for row in rows:
        amount, unit = (row.macs, "MAC/s") if row.macs else (row.bytes, "B/s")
        error = NOTHING if row.error is None else f"{row.error:+.0%}"
        ours = None if row.ours_seconds is None else amount / row.ours_seconds
        cells.append(
            (
                row.name, str(row.threads), si(row.measured_seconds, "s"), si(row.ours_seconds, "s"), error,
                si(amount / row.measured_seconds, unit), si(ours, unit),
            )
        )  # fmt: skip
    values = ", ".join(f"{name} = {_value(getattr(machine, name))}" for name in (*REPORTED, "bandwidth_gbs"))
    notes = (
        f"cpu with {values}; --set states what is known better.",
        "A copy without our figure sets bandwidth_gbs. Nothing here decides the exit code.",
    )
    return Grid("", columns, tuple(cells), notes=notes)


def _verdict(row: Row) -> str:
    if not row.figure.gated:
        return "not gated"
    return "ok" if row.passed else "MISSED"


def _value(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.6g}"
