"""The one console that commands print to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache

from rich.console import Console

_WIDE = 200


@cache
def console() -> Console:
    """Return the console on standard output: as wide as the terminal, and wide where there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)


@contextmanager
def stages() -> Generator[tuple[Callable[[str], None], Callable[[str, str], None]]]:
    """Yield two functions: one shows the stage under way, on a terminal; one prints a finished stage's line."""

    def tell(stage: str, line: str) -> None:
        console().print(f"{stage:<9} {line}", soft_wrap=True)

    errors = Console(stderr=True)
    if not errors.is_terminal:
        yield lambda stage: None, tell
        return
    from rich.text import Text

    with errors.status("") as status:
        yield lambda stage: status.update(Text(stage)), tell
