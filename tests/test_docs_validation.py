"""docs/validation.md shows what `accel validate` says now."""

from pathlib import Path

import pytest

import sim
from accel.app import catalogue

DOCUMENT = Path(__file__).parents[1] / "docs" / "validation.md"


@pytest.mark.paper
def test_the_table_is_current():
    _, _, table = DOCUMENT.read_text(encoding="utf-8").partition("<!-- accel validate --md -->\n")
    assert table.strip() == catalogue.validation(sim.validate()).markdown().strip(), (
        "write it again: accel validate --md, below the mark"
    )


def test_every_machine_is_spoken_of():
    text, _, _ = DOCUMENT.read_text(encoding="utf-8").partition("## Every figure")
    for name in sim.machines():
        assert f"**{name}**" in text, name
