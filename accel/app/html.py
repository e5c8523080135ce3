"""Reports as one self-contained HTML page: tables and plots, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from accel.app import svg
from accel.display import plain, report_grid, si
from accel.report import Report

if TYPE_CHECKING:
    from accel.app.comparison import Comparison, Row

_BOUNDS = ("compute", "dram", "host", "overhead")
"""Bounds whose colours are the same in every report; others follow."""

# Okabe and Ito's palette, told apart by colour-blind readers, darker or lighter where the page's ground asks for it.
_LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7f00", "#555555", "#7b4fa3", "#00736b")
_DARK = ("#4da3dc", "#f0b429", "#2fc79a", "#e39bc2", "#8fd0f5", "#ff8a3c", "#d6c93a", "#aaaaaa", "#b48ae0", "#4fc4ba")

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --ground: #fff; --faint: #667; --rule: #d9dde2; PALETTE_LIGHT }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --ground: #14171b; --faint: #9aa4b0; --rule: #323841; PALETTE_DARK }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 1080px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .86rem; display: block;
  overflow-x: auto; }
caption { text-align: left; padding: .3rem 0; color: var(--faint); }
th, td { padding: .22rem .65rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
table + table { margin-top: 1.2rem; }
th { font-weight: 600; } p { margin: .4rem 0; } .note, .faint { color: var(--faint); font-size: .86rem; }
.plot { overflow-x: auto; } svg { width: 100%; min-width: 640px; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg text.faint { fill: var(--faint); font-size: 11px; }
svg .grid { stroke: var(--rule); stroke-width: 1; } svg .roof { fill: none; stroke-width: 1.6; }
svg .over { stroke-dasharray: 9 9; }
svg .piece { stroke: var(--ground); stroke-width: .6; }
.legend span { margin-right: 1.1rem; white-space: nowrap; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
summary { cursor: pointer; padding: .2rem 0; }
SERIES
"""


def page(title: str, body: str) -> str:
    """Return a whole page around ``body``, which is HTML; ``title`` is text."""
    light, dark = (" ".join(f"--s{i}: {colour};" for i, colour in enumerate(palette)) for palette in (_LIGHT, _DARK))
    series = "\n".join(
        f".s{i} {{ fill: var(--s{i}); background: var(--s{i}); }} svg .roof.s{i} {{ fill: none; stroke: var(--s{i}); }}"
        for i in range(len(_LIGHT))
    )
    style = _STYLE.replace("PALETTE_LIGHT", light).replace("PALETTE_DARK", dark).replace("SERIES", series)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n"
        "</body>\n</html>\n"
    )


def comparison_page(comparison: Comparison) -> str:
    """Return the page of a comparison: tables, latency, energy, roofline, where the time goes, every layer."""
    return page("accel: networks on machines", comparison_body(comparison))


def comparison_body(comparison: Comparison) -> str:
    """Return what `comparison_page` shows, as a part of a larger page."""
    machines = comparison.machines
    key = svg.legend([plain(m) for m in machines])
    parts = [
        "<h2>Machines</h2>", comparison.machine_grid().html(),
        "<h2>Networks</h2>", comparison.grid().html(),
        "<h2>Latency</h2>", key, _bars(comparison, "seconds", "s"),
        "<h2>Energy</h2>", key, _bars(comparison, "joules", "J"),
        "<h2>Roofline</h2>", key, _roofline(comparison),
        '<p class="faint">MACs per second over MACs per byte of main memory; a line is what the machine can do.</p>',
        "<h2>Where the time goes</h2>", _strips(comparison),
        '<p class="faint">A piece is a layer; where layers work side by side, its width is its share of the work.</p>',
        "<h2>Every layer</h2>",
        *(_layers(report) for report in comparison.reports),
    ]  # fmt: skip
    return "\n".join(parts)


def _series(index: int) -> int:
    return index % len(_LIGHT)


def _case(row: Row) -> str:
    return plain(row.network) + (f", batch {row.batch}" if row.batch > 1 else "")


def _bars(comparison: Comparison, figure: str, unit: str) -> str:
    groups: dict[str, list[svg.Bar]] = {}
    for row in comparison.rows:
        value = None if row.report is None else getattr(row.report, figure)
        note = row.refusal if row.report is None else "not stated"
        if value:
            note = f"{_case(row)} on {plain(row.machine)}: {si(value, unit)}"
        series = _series(comparison.machines.index(row.machine))
        groups.setdefault(_case(row), []).append(svg.Bar(series, value, note))
    return svg.grouped_bars(f"{figure} of every network on every machine", list(groups.items()), unit)


def _roofline(comparison: Comparison) -> str:
    roofs: list[svg.Roof] = []
    points: list[svg.Point] = []
    for index, machine in enumerate(comparison.machines):
        rows = [row for row in comparison.rows if row.machine == machine and row.report is not None]
        reports = [row.report for row in rows if row.report is not None]
        peaks = [report.peak_macs_per_second for report in reports if report.peak_macs_per_second]
        if peaks:
            roofs.append(svg.Roof(_series(index), max(peaks), bandwidth(reports)))
        for row, report in zip(rows, reports, strict=True):
            if report.macs and report.dram_bytes and report.seconds:
                intensity, rate = report.macs / report.dram_bytes, report.macs / report.seconds
                note = f"{_case(row)} on {plain(machine)}: {si(rate, 'MAC/s')}, {si(intensity, 'MAC/B')}"
                points.append(svg.Point(_series(index), intensity, rate, note))
    return svg.roofline("MACs per second over MACs per byte", roofs, points)


def bandwidth(reports: Sequence[Report]) -> float | None:
    """Return the bytes per second of main memory, read off the layers whose roofline is the memory's."""
    for report in reports:
        peak = report.peak_macs_per_second
        for layer in report.layers:
            least = layer.roofline_seconds
            if peak and least and layer.dram_bytes and least > 1.000001 * layer.macs / peak:
                return layer.dram_bytes / least
    return None


def _bounds(reports: Sequence[Report]) -> list[str]:
    met = {layer.bound for report in reports for layer in report.layers if layer.bound and layer.seconds}
    return [*_BOUNDS, *sorted(met - set(_BOUNDS))]


def _pieces(report: Report, bounds: Sequence[str]) -> list[svg.Bar]:
    pieces: list[svg.Bar] = []
    for layer in report.layers:
        bound = layer.bound or _BOUNDS[0]
        if layer.seconds:
            note = f"{plain(layer.name)} ({layer.op}): {si(layer.seconds, 's')}, bound by {bound}"
            pieces.append(svg.Bar(_series(bounds.index(bound)), layer.seconds, note))
    return pieces


def _strips(comparison: Comparison) -> str:
    bounds = _bounds(comparison.reports)
    cases: dict[str, list[tuple[str, list[svg.Bar]]]] = {}
    for row in comparison.rows:
        if row.report is not None:
            heading = f"{plain(row.machine)} {si(row.report.seconds, 's')}"
            cases.setdefault(_case(row), []).append((heading, _pieces(row.report, bounds)))
    plots = (
        f"<h3>{escape(case)}</h3>\n{svg.strips(f'time of every layer of {case}', rows)}" for case, rows in cases.items()
    )
    return svg.legend([f"bound by {bound}" for bound in bounds]) + "\n".join(plots)


def _layers(report: Report) -> str:
    grid = report_grid(report)
    return f"<details><summary>{escape(grid.title)}</summary>\n{grid.html()}\n</details>"
