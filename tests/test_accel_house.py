"""The layering of the house, checked as part of the test run."""

import subprocess
import sys
from pathlib import Path

import hdl
import sim

ROOT = Path(__file__).parents[1]


def test_layers_import_only_what_stands_below_them():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_ours():
    for package in (sim, hdl):
        assert Path(package.__file__).parents[1] == ROOT
