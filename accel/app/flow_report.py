"""The report of a flow: one page that a reader can check every figure of."""

from __future__ import annotations

from html import escape

from accel.app import html
from accel.app.build import BuildResult
from accel.app.flow import FlowResult
from accel.app.generate import Generated
from accel.app.manifest import StreamEntry
from accel.app.verify import VerifyResult
from accel.display import NOTHING, Column, Grid, count, plain, si

_FIGURE = True


def report_page(result: FlowResult) -> str:
    """Return the report of a flow as one self-contained page."""
    parts = [_summary(result)]
    if result.generated is not None:
        parts += _design(result.generated, result.built)
    if result.verified is not None:
        parts.append(_verification(result.verified))
    if result.built is not None:
        parts.append(_bitstream(result.built))
    if result.comparison is not None:
        parts += ["<h2>The network on every machine</h2>", html.comparison_body(result.comparison)]
    return html.page(f"accel: {plain(result.model)}", "\n".join(parts))


def _rows(title: str, rows: list[tuple[str, str]], notes: tuple[str, ...] = ()) -> str:
    """Return a two-column table under a heading."""
    grid = Grid("", (Column(""), Column("", _FIGURE)), tuple(rows), notes=notes)
    return f"<h2>{escape(title)}</h2>\n{grid.html()}"


def _summary(result: FlowResult) -> str:
    rows = [("model", plain(result.model))]
    if result.float_accuracy is not None:
        rows.append(("accuracy, float", str(result.float_accuracy)))
    if result.integer_accuracy is not None:
        rows.append(("accuracy, exact integers", str(result.integer_accuracy)))
    if result.verified is not None:
        rows.append(("Verilog against reference and model", "equal" if result.verified.passed else "DIFFERENT"))
    if result.built is not None:
        rows.append(("timing", "met" if result.built.met else "MISSED"))
    rows += [(f"seconds, {stage}", f"{seconds:.1f}") for stage, seconds in result.seconds.items()]
    return _rows("Summary", rows)


def _design(generated: Generated, built: BuildResult | None) -> list[str]:
    design = generated.manifest
    rows = [
        ("target", design.target),
        *(
            []
            if design.board is None
            else [("board", design.board.name), ("serial line", f"{design.board.baud:,} baud")]
        ),
        ("clock", si(design.clock_hz, "Hz")),
        ("interval", f"{design.interval_cycles:,} cycles, {si(design.interval_seconds, 's')}"),
        ("latency", f"{design.latency_cycles:,} cycles, {si(design.latency_seconds, 's')}"),
        ("rate", f"{si(1 / design.interval_seconds)} a second"),
        ("host", ", ".join(f"{plain(node.name)} ({node.op})" for node in design.host) or "nothing"),
        *((f"{name}, predicted", _beside(name, predicted, built)) for name, predicted in design.resources.items()),
    ]
    columns = (
        Column("kernel"), Column("layer"), Column("pe", _FIGURE), Column("simd", _FIGURE),
        Column("steps", _FIGURE), Column("latency", _FIGURE), Column("buffer, beats", _FIGURE),
        Column("multipliers", _FIGURE), Column("memory, bits", _FIGURE),
    )  # fmt: skip
    kernels = tuple(
        (
            kernel.instance, plain(", ".join(kernel.layers)) or NOTHING, _fold(kernel.fold, "pe"),
            _fold(kernel.fold, "simd"), count(kernel.steps), count(kernel.latency_cycles),
            ", ".join(map(str, kernel.buffer_beats)),
            ", ".join(f"{n} {use}" for use, n in kernel.multipliers.items()) or NOTHING, count(kernel.memory_bits),
        )
        for kernel in design.kernels
    )  # fmt: skip
    note = "Steps are of one tensor; the largest bounds the interval."
    return [
        _rows("Design", rows, generated.plan.notes),
        Grid("", columns, kernels, notes=(note,)).html(),
        "<h3>Streams</h3>",
        _streams((*design.inputs, *design.outputs)),
    ]


def _beside(name: str, predicted: int, built: BuildResult | None) -> str:
    used = "" if built is None or name not in built.used else f", {built.used[name]:,} used"
    return f"{predicted:,}{used}"


def _fold(fold: dict[str, int], axis: str) -> str:
    return str(fold[axis]) if axis in fold else NOTHING


def _streams(entries: tuple[StreamEntry, ...]) -> str:
    columns = (
        Column("port"), Column("tensor"), Column("shape"), Column("lanes", _FIGURE), Column("bits", _FIGURE),
        Column("beats", _FIGURE), Column("scale", _FIGURE), Column("zero point", _FIGURE),
    )  # fmt: skip
    rows = tuple(
        (
            entry.port, plain(entry.tensor), " x ".join(map(str, entry.shape)), str(entry.lanes),
            f"{entry.bits}{'s' if entry.signed else 'u'}", count(entry.beats), f"{entry.scale:.8g}",
            str(entry.zero_point),
        )
        for entry in entries
    )  # fmt: skip
    return Grid("", columns, rows).html()


def _verification(result: VerifyResult) -> str:
    rows = [
        ("tensors", f"{result.tensors:,}, {plain(result.source)}"),
        ("stalls", f"{result.stalls}, seed {result.seed}"),
        ("simulator", result.simulator),
        ("values compared", count(result.values)),
        ("mismatches", count(result.mismatches)),
        ("cycles predicted", count(result.predicted_cycles)),
        ("cycles counted", count(result.counted_cycles)),
        ("transfers compared", count(result.transfers)),
        ("transfers in another cycle", count(result.late)),
    ]
    if result.first is not None:
        rows.append(("first difference", plain(str(result.first))))
    return _rows("Verification of the emitted Verilog", rows)


def _bitstream(result: BuildResult) -> str:
    rows = [
        ("bitstream", plain(result.bitstream.name)),
        *((name, f"{used:,} of {result.available[name]:,}") for name, used in result.used.items()),
        ("Fmax", f"{result.fmax_mhz:.1f} MHz"),
        ("clock asked for", f"{result.clock_mhz:g} MHz"),
        ("slowest path", plain(result.critical)),
        *((f"tensors a second {limit}", f"{rate:,.1f}") for limit, rate in result.rates.items()),
        *((f"CPU seconds, {stage.replace('_', ' ')}", f"{seconds:.0f}") for stage, seconds in result.seconds.items()),
    ]
    return _rows("Bitstream", rows)
