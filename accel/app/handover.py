"""The README.md of a design's folder: what a board engineer needs to put the core to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accel.app import axi, fusesoc, testbench
from accel.app.manifest import HostEntry, Manifest, StreamEntry
from accel.display import plain, si


def readme(design: Manifest) -> str:
    """Return the text of README.md for a design; names from the model are quoted as code and never break a line."""
    sections = [
        f"# {design.name}",
        f"A {design.target} core that computes `{inline(design.network)}`, made by accel {design.accel_version}. "
        "`manifest.json` states every figure below for programs.",
        "## Files",
        _files(design),
        "## Clock and reset",
        f"One clock, `clk`, built for {design.clock_hz / 1e6:g} MHz. `rst` is synchronous and active high; hold it for "
        "one cycle. After reset the core is empty and its inputs are ready." + _state(design),
        "## Streams",
        "Every stream is AXI4-Stream without TKEEP, its signals called `PORT_data`, `PORT_valid`, `PORT_ready` and "
        "`PORT_last`: a beat moves in a cycle in which valid and ready are high. Valid never waits for ready nor ready "
        "for valid; both come from registers. Tensors follow one another without gaps or commands, and last marks each "
        "one's last beat. A tensor travels pixel by pixel in (h, w, c) order, channels fastest; lane 0 is in the low "
        "bits of data; the last beat of a pixel is padded with zeros.",
        *(_stream(entry, "input") for entry in design.inputs),
        *(_stream(entry, "output") for entry in design.outputs),
        "## What the host does",
        _host(design.host),
        "## Speed",
        f"Predicted and, by `accel verify`, counted on this Verilog: a tensor takes {design.latency_cycles:,} cycles "
        f"({si(design.latency_seconds, 's')}) from its first beat in to its last beat out, and a new one is finished "
        f"every {design.interval_cycles:,} cycles ({si(design.interval_seconds, 's')}, "
        f"{1 / design.interval_seconds:,.0f} a second), when neither end makes the core wait.",
        "## The AXI wrapper",
        axi.section(design.files[design.core_file]),
        "## The byte shell",
        f"`{design.shell}` wraps `{design.top}` so that every stream is one byte wide with valid and ready: a beat's "
        "bytes follow one another, lowest first. Its few pins fit any package; where there is no board `accel build` "
        "takes it as the top.",
        *_board(design),
        "## The testbench",
        testbench.section(design.top),
        "## FuseSoC",
        fusesoc.section(design.name),
        "## Checking and building",
        "`accel verify .` simulates these very files and compares every value and every cycle; `accel build .` makes "
        "the bitstream. Both refuse files whose hash is not the one in the manifest.",
    ]
    return "\n\n".join(sections) + "\n"


def _state(design: Manifest) -> str:
    if design.state == "clear":
        return ""
    return (
        " Recurrent layers keep their states: a tensor goes on where the one before it ended; after a reset they begin "
        "anew."
    )


def _files(design: Manifest) -> str:
    what = dict(_WHAT)
    if design.board is not None:
        what[design.board.constraints] = "the pins of the board's top"
    rows = [
        f"- `{name}`: {what.get(name) or _KINDS[Path(name).suffix]}" for name in design.files if name != "README.md"
    ]
    return "\n".join(rows)


_KINDS = {".v": "Verilog", ".hex": "beats of tensors, for the testbench"}
_WHAT = {
    "plan.json": "folds, buffers and schedule of every kernel",
    "network.onnx": "the model",
    axi.HEADER: "the registers, for C",
    fusesoc.NAME: "the Verilog as a FuseSoC core",
}


def _board(design: Manifest) -> list[str]:
    """Return the section on the board that the design is made for, if it is made for one."""
    board = design.board
    if board is None:
        return []
    dividers = ", ".join(f"{name} {value}" for name, value in board.dividers.items())
    clock = f"`{board.pll}` ({dividers})" if dividers else f"`{board.pll}` passes it on"
    return [
        "## The board",
        f"`{board.top}` is the whole of the board {board.name}: the oscillator's {board.oscillator_hz / 1e6:g} MHz "
        f"become {design.clock_hz / 1e6:g} MHz in {clock}, and tensors come and go on a serial line of {board.baud:,} "
        "baud, 8 data bits, no parity, 1 stop bit. Program the bitstream of `accel build .`; `accel host . --port P "
        "--input X.npz` sends tensors and compares what comes back. The board knows itself as "
        f"`{board.identity}`; up to {board.window} tensors may be on their way.",
    ]


def _stream(entry: StreamEntry, direction: str) -> str:
    sign = "two's complement" if entry.signed else "unsigned"
    shape = " x ".join(str(n) for n in entry.shape)
    return (
        f"**`{entry.port}`**, {direction}, carries `{inline(entry.tensor)}` ({shape}). "
        f"Data: {entry.tdata_bits} bits, {entry.lanes} of {entry.lane_bits} a lane, {entry.bits}-bit {sign} integers. "
        f"Tensor: {entry.pixels:,} pixels of {entry.channels} channels, {entry.beats:,} beats. "
        f"real = (integer - {entry.zero_point}) x {entry.scale!r}."
    )


def _host(nodes: Sequence[HostEntry]) -> str:
    if not nodes:
        return "Nothing: the model's inputs and outputs are the core's integers."
    return "These nodes of the model are not in the core:\n\n" + "\n".join(
        f"- `{inline(node.name)}` ({node.op})" for node in nodes
    )


def inline(name: str) -> str:
    """Return a model's name fit for a code span."""
    return plain(name).replace("`", "?")
