"""Plots as inline SVG: bars, a roofline, strips. Text is escaped; colours come from the page's style sheet.

A series is drawn in the CSS class ``s0``, ``s1``, ... so that one legend and one palette serve every plot of a page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from accel.display import si

WIDTH = 900
_LABEL = 190
_BAR = 14
_GAP = 12
_AXIS = 26
_TEXT_PIXELS = 7.2


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a grouped bar plot.

    Attributes
    ----------
    series : int
        Which colour.
    value : float or None
        Its length; ``None`` draws ``note`` in its place.
    note : str
        What the bar says on hovering, or what stands in its place.
    """

    series: int
    value: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Roof:
    """A machine's roofline: MACs per second at most, and bytes per second at most where known."""

    series: int
    peak: float
    bandwidth: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """A mark on a roofline plot: MACs per byte, MACs per second, what it says on hovering."""

    series: int
    intensity: float
    rate: float
    note: str


def grouped_bars(label: str, groups: Sequence[tuple[str, Sequence[Bar]]], unit: str) -> str:
    """Return horizontal bars on a logarithmic axis, in groups one below the other.

    Parameters
    ----------
    label : str
        What the plot shows, for readers who do not see it.
    groups : sequence of (heading, bars)
    unit : str
        Of the values.
    """
    values = [bar.value for _, bars in groups for bar in bars if bar.value]
    low, high = _decades(values)
    right = WIDTH - 80
    parts: list[str] = []
    y = float(_AXIS)
    for heading, bars in groups:
        parts.append(_text(_LABEL - 10, y + len(bars) * _BAR / 2 + 4, heading, "end"))
        for bar in bars:
            if not bar.value:
                parts.append(_text(_LABEL + 4, y + _BAR - 3, bar.note, css="faint"))
            else:
                x = _position(bar.value, low, high, _LABEL, right)
                mark = f'<rect x="{_LABEL}" y="{y + 1:.1f}" width="{max(x - _LABEL, 1):.1f}" height="{_BAR - 2}"'
                parts.append(f'{mark} class="s{bar.series}"><title>{escape(bar.note)}</title></rect>')
                parts.append(_text(x + 5, y + _BAR - 3, si(bar.value, unit), css="faint"))
            y += _BAR
        y += _GAP
    grid = _decade_lines(low, high, _LABEL, right, _AXIS - 4, y, unit)
    return _svg(label, y, [*grid, *parts])


def roofline(label: str, roofs: Sequence[Roof], points: Sequence[Point]) -> str:
    """Return a log-log plot of MACs per second over MACs per byte of main memory, roofs and points.

    A roof that would hide an earlier one is dashed.
    """
    height, left, right, top, bottom = 410, 80, WIDTH - 45, 16, 376
    rates = [p.rate for p in points] + [r.peak for r in roofs]
    x0, x1 = _decades([p.intensity for p in points])
    y0, y1 = _decades(rates)

    def at(intensity: float, rate: float) -> tuple[float, float]:
        return _position(intensity, x0, x1, left, right), _position(rate, y0, y1, bottom, top)

    parts = _decade_lines(x0, x1, left, right, top, bottom, "MAC/B", below=True)
    for decade in range(y0, y1 + 1):
        y = _position(10.0**decade, y0, y1, bottom, top)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(_text(left - 6, y + 4, _tick(decade, "MAC/s"), "end", "faint"))
    for index, roof in enumerate(roofs):
        corners = [(10.0**x0, roof.peak), (10.0**x1, roof.peak)]
        if roof.bandwidth:
            ridge = min(max(roof.peak / roof.bandwidth, 10.0**x0), 10.0**x1)
            start = max(10.0**x0, 10.0**y0 / roof.bandwidth)
            corners = [(start, min(roof.peak, roof.bandwidth * start)), (ridge, min(roof.peak, roof.bandwidth * ridge))]
            corners += [(10.0**x1, min(roof.peak, roof.bandwidth * 10.0**x1))]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*corner) for corner in corners))
        hides = any(roof.peak == other.peak or _same_bandwidth(roof, other) for other in roofs[:index])
        css = f"roof over s{roof.series}" if hides else f"roof s{roof.series}"
        parts.append(f'<polyline points="{path}" class="{css}"/>')
    for point in points:
        x, y = at(point.intensity, point.rate)
        note = f"<title>{escape(point.note)}</title>"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="s{point.series}">{note}</circle>')
    return _svg(label, height, parts)


def _same_bandwidth(one: Roof, other: Roof) -> bool:
    return bool(one.bandwidth and other.bandwidth) and math.isclose(one.bandwidth or 0, other.bandwidth or 0)


def strips(label: str, rows: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Return one strip per row, cut into pieces proportional to their values; pieces too thin to see are left out."""
    right = WIDTH - 20
    parts: list[str] = []
    y = 4.0
    for heading, bars in rows:
        parts.append(_text(_LABEL - 10, y + 15, heading, "end"))
        total = math.fsum(bar.value or 0.0 for bar in bars)
        x = float(_LABEL)
        for bar in bars:
            width = (right - _LABEL) * (bar.value or 0.0) / total if total else 0.0
            if width >= 0.2:
                mark = f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="20" class="s{bar.series} piece"'
                parts.append(f"{mark}><title>{escape(bar.note)}</title></rect>")
            x += width
        y += 28
    return _svg(label, y, parts)


def legend(names: Sequence[str]) -> str:
    """Return the names of the series beside their colours, as HTML."""
    items = (f'<span><i class="key s{i}"></i>{escape(name)}</span>' for i, name in enumerate(names))
    return f'<p class="legend">{" ".join(items)}</p>'


def _svg(label: str, height: float, parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height + 4:.0f}" role="img" aria-label="{escape(label)}"'
    return f'<div class="plot"><svg xmlns="http://www.w3.org/2000/svg" {box}>\n' + "\n".join(parts) + "\n</svg></div>"


def _text(x: float, y: float, text: str, anchor: str = "start", css: str = "label") -> str:
    limit = int((_LABEL - 20) / _TEXT_PIXELS) if anchor == "end" else 10_000
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{escape(shown)}</text>'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around ``values``, at least one decade apart."""
    usable = [v for v in values if v > 0 and math.isfinite(v)]
    if not usable:
        return 0, 1
    low = math.floor(math.log10(min(usable)) - 0.1)
    return low, max(low + 1, math.ceil(math.log10(max(usable)) + 0.01))


def _tick(decade: int, unit: str) -> str:
    """Return a power of ten without decimals, per byte without a prefix."""
    if unit == "MAC/B":
        return f"{10.0**decade:g} {unit}"
    number, _, rest = si(10.0**decade, unit).partition(" ")
    return f"{float(number):g} {rest}"


def _position(value: float, low: int, high: int, start: float, end: float) -> float:
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def _decade_lines(
    low: int, high: int, left: float, right: float, top: float, bottom: float, unit: str, *, below: bool = False
) -> list[str]:
    step = max(1, math.ceil((high - low) / 9))
    lines: list[str] = []
    for decade in range(low, high + 1, step):
        x = _position(10.0**decade, low, high, left, right)
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom:.1f}" class="grid"/>')
        lines.append(_text(x, bottom + 18 if below else top - 4, _tick(decade, unit), "middle", "faint"))
    return lines
