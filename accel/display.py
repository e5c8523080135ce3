"""How networks, reports and comparisons look: one table type, drawn for terminals, notebooks and Markdown.

Text from a model reaches a terminal, HTML or Markdown only through here, escaped for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from accel.errors import shown

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from accel.network import Network
    from accel.report import Report

_SHORT = 14
"""Characters up to which the cells of a column are not broken on a narrow terminal."""
_BROKEN = 20
"""Characters a column of longer words is given there at least."""
_LONG = 36
"""Characters beyond which a cell of text makes its column break into lines on a page."""
NOTHING = "–"
"""Stands where a figure is not stated."""
_PREFIXES = {
    1e18: "E", 1e15: "P", 1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ", 1e-9: "n", 1e-12: "p",
}  # fmt: skip


def si(value: float | None, unit: str = "") -> str:
    """Return ``value`` to three digits with its SI prefix and ``unit``.

    >>> si(1_234_567, "B"), si(0.00321, "s"), si(0), si(None)
    ('1.23 MB', '3.21 ms', '0', '–')
    """
    if value is None:
        return NOTHING
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    rounded = float(f"{value:.3g}")
    scale = next((s for s in _PREFIXES if abs(rounded) >= s), min(_PREFIXES))
    number = rounded / scale
    decimals = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:.{decimals}f} {_PREFIXES[scale]}{unit}".strip()


def rate(value: float | None) -> str:
    """Return a rate or a ratio to three digits: prefixes for thousands, decimals below one.

    >>> rate(0.1299), rate(68.4), rate(41_400), rate(None)
    ('0.130', '68.4', '41.4 k', '–')
    """
    return si(value) if value is None or value >= 0.9995 or value <= 0 else f"{value:#.3g}"


def count(value: int | None) -> str:
    """Return an exact count with thousands separators."""
    return NOTHING if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """Return a fraction as a percentage to three digits, two decimals at most.

    >>> percent(0.98765), percent(0.43), percent(0.0241), percent(1)
    ('98.8 %', '43.0 %', '2.41 %', '100 %')
    """
    if value is None:
        return NOTHING
    rounded = abs(float(f"{100 * value:.3g}"))
    return f"{100 * value:.{0 if rounded >= 100 else 1 if rounded >= 10 else 2}f} %"


def plain(text: object) -> str:
    """Return text from outside on one line, control characters escaped, long text shortened."""
    return shown(text)[1:-1]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    heading : str
    figures : bool
        Whether its cells are figures, right-aligned and never broken, or words.
    keep : bool
        Whether it stays on a terminal too narrow for all columns.
    """

    heading: str
    figures: bool = False
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text, drawn as one likes.

    Attributes
    ----------
    title : str
    columns : tuple of Column
    rows : tuple of tuples of str
        One cell per column.
    totals : tuple of str, optional
        A last row set apart.
    notes : tuple of str
        Lines below.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        kept, left_out = self._fitting(options.max_width)
        notes = self.notes
        if left_out:
            notes += (f"Left out for want of width: {', '.join(left_out)}.",)
        table = Table(
            title=Text(self.title) if self.title else None, title_justify="left", box=box.SIMPLE_HEAD,
            show_footer=self.totals is not None, pad_edge=False, padding=(0, 1, 0, 0),
        )  # fmt: skip
        for i in kept:
            column = self.columns[i]
            table.add_column(
                column.heading,
                footer=Text(self.totals[i]) if self.totals else "",
                justify="right" if column.figures else "left",
                no_wrap=self._width(i) <= _SHORT,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*(Text(row[i]) for i in kept))
        yield table
        for note in notes:
            yield Text(note)

    def _width(self, i: int) -> int:
        totals = () if self.totals is None else (self.totals[i],)
        return max(map(len, (self.columns[i].heading, *totals, *(row[i] for row in self.rows))))

    def _fitting(self, width: int) -> tuple[list[int], list[str]]:
        """Return the columns that fit ``width`` characters, the last to be spared going first, and those left out."""
        kept = list(range(len(self.columns)))
        left_out: list[str] = []
        needed = [
            min(self._width(i), _BROKEN if not column.figures else 1000) + 2 for i, column in enumerate(self.columns)
        ]
        for i in reversed(range(len(self.columns))):
            if not self.columns[i].keep and sum(needed[k] for k in kept) > width:
                kept.remove(i)
                left_out.insert(0, self.columns[i].heading)
        return kept, left_out

    def html(self) -> str:
        """Return an HTML table, everything escaped."""
        side = [self._html_style(i) for i in range(len(self.columns))]

        def line(cells: Sequence[str], tag: str) -> str:
            return (
                "<tr>" + "".join(f"<{tag}{s}>{escape(c)}</{tag}>" for c, s in zip(cells, side, strict=True)) + "</tr>"
            )

        body = "\n".join(line(row, "td") for row in self.rows)
        foot = f"\n<tfoot>{line(self.totals, 'th')}</tfoot>" if self.totals else ""
        notes = "".join(f'<p class="note">{escape(note)}</p>' for note in self.notes)
        head = line([c.heading for c in self.columns], "th")
        title = f"<caption>{escape(self.title)}</caption>\n" if self.title else ""
        return f"<table>\n{title}<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>{foot}\n</table>{notes}"

    def _html_style(self, index: int) -> str:
        """Return the style of a column: figures to the right; a column of long text is broken into lines."""
        if self.columns[index].figures:
            return ' style="text-align:right"'
        long = any(len(row[index]) > _LONG for row in self.rows)
        return ' style="text-align:left' + (f';white-space:normal;min-width:{_LONG // 2}em"' if long else '"')

    def markdown(self) -> str:
        """Return a GitHub-flavoured Markdown table."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cells) + " |"

        rule = "|" + "|".join("---:" if c.figures else "---" for c in self.columns) + "|"
        rows = [line([_markdown(c.heading) for c in self.columns]), rule]
        rows += [line([_markdown(cell) for cell in row]) for row in self.rows]
        if self.totals:
            rows.append(line([f"**{_markdown(cell)}**" if cell else "" for cell in self.totals]))
        notes = "".join(f"\n\n{_markdown(note)}" for note in self.notes)
        return (f"### {_markdown(self.title)}\n\n" if self.title else "") + "\n".join(rows) + notes + "\n"


def _markdown(text: str) -> str:
    for character in "\\|<>`*_[]":
        text = text.replace(character, "\\" + character)
    return text


def shape(dimensions: Sequence[int]) -> str:
    """Return ``3x224x224``."""
    return "x".join(map(str, dimensions))


def network_grid(network: Network) -> Grid:
    """Return the layers of a network: shapes, MACs, parameters."""
    rows: list[tuple[str, ...]] = []
    for node in network:
        shapes = network.shapes(node)
        rows.append(
            (
                plain(node.name),
                node.layer.op,
                ", ".join(map(shape, shapes)),
                ", ".join(shape(network.tensors[t].shape) for t in node.outputs),
                count(node.layer.macs(shapes)),
                count(node.layer.parameters),
            )
        )
    return Grid(
        title=f"{plain(network.name)}: {count(network.macs)} MACs, {count(network.parameters)} parameters",
        columns=(
            Column("layer"), Column("op"), Column("in", keep=False), Column("out"),
            Column("MACs", True), Column("parameters", True),
        ),
        rows=tuple(rows),
        totals=("total", "", "", "", count(network.macs), count(network.parameters)),
        notes=tuple(map(plain, network.notes)),
    )  # fmt: skip


def report_grid(report: Report) -> Grid:
    """Return the layers of a report: time, use, what binds, traffic, energy."""
    columns = (
        Column("layer"), Column("op"), Column("MACs", True), Column("time", True),
        Column("cycles", True, keep=False), Column("use", True), Column("bound"), Column("DRAM", True, keep=False),
        Column("energy", True),
    )  # fmt: skip

    def figures(one: Any, use: float | None) -> tuple[str, ...]:
        return (
            si(one.macs), si(one.seconds, "s"), count(one.cycles), percent(use),
            one.bound or NOTHING, si(one.dram_bytes, "B"), si(one.joules, "J"),
        )  # fmt: skip

    rows = tuple(
        (plain(layer.name), layer.op if layer.native else f"{layer.op} (host)", *figures(layer, layer.utilization))
        for layer in report.layers
    )
    clock = "" if report.clock_hz is None else f" at {si(report.clock_hz, 'Hz')}"
    node = "" if report.node_nm is None else f", {report.node_nm:g} nm"
    throughput = report.inferences_per_second
    what = "samples trained/s" if report.training else "inferences/s"
    return Grid(
        title=f"{plain(report.network)} on {plain(report.machine)}, batch {report.batch}: {si(report.seconds, 's')}"
        + ("" if throughput is None else f", {rate(throughput)} {what}")
        + ("" if report.joules is None else f", {si(report.joules, 'J')}"),
        columns=columns,
        rows=rows,
        totals=("total", "", *figures(report, report.utilization)),
        notes=(f"{report.precision}{clock}{node}, fidelity {report.fidelity}", *map(plain, report.notes)),
    )
