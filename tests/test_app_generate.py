import json
import re
from dataclasses import replace

import pytest

import accel
from accel import shipped
from accel.app import cli, generate, manifest
from accel.errors import AccelError, CapacityError, InputError
from accel.plan.folds import PartialFold

DESIGN_FILES = {
    "network.onnx",
    "plan.json",
    "accel_core.v",
    "accel_shell.v",
    "accel_axi.v",
    "accel_axi.h",
    "accel.core",
    "accel_tb.v",
    "accel_tb_s.hex",
    "accel_tb_m.hex",
    "manifest.json",
    "README.md",
}


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("designs") / "mlp"
    return generate.generate("mlp", target="ecp5-25f", budget="multipliers=4", out=out)


def test_the_folder_holds_the_model_the_plan_the_verilog_and_a_manifest_of_all(made):
    assert {entry.name for entry in made.folder.iterdir()} == DESIGN_FILES
    described = manifest.read(made.folder)
    assert described == made.manifest
    assert described.files.keys() == DESIGN_FILES - {"manifest.json"}
    assert (made.folder / "network.onnx").read_bytes() == shipped.path("mlp_qdq").read_bytes()
    assert made.plan.from_json((made.folder / "plan.json").read_text()) == made.plan


def test_the_manifest_states_streams_kernels_and_host_by_the_model_s_own_names(made):
    described = made.manifest
    network = accel.load(shipped.path("mlp_qdq"))
    (given,), (wanted,) = described.inputs, described.outputs
    assert (given.pixels * given.channels, wanted.channels) == (64, 10)
    for stream in (given, wanted):
        tensor = network.tensors[stream.tensor]
        assert (stream.scale, stream.zero_point) == (tensor.quantization.scale, tensor.quantization.zero_point)
        assert described.names[stream.port] == stream.tensor
    nodes = {node.name: node.layer.op for node in network}
    assert {host.name: host.op for host in described.host}.items() <= nodes.items()
    assert {op for op in nodes.values() if op == "Dense"} == {nodes[k.layers[0]] for k in described.kernels}
    assert sum(kernel.multipliers["mac"] for kernel in described.kernels) <= 4
    assert described.interval_cycles >= max(kernel.steps for kernel in described.kernels)
    assert described.interval_seconds == pytest.approx(described.interval_cycles / described.clock_hz, rel=1e-3)


def test_equal_designs_have_equal_bytes_and_replace_one_another(made, tmp_path):
    for _ in range(2):
        again = generate.generate("mlp", target="ecp5-25f", budget="multipliers=4", out=tmp_path / "again")
        assert again.manifest.files == made.manifest.files
    assert [entry.name for entry in tmp_path.iterdir()] == ["again"]


def test_no_name_of_the_model_reaches_the_verilog(made):
    verilog = "".join(path.read_text() for path in made.folder.glob("*.v"))
    for node in accel.load(shipped.path("mlp_qdq")):
        assert not re.search(rf"\b{node.name}\b", verilog)


def test_the_command_prints_one_line_and_folds_by_hand(tmp_path, capsys):
    out = tmp_path / "out"
    layer = accel.load(shipped.path("mlp_qdq")).nodes[1].name
    assert (
        run_cli("generate", "mlp", "--target", "ecp5", "--fold", f"{layer}.pe=2", "-o", out, "--clock-mhz", "50") == 0
    )
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "3 kernels for ecp5-85f at 50 MHz" in line
    assert manifest.read(out).kernels[0].fold["pe"] == 2


def test_products_share_dsp_blocks_unless_the_command_says_no(tmp_path):
    used = {}
    for option in ("--pack", "--no-pack"):
        out = tmp_path / option
        assert run_cli("generate", "mlp", "--target", "xc7a35t", "--budget", "dsp=5", option, "-o", out) == 0
        described = manifest.read(out)
        used[option] = set().union(*(kernel.multipliers for kernel in described.kernels)), described.interval_cycles
    assert "packed mac" in used["--pack"][0] - used["--no-pack"][0]
    assert used["--pack"][1] < used["--no-pack"][1]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"target": "ecp6"}, InputError, "no target is called 'ecp6'; did you mean 'ecp5'"),
        ({"target": "up5k", "budget": "multipliers=0"}, InputError, "budget multipliers must be positive"),
        ({"target": "up5k", "budget": "gold=1"}, InputError, "no budget is called 'gold'"),
        ({"target": "up5k", "folds": ["nowhere.pe=1"]}, InputError, "no kernel computes a layer called 'nowhere'"),
        ({"target": "up5k", "fps": 1e9}, CapacityError, "are more than the 24,000,000 cycles"),
        ({"target": "up5k", "fps": float("nan")}, InputError, "positive and finite"),
        ({"target": "up5k", "fps": 1e6}, CapacityError, "at most [0-9,.]+ frames a second fit"),
        ({"target": "up5k", "clock_mhz": -1}, InputError, "clock"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(tmp_path, options, kind, message):
    with pytest.raises(kind, match=message) as caught:
        generate.generate("mlp", out=tmp_path / "out", **options)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_in_it_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds 'thesis\.tex'"):
        generate.generate("mlp", target="up5k", out=tmp_path)


def test_options_are_parsed_from_the_right_so_that_any_layer_name_will_do():
    assert generate.parsed_folds(["a.b=c.pe=3", "a.b=c.simd=2", "d.simd=1"]) == {
        "a.b=c": PartialFold(pe=3, simd=2),
        "d": PartialFold(simd=1),
    }
    assert generate.parsed_budget("dsp=27, bram=4") == {"dsp": 27, "bram": 4}


@pytest.mark.parametrize("text", ["conv1", "conv1=3", "conv1.pe=x", "conv1.lanes=3", ".pe=3", "conv1.pe=-1", ""])
def test_other_folds_are_refused(text):
    with pytest.raises(InputError, match=r"fold must be LAYER\.pe=K"):
        generate.parsed_folds([text])


@pytest.mark.parametrize("text", ["dsp", "dsp=", "dsp=x", "dsp=1,dsp=2", "", "dsp=1,"])
def test_other_budgets_are_refused(text):
    with pytest.raises(InputError, match="budget must be NAME=N"):
        generate.parsed_budget(text)


def test_a_fold_given_twice_is_refused():
    with pytest.raises(InputError, match="each once"):
        generate.parsed_folds(["a.pe=1", "a.pe=2"])


@pytest.mark.parametrize(
    ("name", "text"), [("My Net (v2)", "my_net_v2"), ("7up", "net_7up"), ("\n☃", "net"), ("", "net")]
)
def test_a_model_s_name_becomes_an_identifier(name, text):
    assert generate.identifier(name) == text


def test_a_manifest_that_was_edited_is_found_out(made, tmp_path):
    content = json.loads((made.folder / "manifest.json").read_text())
    content["files"].pop("plan.json")
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(AccelError, match="design"):
        manifest.read(tmp_path)


def test_a_network_is_generated_from_the_file_it_was_loaded_from_and_from_nothing_else(made, tmp_path):
    network = accel.load(shipped.path("mlp_qdq"))
    design = accel.generate(network, target="ecp5-25f", budget={"multipliers": 4}, out=tmp_path / "again")
    assert design.manifest.files == made.manifest.files
    dense = network.nodes[1]
    weight = dense.layer.weight.copy()
    weight[0, 0] += 1
    nodes = (network.nodes[0], replace(dense, layer=replace(dense.layer, weight=weight)), *network.nodes[2:])
    with pytest.raises(InputError, match="must be as it was loaded from"):
        accel.generate(replace(network, nodes=nodes), target="ecp5-25f", out=tmp_path / "other")
    with pytest.raises(InputError, match=r"must be loaded from an \.onnx file"):
        accel.generate(replace(network, source=None), target="ecp5-25f", out=tmp_path / "other")
    assert not (tmp_path / "other").exists()
