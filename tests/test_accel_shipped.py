import json
import math

import numpy as np
import onnx
import pytest

from accel import shipped
from accel.errors import InputError
from accel.quantize import METADATA_KEY, accuracy

# name: (parameters, MACs per inference, accuracy the float model must reach); BatchNormalization has four parameters a
# channel in these files, its running mean and variance among them
FEED_FORWARD = {
    "lenet5": (61_706, 416_520, 0.98),  # the common full-connection form of LeNet-5
    "mlp": (6_570, 6_464, 0.95),
    "cnn_small": (4_610, 65_472, 0.95),
    "resnet_tiny": (10_002, 837_792, 0.95),
    "dscnn": (4_002, 154_944, 0.95),
}
RECURRENT = {"lstm": 5_706, "gru": 4_362, "rnn": 1_674}
ALL = [*FEED_FORWARD, *RECURRENT]
HALF_A_POINT = 0.005 + 1e-9


def infer(name: str, exact_session) -> float:
    session = exact_session(onnx.load(shipped.path(name)))
    (logits,) = session.run(None, dict(np.load(shipped.inputs_path(name))))
    return accuracy(logits, np.load(shipped.labels_path(name))["labels"])


def parameters(model: onnx.ModelProto) -> int:
    return sum(
        math.prod(tensor.dims) for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT
    )


def macs(model: onnx.ModelProto) -> int:
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in [*graph.value_info, *graph.output]}
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += math.prod(shapes[node.output[0]][2:]) * math.prod(weights[node.input[1]])
        elif node.op_type == "Gemm":
            total += math.prod(weights[node.input[1]])
    return total


def test_all_are_here():
    assert shipped.names() == sorted([*FEED_FORWARD, *RECURRENT])


@pytest.mark.parametrize("name", FEED_FORWARD)
def test_size_of_float_model(name):
    model = onnx.load(shipped.path(name))
    expected_parameters, expected_macs, _ = FEED_FORWARD[name]
    assert parameters(model) == expected_parameters
    assert macs(model) == expected_macs


@pytest.mark.parametrize("name", ALL)
def test_form(name):
    for variant in (name,) if name in RECURRENT else (name, f"{name}_qdq"):
        graph = onnx.load(shipped.path(variant)).graph
        assert [value.name for value in graph.input] == ["x"]
        assert [value.name for value in graph.output] == ["logits"]
        assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("name", ALL)
def test_data_files(name):
    inputs, labels = np.load(shipped.inputs_path(name)), np.load(shipped.labels_path(name))
    calibration = np.load(shipped.calibration_path(name))
    assert inputs.files == calibration.files == ["x"]
    assert inputs["x"].dtype == calibration["x"].dtype == np.float32
    assert labels["labels"].dtype == np.int64
    assert len(inputs["x"]) == len(labels["labels"]) >= 360


@pytest.mark.parametrize("name", FEED_FORWARD)
def test_integers_are_within_half_a_point_of_float(name, exact_session):
    in_float = infer(name, exact_session)
    assert in_float >= FEED_FORWARD[name][2]
    assert infer(f"{name}_qdq", exact_session) >= in_float - HALF_A_POINT


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_models(name, exact_session):
    model = onnx.load(shipped.path(name))
    assert [node.op_type for node in model.graph.node] == ["Transpose", name.upper(), "Squeeze", "Gemm"]
    assert parameters(model) == RECURRENT[name]
    assert infer(name, exact_session) >= 0.95


@pytest.mark.parametrize("name", FEED_FORWARD)
def test_quantised_model_says_how(name):
    metadata = {entry.key: entry.value for entry in onnx.load(shipped.path(f"{name}_qdq")).metadata_props}
    settings = json.loads(metadata[METADATA_KEY])
    assert (settings["version"], settings["weight_bits"], settings["activation_bits"]) == (1, 8, 8)


def test_unknown_name():
    with pytest.raises(InputError, match=r"no shipped model is called 'lenet'; did you mean 'lenet5'\?"):
        shipped.path("lenet")


def test_files_stay_small():
    assert sum(file.stat().st_size for file in shipped.folder().iterdir() if file.is_file()) < 3_000_000
