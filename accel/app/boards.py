"""``accel boards``: the boards there are, as tables and as JSON."""

from __future__ import annotations

import json

from accel import targets
from accel.display import Column, Grid, count
from hdl import boards, uart
from hdl.boards import Board

_NUMBER = True


def table() -> Grid:
    """Return every board with its part and its clocks."""
    rows = tuple(
        (
            board.name, board.title, board.target, f"{board.oscillator_hz / 1e6:g}", f"{board.clock_hz / 1e6:g}",
            f"{uart.baud(board.clock_hz):,}",
        )
        for board in boards.registry().values()
    )  # fmt: skip
    columns = (
        Column("board"), Column("what it is"), Column("target"), Column("oscillator, MHz", _NUMBER),
        Column("clock, MHz", _NUMBER), Column("baud", _NUMBER),
    )  # fmt: skip
    return Grid("", columns, rows, notes=("The clock is what is aimed at by default.",))


def one(name: str) -> Grid:
    """Return what there is to know of a board, its constraints file among it."""
    board = boards.get(name)
    rows = tuple((key, _shown(value)) for key, value in _facts(board).items())
    rows += tuple(("constraints", line) for line in board.constraints.splitlines())
    return Grid(board.name, (Column("figure"), Column("value")), rows, notes=(f"Source: {board.source}",))


def as_json(name: str | None) -> str:
    """Return one board, or all of them, as JSON."""
    chosen = boards.registry().values() if name is None else [boards.get(name)]
    found = [_facts(board) | {"constraints": board.constraints, "source": board.source} for board in chosen]
    return json.dumps(found if name is None else found[0], indent=2)


def _facts(board: Board) -> dict[str, str | int | float | dict[str, int]]:
    setting = board.clock()
    return {
        "name": board.name,
        "title": board.title,
        "target": board.target,
        "part": targets.get(board.target).part,
        "oscillator_hz": board.oscillator_hz,
        "clock_hz": float(setting.hz),
        "pll": setting.dividers,
        "baud": uart.baud(float(setting.hz)),
        "link_memory_bits": board.memory_bits,
    }


def _shown(value: str | float | dict[str, int]) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {divider}" for name, divider in value.items())
    if isinstance(value, int):
        return count(value)
    return f"{value:,.0f}" if isinstance(value, float) else value
