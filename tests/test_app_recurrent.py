"""Recurrent models that no other test uses, from a float ONNX file to verified Verilog."""

import numpy as np
import onnx
import pytest

from accel.app import generate, verify
from accel.quantize import quantize
from benchmarks.import_samples.sketch import Sketch

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, FEATURES = 7, 5
CALIBRATION = 24


def cell(s, op, x, features, units, **attributes):
    """Add a recurrent node with random weights; return its sequence of hidden states."""
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[op] * units
    parts = [
        s.weights(directions, rows, features, scale=1.5 / np.sqrt(features)),
        s.weights(directions, rows, units, scale=1.5 / np.sqrt(units)),
        s.weights(directions, 2 * rows),
    ]
    return s.op(op, x, *parts, outputs=2, hidden_size=units, **attributes)


def reset_before():
    """A GRU that resets its states, its last state read by a dense layer."""
    s = Sketch(seed=1)
    y = cell(s, "GRU", s.input("x", STEPS, "n", FEATURES), FEATURES, 9)
    last = s.op("Squeeze", f"{y}_1", s.const([0], "int64"))
    return s.model(s.op("Gemm", last, s.weights(4, 9), s.weights(4), transB=1))


MODELS = {"a GRU that resets states": reset_before}


@pytest.mark.cocotb
@pytest.mark.parametrize("name", MODELS)
def test_it_generates_and_verifies(tmp_path, name):
    onnx.save(onnx.shape_inference.infer_shapes(MODELS[name]()), tmp_path / "m.onnx")
    rng = np.random.default_rng(5)
    data = {"x": rng.uniform(-2, 2, (STEPS, CALIBRATION, FEATURES)).astype(np.float32)}
    quantize(tmp_path / "m.onnx", data, output_path=tmp_path / "q.onnx")
    made = generate.generate(tmp_path / "q.onnx", target="ecp5-25f", out=tmp_path / "out")
    result = verify.verify(made, samples=6, stalls="random", seed=2)
    print(f"{made}\n{result}")
    assert result.passed, result.first
    assert result.values > 0
