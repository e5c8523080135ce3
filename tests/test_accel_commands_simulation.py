import json
from pathlib import Path

import pytest

from accel.app import catalogue, cli
from accel.report import Report


@pytest.fixture
def run(capsys):
    """Return a function that runs a command line and returns its exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        return (caught.value.code, *capsys.readouterr())

    return run


def test_networks_lists_the_zoo(run):
    code, out, _ = run("networks")
    assert code == 0
    assert "resnet152" in out
    assert "11,513,626,624" in out


def test_the_table_in_the_documentation_is_current():
    document = (Path(__file__).parents[1] / "docs" / "networks.md").read_text(encoding="utf-8")
    assert document == catalogue.networks(sources=True).markdown(), (
        "write it again: accel networks --md docs/networks.md"
    )


def test_networks_shows_one(run):
    code, out, _ = run("networks", "LeNet-5")
    assert code == 0
    assert "416,520" in out
    assert "6x28x28" in out


def test_machines_lists_and_shows(run):
    code, out, _ = run("machines")
    assert code == 0
    assert "fpga-tiled" in out
    code, out, _ = run("machines", "fpga-tiled")
    assert code == 0
    assert "bandwidth_gbs" in out
    assert "GB/s" in out


def test_a_machine_printed_as_toml_is_a_machine(run, tmp_path):
    _, text, _ = run("machines", "fpga-tiled", "--toml")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("tn = 7", "tn = 4"))
    code, out, _ = run("simulate", "lenet5", "--machine", str(path), "--json", "-")
    assert code == 0
    report = Report.from_json(out)
    assert report.machine == "mine"
    assert report.parameters["tn"] == 4


def test_simulate_prints_layers(run):
    code, out, _ = run("simulate", "lenet5", "--machine", "fpga-tiled", "--set", "tm=32", "--batch", "2")
    assert code == 0
    assert "lenet5 on fpga-tiled, batch 2" in out
    assert "c1" in out


def test_simulate_writes_json(run, tmp_path):
    path = tmp_path / "report.json"
    code, out, _ = run("simulate", "lenet5", "--machine", "fpga-tiled", "--set", "tm=32", "--json", str(path))
    assert code == 0
    assert "c1" in out
    assert Report.from_json(path.read_text()).parameters["tm"] == 32


def test_compare_writes_every_format(run, tmp_path):
    paths = {form: tmp_path / f"out.{form}" for form in ("html", "md", "csv", "json")}
    options = [part for form, path in paths.items() for part in (f"--{form}", str(path))]
    code, out, _ = run("compare", "lenet5", "lstm", "--machines", "fpga-tiled", "--batch", "1,16", *options)
    assert code == 0
    assert "lenet5" in out
    assert len(json.loads(paths["json"].read_text())) == 4
    assert all(path.stat().st_size > 100 for path in paths.values())


def test_dash_prints_nothing_else(run):
    code, out, _ = run("compare", "lenet5", "--machines", "fpga-tiled", "--json", "-")
    assert code == 0
    assert len(json.loads(out)) == 1


def test_validate_holds_the_machines_and_writes_markdown(run, tmp_path):
    path = tmp_path / "validation.md"
    code, out, _ = run("validate", "--machine", "fpga-tiled", "--md", str(path))
    assert code == 0
    assert "1,008,246" in out
    assert path.read_text().startswith("| machine |")


def test_validate_exits_1_when_a_gated_figure_misses(run, monkeypatch):
    from sim import validation

    rows = validation.validate("fpga-tiled")
    broken = [r for r in rows if r.figure.gated][:1]
    object.__setattr__(broken[0], "passed", False)
    monkeypatch.setattr(validation, "validate", lambda machine: broken)
    code, out, err = run("validate")
    assert code == 1
    assert "MISSED" in out
    assert err.count("\n") == 1
    assert broken[0].figure.name in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["networks", "lenet6"], "did you mean 'lenet5'"),
        (["machines", "fpga"], "fpga-tiled"),
        (["machines", "--toml"], "--toml"),
        (["simulate", "lenet5", "--machine", "fpga-tile"], "did you mean 'fpga-tiled'"),
        (["simulate", "lenet5", "--machine", "fpga-tiled", "--set", "tmm=3"], "did you mean 'tm'"),
        (["simulate", "lenet5", "--machine", "fpga-tiled", "--batch", "0"], "batch"),
        (["simulate", "lenet5", "--machine", "fpga-tiled", "--fidelity", "exact"], "closed"),
        (["simulate", "no.onnx", "--machine", "fpga-tiled"], "no.onnx"),
        (["simulate", "lenet5"], "--machine"),
        (["simulate", "lenet5", "--machine", "fpga-tiled", "--json", "missing/r.json"], "missing/r.json"),
        (["compare", "lenet5", "--batch", "1,x"], "'1,x'"),
        (["compare", "lenet5", "--html", "."], "folder"),
        (["compare"], "NETWORK"),
        (["validate", "--machine", "fpga"], "fpga"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(run, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.startswith("accel: error: ")
    assert err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_a_training_step_is_simulated_and_compared(run):
    code, out, _ = run("simulate", "lenet5", "-m", "cpu", "--training", "--json", "-")
    report = json.loads(out)
    assert (code, report["training"]) == (0, True)
    assert [layer["name"] for layer in report["layers"]][-2:] == ["c1: weight gradient", "c1: update"]
    code, out, _ = run("compare", "lenet5", "--machines", "cpu,dataflow", "--training")
    assert code == 0
    assert "unsupported: training" in out
    assert "Every figure is of one training step" in out
    code, _, err = run("simulate", "lenet5", "-m", "dataflow", "--training")
    assert (code, err) == (2, "accel: error: dataflow is for inference: it does not do training steps\n")
