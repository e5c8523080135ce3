"""The one console that commands print to."""

from __future__ import annotations

import sys
from functools import cache

from rich.console import Console

_WIDE = 200


@cache
def console() -> Console:
    """Return the console on standard output: as wide as the terminal, and wide where there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)
