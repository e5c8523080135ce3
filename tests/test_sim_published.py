"""Every published figure, one test each: gated ones hold, the others are only printed by `accel validate`."""

import pytest

import sim
from accel.errors import InputError
from sim.validation import published

FIGURES = [(stem, i) for stem, file in published().items() for i in range(len(file.figure))]


@pytest.fixture(scope="module")
def rows():
    return {(row.machine, row.figure.name): row for row in sim.validate()}


@pytest.mark.paper
@pytest.mark.parametrize(("stem", "i"), FIGURES, ids=[f"{s}-{published()[s].figure[i].name}" for s, i in FIGURES])
def test_published_figure_is_reproduced(rows, stem, i):
    file = published()[stem]
    row = rows[file.machine, file.figure[i].name]
    assert not row.failed, f"{row.figure.name}: {row.figure.value} {row.figure.unit} published, ours {row.ours}"


def test_names_are_unique_and_a_tolerance_is_explained(rows):
    assert len(rows) == len(FIGURES)
    for file in published().values():
        for figure in file.figure:
            assert figure.why or (figure.tolerance == 0 and figure.gated), figure.name


def test_unknown_machine_is_named():
    with pytest.raises(InputError, match="'fpga-tilde'; did you mean 'fpga-tiled'"):
        sim.validate("fpga-tilde")
