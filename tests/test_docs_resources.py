"""docs/resources.md shows what plans predict now; what synthesis says is the benchmark's to measure."""

import re
from pathlib import Path

from benchmarks.resource_designs import subjects
from benchmarks.resources import NAMES

EVERY = 4
"""Of the designs only one in so many is planned: all take a minute."""
DOCUMENT = Path(__file__).parents[1] / "docs" / "resources.md"


def test_predictions_are_current():
    rows = re.findall(r"^\| (.+? on \S+) \| (.+?) \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {(design, wish): [cell.split(" / ")[0] for cell in cells.split(" | ")] for design, wish, cells in rows}
    predicted = {
        (f"{s.name} on {s.target}", s.wish): [f"{s.plan(s.network()).resources[name]:,}" for name in NAMES]
        for s in list(subjects())[::EVERY]
    }
    assert len(shown) == len(list(subjects()))
    current = {row: shown.get(row) for row in predicted}
    assert current == predicted, "measure those designs again: python -m benchmarks.resources --only DESIGN --md"
