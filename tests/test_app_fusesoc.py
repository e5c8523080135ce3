"""The FuseSoC core file: FuseSoC reads it, edalize configures every target, and the simulation passes."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from accel import targets
from accel.app import fusesoc, generate
from accel.app.bitstream import supported
from hdl.bench.simulators import verilator_environment

TARGETS = {
    "default": set(),
    "lint": {".vc"},
    "sim": {".scr"},
    "sim_verilator": {".vc"},
    "synth": {".tcl"},
}
"""And what edalize leaves for the tool: of kinds of files, one each."""


@pytest.fixture(scope="module")
def design(tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("designs") / "tiny"
    return generate.generate(tiny_model, target="ecp5-25f", budget="multipliers=6", out=out)


def run(design, folder, target, *stages, environment=None):
    """Have FuseSoC take a design's core file through ``stages`` of a target in ``folder``."""
    own = dict(os.environ if environment is None else environment)
    own |= {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(design.folder), "run", "--target", target]
    command += ["--work-root", str(folder / "work"), *stages, fusesoc.vlnv(design.manifest.name)]
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "default"])
def test_edalize_configures_every_target(design, tmp_path, target):
    assert "WARNING" not in run(design, tmp_path, target, "--setup")
    work = tmp_path / "work"
    (edam,) = (yaml.safe_load(path.read_text()) for path in work.glob("*.eda.yml"))
    assert edam["toplevel"] == ("accel_tb" if target.startswith("sim") else "accel_axi")
    names = {os.path.basename(file["name"]) for file in edam["files"]}
    assert {"accel_core.v", "accel_axi.v", "accel_shell.v"} <= names
    assert ("accel_tb.v" in names) == target.startswith("sim")
    assert (work / "accel_tb_s.hex").is_file() == target.startswith("sim")
    for suffix in TARGETS[target]:
        assert any(suffix == path.suffix for path in work.iterdir())


def test_the_file_names_every_target_and_only_files_that_are_there(design):
    core = yaml.safe_load((design.folder / "accel.core").read_text().removeprefix("CAPI=2:\n"))
    assert core["targets"].keys() == TARGETS.keys()
    listed = [file for fileset in core["filesets"].values() for file in fileset["files"]]
    names = {next(iter(file)) if isinstance(file, dict) else file for file in listed}
    assert names == {name for name in design.manifest.files if name.startswith("accel_")}


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_the_testbench_passes_through_fusesoc_in_icarus(design, tmp_path):
    assert re.search("PASS: 3 tensors, .* as predicted", run(design, tmp_path, "sim"))


@pytest.mark.cocotb
@pytest.mark.slow
def test_the_testbench_passes_through_fusesoc_in_verilator(design, tmp_path):
    environment, _ = verilator_environment()
    environment["MAKEFLAGS"] += " OPT_FAST=-O0"
    assert re.search(
        "PASS: 3 tensors, .* as predicted", run(design, tmp_path, "sim_verilator", environment=environment)
    )


def test_every_family_of_parts_has_its_synthesis():
    for part in targets.registry().values():
        core = yaml.safe_load(fusesoc.core_file("x", part.family, ("a",), ("b.hex",)).removeprefix("CAPI=2:\n"))
        assert core["targets"]["synth"]["flow_options"]["arch"] in ("ecp5", "ice40", "xilinx", "gowin")
    assert {part.family for part in targets.registry().values()} >= set(supported())
