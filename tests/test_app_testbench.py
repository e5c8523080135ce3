"""The testbench in a design's folder, run by the README's own command lines, and what makes it fail."""

import os
import re
import shutil
import subprocess

import pytest

from accel.app import generate, testbench
from hdl.bench.power_up import without_initial_values
from hdl.bench.simulators import verilator_environment

icarus = pytest.param(
    "iverilog",
    marks=pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed"),
)
verilator = pytest.param("verilator", marks=pytest.mark.cocotb)


@pytest.fixture(scope="module")
def design(tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("designs") / "tiny"
    return generate.generate(tiny_model, target="ecp5-25f", budget="multipliers=6", out=out).folder


@pytest.fixture
def copy(design, tmp_path):
    return shutil.copytree(design, tmp_path / "tiny")


def run(folder, simulator):
    """Type what the README says into a shell."""
    (line,) = re.findall(rf"^{simulator} .*$", (folder / "README.md").read_text(), re.MULTILINE)
    environment = dict(os.environ)
    if simulator == "verilator":
        environment, _ = verilator_environment()
        environment["MAKEFLAGS"] += " OPT_FAST=-O0"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def edit(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)


@pytest.mark.parametrize("simulator", [icarus, verilator])
def test_a_design_passes_and_may_be_replaced_with_what_that_left(copy, tiny_model, simulator):
    done = run(copy, simulator)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^PASS: 3 tensors, 15 values, 0 mismatches, \d+ cycles, as predicted$", done.stdout, re.MULTILINE)
    generate.generate(tiny_model, target="ecp5-25f", budget="multipliers=6", out=copy)


def _another_digit(found):
    return found[1] + format(int(found[2], 16) ^ 8, "x")


FAULTS = {
    "a weight": (
        "accel_core.v",
        r"(?s)(module \\accel_core\.k0_conv2d\.weights.*?\[1\] = \d+'h)([0-9a-f])",
        _another_digit,
    ),
    "an expected value": (testbench.vectors("m"), r"^()([0-9a-f])", _another_digit),
    "an input": (testbench.vectors("s"), r"^()([0-9a-f])", _another_digit),
    "last": ("accel_core.v", r"assign m_last = ([^;]*);", r"assign m_last = !(\1);"),
    "a cycle": ("accel_tb.v", r"CYCLES = (\d+)", r"CYCLES = 1 + \1"),
    "no output": ("accel_core.v", r"_valid\(m_valid\)", "_valid()"),
}
SAID = {
    "last": "m, tensor 0, beat 0: last is 1",
    "a cycle": " 0 mismatches, ",
    "no output": "tensors are missing",
}


@pytest.mark.parametrize(
    ("simulator", "fault"),
    [pytest.param("iverilog", fault, marks=icarus.marks) for fault in FAULTS]
    + [pytest.param("verilator", "a weight", marks=verilator.marks)],
)
def test_a_planted_fault_makes_it_fail(copy, simulator, fault):
    file, pattern, replacement = FAULTS[fault]
    edit(copy / file, pattern, replacement)
    done = run(copy, simulator)
    assert done.returncode != 0
    assert "PASS" not in done.stdout + done.stderr
    assert "FAIL: " in done.stdout + done.stderr
    assert SAID.get(fault, "expected ") in done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus, which knows unknowns, is not installed")
def test_a_core_that_is_unknown_before_reset_passes_and_one_that_stays_so_fails(copy):
    core = copy / "accel_core.v"
    core.write_text(without_initial_values(core.read_text()))
    done = run(copy, "iverilog")
    assert done.returncode == 0, done.stderr
    assert "PASS: " in done.stdout
    edit(core, r"\(rst\) m_beat ", "(1'b0) m_beat ")
    done = run(copy, "iverilog")
    assert done.returncode != 0
    assert "m, tensor 0, beat 0: last is x" in done.stdout


def test_vectors_of_large_tensors_stay_small(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(testbench, "LIMIT_BYTES", 200)
    made = generate.generate(tiny_model, target="ecp5-25f", budget="multipliers=6", out=tmp_path / "tiny")
    lines = (made.folder / testbench.vectors("s")).read_text().splitlines()
    assert len(lines) == made.manifest.inputs[0].beats
    assert len(set(lines)) > 1, "the one tensor that is left must be one at random"
    assert "localparam TENSORS = 1," in (made.folder / "accel_tb.v").read_text()
