"""Recurrent models that no other test uses, from a float ONNX file to verified Verilog."""

import numpy as np
import onnx
import pytest

from accel.app import generate, host, verify
from accel.errors import InputError, UnsupportedError
from accel.quantize import quantize
from benchmarks.import_samples.sketch import Sketch

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
SAMPLES = 24


def cell(s, op, x, features, units, *, outputs=2, states=(), peepholes=False, lengths="", **attributes):
    """Add a recurrent node with random weights; return its sequence of hidden states."""
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[op] * units
    parts = [
        s.weights(directions, rows, features, scale=1.5 / np.sqrt(features)),
        s.weights(directions, rows, units, scale=1.5 / np.sqrt(units)),
        s.weights(directions, 2 * rows),
        *([lengths, *states] if states or peepholes or lengths else []),
    ]
    if peepholes:
        parts += [""] * (6 - len(parts)) + [s.weights(directions, 3 * units)]
    return s.op(op, x, *parts, outputs=outputs, hidden_size=units, **attributes)


def side_by_side(s, y):
    """Make one vector a step of what a node of two directions gives."""
    return s.op("Reshape", s.op("Transpose", y, perm=[0, 2, 1, 3]), s.const([0, 0, -1], "int64"))


def dense(s, x, features, outputs):
    return s.op("Gemm", x, s.weights(outputs, features), s.weights(outputs), transB=1)


def two_layers_both_ways():
    """GRUs that reset states, one both ways below one that runs backwards, its last state read by a dense layer."""
    s = Sketch(seed=1)
    y = cell(s, "GRU", s.input("x", 7, "n", 5), 5, 6, direction="bidirectional")
    y = cell(s, "GRU", side_by_side(s, y), 12, 9, direction="reverse")
    return s.model(dense(s, s.op("Squeeze", f"{y}_1", s.const([0], "int64")), 9, 4))


def between_convolutions():
    """A convolution over time, an LSTM with peepholes, both ways and as many features as steps, another convolution."""
    s = Sketch(seed=2)
    x = s.input("x", "n", 3, 8)
    x = s.op("Relu", s.op("Conv", x, s.weights(8, 3, 3), s.weights(8), pads=[1, 1]))
    y = cell(s, "LSTM", s.op("Transpose", x, perm=[2, 0, 1]), 8, 4, peepholes=True, direction="bidirectional")
    y = s.op("Transpose", side_by_side(s, y), perm=[1, 2, 0])
    y = s.op("Conv", y, s.weights(5, 8, 3), s.weights(5), strides=[2])
    return s.model(dense(s, s.op("Flatten", y), 15, 3))


def every_step():
    """An RNN's steps through a ReLU, and both its outputs: the last step flattened with the sequence."""
    s = Sketch(seed=3)
    y = cell(s, "RNN", s.input("x", 6, "n", 4), 4, 6)
    steps = s.op("Transpose", s.op("Squeeze", y, s.const([1], "int64")), perm=[1, 0, 2])
    steps = s.op("Relu", s.op("MatMul", steps, s.weights(6, 5)))
    last = s.op("Squeeze", f"{y}_1", s.const([0], "int64"))
    return s.model(s.op("Concat", dense(s, s.op("Flatten", steps), 30, 3), dense(s, last, 6, 2), axis=1))


def constant_states():
    """An LSTM both ways with constant hidden and cell states, below a GRU with one that runs backwards."""
    s = Sketch(seed=4)
    states = [s.weights(2, 1, 5), s.weights(2, 1, 5, scale=2)]
    y = cell(s, "LSTM", s.input("x", 4, 1, 3), 3, 5, states=states, direction="bidirectional")
    y = cell(s, "GRU", side_by_side(s, y), 10, 4, states=[s.weights(1, 1, 4)], direction="reverse")
    return s.model(y, f"{y}_1")


def states_in_and_out():
    """A GRU both ways below an LSTM, their states coming with the input and leaving with the output."""
    s = Sketch(seed=7)
    y = cell(s, "GRU", s.input("x", 3, 1, 4), 4, 3, states=[s.input("h", 2, 1, 3)], direction="bidirectional")
    states = [s.input(name, 1, 1, 5) for name in ("hidden", "cell")]
    z = cell(s, "LSTM", side_by_side(s, y), 6, 5, states=states, outputs=3)
    return s.model(z, f"{y}_1", f"{z}_1", f"{z}_2")


def cut_short():
    """A GRU both ways over fewer steps than its input has, all its outputs."""
    s = Sketch(seed=7)
    y = cell(s, "GRU", s.input("x", 6, 1, 3), 3, 4, lengths=s.const([4], "int32"), direction="bidirectional")
    return s.model(y, f"{y}_1")


MODELS = (cut_short, constant_states, states_in_and_out, two_layers_both_ways, between_convolutions, every_step)


def quantised(folder, model):
    """Quantise a model, and return the file."""
    made = onnx.shape_inference.infer_shapes(model)
    onnx.save(made, folder / "m.onnx")
    rng, data = np.random.default_rng(5), {}
    for value in made.graph.input:
        shape = [d.dim_value or SAMPLES for d in value.type.tensor_type.shape.dim]
        shape[1] = SAMPLES if shape[1] == 1 else shape[1]
        data[value.name] = rng.uniform(-2, 2, shape).astype(np.float32)
    return quantize(folder / "m.onnx", data, output_path=folder / "q.onnx").path


def stacked():
    """An LSTM with constant states below a GRU, whose last step a dense layer reads."""
    s = Sketch(seed=6)
    y = cell(s, "LSTM", s.input("x", 3, 1, 4), 4, 5, states=[s.weights(1, 1, 5), s.weights(1, 1, 5)])
    y = cell(s, "GRU", s.op("Squeeze", y, s.const([1], "int64")), 5, 4)
    return s.model(dense(s, s.op("Squeeze", f"{y}_1", s.const([0], "int64")), 4, 3))


@pytest.mark.cocotb
def test_states_kept_between_tensors_make_them_one_sequence(tmp_path):
    path = quantised(tmp_path, stacked())
    design = generate.generate(path, board="ulx3s", out=tmp_path / "out", state="keep")
    result = verify.verify(design, samples=5, stalls="random", seed=2, resets=3)
    print(f"{design}\n{result}")
    assert result.passed, result.first
    assert result.values == 5 * 3
    assert design.manifest.state == "keep"
    assert "keep their states" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(InputError, match="keeps its states, which this host's link clears"):
        host.host(tmp_path / "out", "none", tmp_path / "x.npz")


def test_states_are_kept_forward_in_time_only(tmp_path):
    path = quantised(tmp_path, two_layers_both_ways())
    with pytest.raises(UnsupportedError, match="GRU keeps its state forward in time, not bidirectional"):
        generate.generate(path, target="ecp5-85f", out=tmp_path / "out", state="keep")
    with pytest.raises(InputError, match="state must be clear or keep, not 'hold'"):
        generate.generate(path, target="ecp5-85f", out=tmp_path / "out", state="hold")
    with pytest.raises(UnsupportedError, match="has no recurrent layer in integers that keeps a state"):
        generate.generate("lenet5_qdq", target="ecp5-85f", out=tmp_path / "out", state="keep")


@pytest.mark.cocotb
@pytest.mark.parametrize("model", MODELS)
def test_it_generates_and_verifies(tmp_path, model):
    path = quantised(tmp_path, model())
    design = generate.generate(path, target="ecp5-85f", out=tmp_path / "out")
    result = verify.verify(design, samples=6, stalls="random", seed=2, resets=2)
    print(f"{design}\n{result}")
    assert result.passed, result.first
    assert result.values > 0
