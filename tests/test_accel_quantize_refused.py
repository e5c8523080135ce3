"""What quantisation refuses of a model that it takes: data, widths and files that do not fit."""

import re

import numpy as np
import pytest

from accel import shipped
from accel.errors import InputError, ModelError
from accel.quantize import quantize

GOOD = {"x": np.ones((4, 64), np.float32)}


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ({}, "calibration has no array 'x'; the model's inputs: 'x'"),
        ({**GOOD, "y": GOOD["x"]}, "calibration array 'y' is not an input of the model; its inputs: 'x'"),
        ({"x": np.ones((4, 63), np.float32)}, "calibration array 'x' must have shape (n, 64), not (4, 63)"),
        ({"x": np.ones((4, 64, 1), np.float32)}, "calibration array 'x' must have shape (n, 64), not (4, 64, 1)"),
        ({"x": np.ones((4, 64))}, "calibration array 'x' must be float32, not float64"),
        ({"x": np.ones((0, 64), np.float32)}, "calibration array 'x' must hold at least one sample"),
        ({"x": np.full((4, 64), np.nan, np.float32)}, "calibration array 'x' must be finite; it holds NaN or infinity"),
        ({"x": np.full((4, 64), np.inf, np.float32)}, "calibration array 'x' must be finite; it holds NaN or infinity"),
    ],
)
def test_calibration_is_refused(tmp_path, calibration, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        quantize(shipped.path("mlp"), calibration, output_path=tmp_path / "q.onnx")
    assert not (tmp_path / "q.onnx").exists()


@pytest.mark.parametrize("name", ["weight_bits", "activation_bits"])
@pytest.mark.parametrize("bits", [1, 9, 0, -8])
def test_width_is_refused(tmp_path, name, bits):
    with pytest.raises(InputError, match=f"^{name} must be 2 to 8, not {bits}$"):
        quantize(shipped.path("mlp"), GOOD, **{name: bits}, output_path=tmp_path / "q.onnx")


def test_quantised_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"^\w+ '.*' is an integer operator: the model is quantised already$"):
        quantize(shipped.path("mlp_qdq"), GOOD, output_path=tmp_path / "q.onnx")


def test_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"model '.*none.onnx' does not exist"):
        quantize(tmp_path / "none.onnx", GOOD, output_path=tmp_path / "q.onnx")
    (tmp_path / "garbage.onnx").write_bytes(b"\x00\xff garbage" * 50)
    with pytest.raises(ModelError, match=r"model '.*garbage.onnx' is not a valid ONNX model"):
        quantize(tmp_path / "garbage.onnx", GOOD, output_path=tmp_path / "q.onnx")
    with pytest.raises(InputError, match=r"output '.*q.onnx' cannot be written: No such file or directory"):
        quantize(shipped.path("mlp"), GOOD, output_path=tmp_path / "none" / "q.onnx")
