"""Models that must be refused, each with a piece of the line that refuses it."""

from __future__ import annotations

from benchmarks.import_samples.refused import files, graphs, layers
from benchmarks.import_samples.refused.case import Case

__all__ = ["Case", "cases"]


def cases() -> list[Case]:
    """Return every case."""
    return [*files.cases(), *graphs.cases(), *layers.cases()]
