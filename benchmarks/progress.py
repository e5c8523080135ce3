"""What benchmarks of many designs share: a folder for each, and how far they are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

_Subject = TypeVar("_Subject")
_Row = TypeVar("_Row")


def rows(chosen: Sequence[_Subject], measure: Callable[[_Subject, Path], _Row]) -> Iterator[_Row]:
    """Yield what ``measure`` makes of every design in an empty folder, and show on a terminal how far it is."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("designs", total=len(chosen))
        for subject in chosen:
            progress.update(task, description=str(subject))
            with tempfile.TemporaryDirectory() as folder:
                yield measure(subject, Path(folder))
            progress.advance(task)
