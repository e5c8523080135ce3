"""The plain-Verilog testbench: its noise, and kernels of several ports under it."""

import shutil
import subprocess

import numpy as np
import pytest

from accel import stepper
from hdl.bench import Port
from hdl.bench.cases import cases
from hdl.bench.simulators import run_tool, verilator_environment
from hdl.bench.testbench import hexadecimal, noise, verilog
from hdl.top import Top
from hdl.verilog import emit

TENSORS = 3


def test_noise_passes_through_every_state_and_agents_are_far_apart():
    sources, sinks = noise(4, 2)
    assert (len(sources), len(sinks)) == (4, 2)
    patterns = [*sources, *sinks]
    assert [len(pattern) for pattern in patterns] == [8191] * 6
    assert {int(pattern.sum()) for pattern in patterns} == {4096}
    windows = [{tuple(pattern[i : i + 13]) for i in range(1000)} for pattern in patterns]
    assert len(set.union(*windows)) == 6 * 1000


def written(folder, kind):
    case = max(cases(kind, TENSORS), key=lambda case: case.inputs[0].size)
    top = Top([case.spec], case.links)
    inputs, outputs = ([(Port(*port), f"{port[0]}.hex") for port in ports] for ports in (top.inputs, top.outputs))
    for ports, arrays in ((inputs, case.inputs), (outputs, case.outputs)):
        for (port, file), beats in zip(ports, arrays, strict=True):
            (folder / file).write_text(hexadecimal(beats, port))
    sources, sinks = noise(len(inputs), len(outputs))
    run = stepper.step(case.graph, TENSORS, source_stalls=sources, sink_stalls=sinks)
    (folder / "tb.v").write_text(verilog("tb", "core", inputs, outputs, tensors=TENSORS, cycles=run.cycles))
    (folder / "core.v").write_text(emit(top, "core"))
    return sum(np.size(beats) for beats in case.outputs), run.cycles


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("kind", ["add", "fork", "conv2d"])
def test_a_kernel_passes_in_icarus(tmp_path, kind):
    values, cycles = written(tmp_path, kind)
    subprocess.run(["iverilog", "-g2012", "-Wall", "-s", "tb", "-o", "tb", "tb.v", "core.v"], cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "-n", "tb"], cwd=tmp_path, capture_output=True, text=True, check=True)
    verdict = f"PASS: {TENSORS} tensors, {values} values, 0 mismatches, {cycles} cycles, as predicted"
    assert done.stdout.splitlines()[0] == verdict


@pytest.mark.cocotb
def test_a_kernel_of_two_inputs_passes_in_verilator(tmp_path):
    values, cycles = written(tmp_path, "add")
    environment, executable = verilator_environment()
    options = ["--binary", "--timing", "-Wno-fatal", "--top-module", "tb", "--Mdir", ".", "-o", "tb"]
    run_tool([str(executable), *options, "tb.v", "core.v"], tmp_path, environment)
    done = subprocess.run([tmp_path / "tb"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"{values} values, 0 mismatches, {cycles} cycles, as predicted" in done.stdout
