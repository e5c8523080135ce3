"""Boards, one a file that exports ``BOARD``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from accel.errors import InputError, did_you_mean, shown
from hdl.boards.base import Board

__all__ = ["Board", "get", "registry"]


@cache
def registry() -> dict[str, Board]:
    """Return every board by name, discovered from the files of this package."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    found = [board for m in modules if isinstance(board := getattr(m, "BOARD", None), Board)]
    return {board.name: board for board in sorted(found, key=lambda b: b.name)}


def get(name: str) -> Board:
    """Return a board by its name.

    Raises
    ------
    InputError
        If there is no such board.
    """
    boards = registry()
    if name not in boards:
        raise InputError(f"no board is called {shown(name)}{did_you_mean(name, sorted(boards))}")
    return boards[name]
