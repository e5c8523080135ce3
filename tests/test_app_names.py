"""No name from a model does any harm: what accel makes of hostile names is what it makes of plain ones, renamed."""

import gc
import re

import numpy as np
import onnx
import pytest

import accel
from accel import tools
from accel.app import cli, tensors
from accel.app.manifest import Manifest
from accel.quantize import quantize
from benchmarks import hostile_names
from benchmarks.hostile_names import ATTACKS, FILE, naming, outcome, plain_model, renamed, tokens
from benchmarks.import_samples.sketch import Sketch
from hdl import verilog
from hdl.bench.simulators import run_tool, verilator_environment

MODELS = 5
"""Of 133 names each; `python -m benchmarks.hostile_names` draws 100,000."""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return what makes an outcome of a model, each in a folder of its own, where equal components are emitted once."""
    monkeypatch.setattr(verilog, "emit", EMISSION)
    counter = iter(range(1000))

    def make(model, stem):
        folder = tmp_path / str(next(counter))
        folder.mkdir()
        return outcome(model, stem, folder, target=hostile_names.TARGET)

    yield make
    gc.collect()  # while what was not emitted may go in silence


EMISSION = hostile_names.Remembered()
silent = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")


def attack(shift, model=None):
    """Return a plain model, `plain_model` if none is given, and a name for each of its tokens.

    The attacks come in turn from the one at ``shift``, so that `plain_model` has every one.
    """
    model = model or plain_model()
    count = len(tokens(model)) + 1
    return model, naming(
        model, [ATTACKS[(i + shift) % len(ATTACKS)] + ATTACKS[i * 7 % len(ATTACKS)] for i in range(count)]
    )


def branches():
    """Two convolutions, a pool of each kind behind them, joined for a dense layer."""
    s = Sketch(seed=8)
    x = s.input("x", "n", 2, 4, 4)
    left = s.op("MaxPool", s.op("Conv", x, s.weights(2, 2, 3, 3), pads=[1] * 4), kernel_shape=[2, 2], strides=[2, 2])
    right = s.op("AveragePool", s.op("Conv", x, s.weights(1, 2, 1, 1)), kernel_shape=[2, 2], strides=[2, 2])
    joined = s.op("Concat", left, right, axis=1)
    return s.model(s.op("Gemm", s.op("Flatten", joined), s.weights(2, 12), transB=1))


def recurrent(op, gates):
    """A cell whose last step a dense layer reads."""
    s = Sketch(seed=9)
    parts = [s.weights(1, gates * 3, 2), s.weights(1, gates * 3, 3), s.weights(1, gates * 6)]
    y = s.op(op, s.input("x", 3, "n", 2), *parts, outputs=2, hidden_size=3)
    return s.model(s.op("Gemm", s.op("Squeeze", f"{y}_1", s.const([0], "int64")), s.weights(2, 3), transB=1))


def quantised(folder, model):
    """Quantise a model of one input and return it."""
    onnx.save(onnx.shape_inference.infer_shapes(model), folder / "float.onnx")
    (x,) = model.graph.input
    shape = [dim.dim_value or 8 for dim in x.type.tensor_type.shape.dim]
    values = np.random.default_rng(5).uniform(-2, 2, shape).astype(np.float32)
    return onnx.load(quantize(folder / "float.onnx", {x.name: values}, output_path=folder / "integer.onnx").path)


def both_outcomes(folder, model, names, **where):
    """Return what accel makes of a plain model and of the hostile one."""
    found = []
    for given, stem in ((model, FILE), (renamed(model, names), names[FILE])):
        inner = folder / str(len(found))
        inner.mkdir()
        found.append(outcome(given, stem, inner, **where))
    return found


def assert_no_name_in(files, names):
    """Assert that no name of a model stands in what tools read."""
    for name, data in files.items():
        if name.endswith((".v", ".h", ".lpf", ".core", ".hex")):
            assert data.isascii(), name
            assert not [n for n in names.values() if len(n) > 12 and n.encode() in data], name


def parse(folder, files, *, library=(), top=""):
    """Let Yosys and Verilator read the Verilog of a design, its testbench apart."""
    sources = [name for name in files if name.endswith(".v") and name != "accel_tb.v"]
    for name in sources:
        (folder / name).write_bytes(files[name])
    reads = [*library, *(f"read_verilog {name}" for name in sources)]
    script = "; ".join([*reads, f"hierarchy -check {top}", "proc"])
    tools.run(tools.YOSYS, ["-q", "-p", script], folder=folder, log=folder / "yosys.log")
    environment, verilator = verilator_environment()
    lint = [str(verilator), "--lint-only", "-Wno-fatal", "-Wno-WIDTH", "-Wno-UNOPTFLAT", "--top-module", "accel_axi"]
    run_tool([*lint, "accel_core.v", "accel_axi.v"], folder, environment)


@silent
def test_hostile_names_change_nothing_but_names(made):
    names = hostile_names.attacked(MODELS, made, lambda done: None)
    print(f"{names} hostile names")
    assert names >= MODELS * 100


@pytest.mark.slow
@pytest.mark.synth
@pytest.mark.cocotb
def test_nor_do_they_on_a_board_where_yosys_and_verilator_parse_what_is_emitted(tmp_path):
    model, names = attack(0)
    plain, hostile = both_outcomes(tmp_path, model, names, board=hostile_names.BOARD)
    assert {"accel_board.v", "accel_board.lpf", "accel.core", "README.md", "manifest.json"} <= hostile.files.keys()
    assert list(hostile_names.differences(plain, hostile, names)) == []
    described = Manifest.model_validate_json(hostile.files["manifest.json"])
    assert set(described.names.values()) - set(names.values()) <= {f"{n} fork" for n in names.values()}
    assert_no_name_in(hostile.files, names)
    parse(tmp_path, hostile.files, library=["read_verilog -lib +/ecp5/cells_bb.v"], top="-top accel_board")


@pytest.mark.synth
@pytest.mark.cocotb
@pytest.mark.parametrize(
    ("shift", "model", "kinds"),
    [
        (0, branches(), {"fork", "conv2d", "maxpool", "averagepool", "concat", "dense"}),
        (60, recurrent("LSTM", 4), {"recurrent", "dense"}),
        (100, recurrent("GRU", 3), {"recurrent", "dense"}),  # between them they have every attack
    ],
    ids=["branches", "lstm", "gru"],
)
def test_nor_do_they_in_other_kernels_whose_verilog_is_emitted_in_full(tmp_path, shift, model, kinds):
    model, names = attack(shift, hostile_names.in_tokens(quantised(tmp_path, model)))
    plain, hostile = both_outcomes(tmp_path, model, names, target="ecp5-85f")
    described = Manifest.model_validate_json(hostile.files["manifest.json"])
    assert {kernel.kind for kernel in described.kernels} == kinds
    assert list(hostile_names.differences(plain, hostile, names)) == []
    for name in ("accel_core.v", "accel_axi.v", "accel_shell.v"):  # not even the design's is there
        assert hostile.files[name] == plain.files[name]
    assert_no_name_in(hostile.files, names)
    parse(tmp_path, hostile.files)


@silent
def test_the_comparison_finds_a_name_that_gets_through(made):
    """Held against its own plain model's, an outcome with one file tampered with differs."""
    model, names = attack(3)
    plain, hostile = made(model, FILE), made(renamed(model, names), names[FILE])
    assert list(hostile_names.differences(plain, hostile, names)) == []
    name = next(n for n in names.values() if "$(reboot)" in n)
    for file in ("accel_core.v", "accel.core", "README.md"):
        spoiled = {**hostile.files, file: hostile.files[file] + name.encode() + b"\n"}
        assert list(
            hostile_names.differences(plain, hostile_names.Outcome(hostile.name, spoiled, hostile.texts), names)
        )
    page = hostile.texts["html"].replace("</body>", "<script>1</script></body>")
    tampered = hostile_names.Outcome(hostile.name, hostile.files, {**hostile.texts, "html": page})
    assert list(hostile_names.differences(plain, tampered, names)) == ["html: other tags"]


def test_what_cannot_be_printed_is_refused_in_one_line_wherever_it_is_read(tmp_path):
    model, names = attack(5)
    free = hostile_names.unread(model)
    read = [token for token in tokens(model) if token not in free]
    assert len(read) > 60
    lines = [hostile_names.refused(model, names, token, tmp_path) for token in read]
    assert len([line for line in lines if line]) > 60
    for line in filter(None, lines):
        assert line.isprintable()
        assert re.search("must be printable", line)


def test_a_tensor_whose_name_is_hostile_goes_through_run_and_simulate(tmp_path, capsys):
    model, names = attack(2)
    path = tmp_path / "m.onnx"
    onnx.save(renamed(model, names), path)
    network = accel.load(path)
    (x,), (y,) = network.inputs, network.outputs
    tensors.write_npz(tmp_path / "x.npz", {x: np.ones((3, 2), np.float32)})
    arguments = ["run", path, "--input", tmp_path / "x.npz", "-o", tmp_path / "y.npz"]
    for command in (
        arguments,
        ["simulate", path, "--machine", "diannao", "--json", tmp_path / "r.json", "--trace", tmp_path / "t.json"],
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main([str(a) for a in command])
        assert caught.value.code == 0
    assert list(tensors.read_npz(tmp_path / "y.npz")) == [y]
    assert "\x1b" not in capsys.readouterr().out
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["m.onnx", "r.json", "t.json", "x.npz", "y.npz"]
