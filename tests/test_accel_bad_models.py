"""Hostile and malformed models: each refused in one line that names what is wrong."""

import numpy as np
import pytest

from accel.app.cli import main
from accel.errors import AccelError
from accel.onnx_import import load
from benchmarks.import_samples.refused import Case, cases

CASES = cases()


def test_the_corpus_is_large_and_its_names_differ():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_model_is_refused_in_one_line(case: Case, tmp_path):
    with pytest.raises(AccelError) as refusal:
        load(case.write(tmp_path))
    message = str(refusal.value)
    assert case.fragment in message
    assert message.isprintable()
    assert len(message) < 700
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_command_line_exits_with_two(case: Case, tmp_path, capsys):
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 1, 10, 10), np.float32))
    arguments = ["run", str(case.write(tmp_path)), "--input", str(tmp_path / "x.npz"), "-o", str(tmp_path / "y.npz")]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("accel: error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "y.npz").exists()
