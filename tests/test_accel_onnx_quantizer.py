"""What onnxruntime's own quantiser writes, in both formats and with every pairing of types it offers."""

import logging
from itertools import product

import numpy as np
import onnx
import pytest

from accel import reference, shipped
from accel.onnx_import import load

ort = pytest.importorskip("onnxruntime")
quantization = pytest.importorskip("onnxruntime.quantization")

MODEL = "resnet_tiny"
TYPES = [
    (a, w)
    for a, w in product(quantization.QuantType, repeat=2)
    if a.name in ("QUInt8", "QInt8") and w.name in ("QUInt8", "QInt8") and (a.name, w.name) != ("QInt8", "QUInt8")
]
"""The quantiser refuses signed activations with unsigned weights."""


class Calibration(quantization.CalibrationDataReader):
    def __init__(self):
        (self.name, data) = next(iter(np.load(shipped.calibration_path(MODEL)).items()))
        self.batches = iter(np.array_split(data[:60], 3))

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch}


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The float model with batch normalisation folded, as the quantiser's documentation asks for."""
    path = tmp_path_factory.mktemp("prepared") / "model.onnx"
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    ort.InferenceSession(str(shipped.path(MODEL)), options, providers=["CPUExecutionProvider"])
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the quantiser's own
@pytest.mark.parametrize("symmetric", [False, True], ids=["asymmetric", "symmetric"])
@pytest.mark.parametrize(("activation", "weight"), TYPES, ids=lambda t: t.name)
@pytest.mark.parametrize("form", quantization.QuantFormat, ids=lambda f: f.name)
def test_it_is_imported_whole_and_agrees(form, activation, weight, symmetric, prepared, tmp_path, exact_session):
    quantization.quantize_static(
        str(prepared),
        str(tmp_path / "q.onnx"),
        Calibration(),
        quant_format=form,
        activation_type=activation,
        weight_type=weight,
        per_channel=True,
        extra_options={"ActivationSymmetric": symmetric},
    )
    network = load(tmp_path / "q.onnx")
    assert network.is_integer
    assert not any("host" in note for note in network.notes)
    session = exact_session(onnx.load(tmp_path / "q.onnx"))
    inputs = dict(np.load(shipped.inputs_path(MODEL)))
    (wanted,) = session.run(None, inputs)
    (given,) = reference.run(network, inputs).values()
    assert np.mean(given.argmax(1) == wanted.argmax(1)) >= 0.995
    assert np.mean(given != wanted) < 0.02
