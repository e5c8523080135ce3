"""Import held against onnxruntime, one small model at a time."""

import pytest

from accel import shipped
from accel.onnx_import import load


@pytest.mark.parametrize("quantized", [False, True])
def test_lenet5_has_its_published_counts(quantized: bool):
    path = shipped.path("lenet5_qdq" if quantized else "lenet5")
    network = load(path)
    assert (network.macs, network.parameters) == (416_520, 61_706)
    assert network.is_integer == quantized
    assert network.has_weights
