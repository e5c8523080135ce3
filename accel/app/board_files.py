"""What a board adds to a design's folder: its top, its PLL, its constraints, and their entry in the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from accel import link, targets
from accel.app import bitstream, files, manifest
from accel.app.folders import sha256
from accel.app.manifest import BoardEntry, Manifest
from hdl import pll, uart, verilog
from hdl.board_top import BoardTop
from hdl.boards import Board
from hdl.host_buffers import lanes
from hdl.pll import Setting
from hdl.top import Top

TOP = "accel_board"
"""The Verilog module of a board's top."""
_BITS_PER_BYTE = 10
"""On the line: a start bit and a stop bit go with eight of data."""


def write(folder: Path, board: Board, setting: Setting, core: Top, core_name: str) -> BoardEntry:
    """Write a board's files beside those of a design and return what the manifest says of them.

    Parameters
    ----------
    folder : Path
        Holds the model, the plan and the core.
    board : Board
    setting : Setting
        Of the PLL.
    core : Top
    core_name : str
        Module name of the core.

    Raises
    ------
    CapacityError
        If a tensor is too large for the host link's buffers.
    """
    constraints = f"{TOP}{bitstream.family(targets.get(board.target).family).constraints_suffix}"
    files.write(folder / constraints, board.constraints)
    files.write(folder / f"{pll.MODULE}.v", board.pll.verilog(board.oscillator_hz, setting))
    baud = uart.baud(float(setting.hz))
    parts = (manifest.MODEL, manifest.PLAN, f"{core_name}.v", f"{pll.MODULE}.v", constraints)
    identity = _identity([folder / name for name in parts], baud)
    inputs = lanes(core.inputs, board.memory_bits // 2, twice=True)
    outputs = lanes(core.outputs, board.memory_bits // 2, twice=False)
    top = BoardTop(board, core_name, inputs, outputs, uart.divisor(float(setting.hz), baud), identity)
    files.write(folder / f"{TOP}.v", verilog.emit(top, TOP))
    return BoardEntry(
        name=board.name,
        top=TOP,
        pll=pll.MODULE,
        constraints=constraints,
        oscillator_hz=board.oscillator_hz,
        dividers=setting.dividers,
        baud=baud,
        window=min(lane.depth // lane.beats for lane in inputs),
        identity=identity.hex(),
    )


def link_rate(design: Manifest) -> float | None:
    """Return the tensors a second that fit through a board's line, at most; ``None`` without a board.

    Both directions of the line run at once where the board has room for a second tensor while it works on the first.
    Escapes are not counted: where a 64th of the bytes must be escaped the rate is a 64th less.
    """
    if design.board is None:
        return None

    def seconds(entries: tuple[manifest.StreamEntry, ...], header: int) -> float:
        sizes = [(entry.tdata_bits // 8, entry.beats) for entry in entries]
        count = sum(link.wire_bytes(size * beats, size, header) for size, beats in sizes)
        return count * _BITS_PER_BYTE / design.board.baud if design.board else 0.0

    there, back = seconds(design.inputs, link.DATA_HEADER), seconds(design.outputs, link.RESULT_HEADER)
    if design.board.window > 1:
        return 1 / max(there, back, design.interval_seconds)
    return 1 / (there + design.latency_seconds + back)


def _identity(parts: Sequence[Path], baud: int) -> bytes:
    """Return what tells a design from every other: the first bytes of a hash over its files and its line."""
    digest = hashlib.sha256(f"baud {baud}\n".encode())
    for path in parts:
        digest.update(f"{path.name} {sha256(path)}\n".encode())
    return digest.digest()[: link.IDENTITY_BYTES]
