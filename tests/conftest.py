"""Fixtures that several test files share."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Return a quantised model with a kernel of every common kind, whose design compiles in seconds."""
    from accel.quantize import quantize  # onnxruntime takes a while to import

    rng = np.random.default_rng(3)
    weights = {
        "w1": rng.normal(0, 0.4, (4, 2, 3, 3)),
        "b1": rng.normal(0, 0.1, 4),
        "w2": rng.normal(0, 0.4, (3, 4, 2, 2)),
        "b2": rng.normal(0, 0.1, 3),
        "w3": rng.normal(0, 0.4, (5, 12)),
        "b3": rng.normal(0, 0.1, 5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "first", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu"),
        helper.make_node("MaxPool", ["r1"], ["p1"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], "second", kernel_shape=[2, 2], strides=[1, 2]),
        helper.make_node("Flatten", ["c2"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], "last", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 6, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    folder = tmp_path_factory.mktemp("tiny")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "float.onnx")
    calibration = {"x": rng.normal(0, 1, (32, 2, 6, 8)).astype(np.float32)}
    quantize(folder / "float.onnx", calibration, output_path=folder / "tiny_qdq.onnx")
    _make_ties(folder / "tiny_qdq.onnx", "second")
    return folder / "tiny_qdq.onnx"


@pytest.fixture(scope="session")
def exact_session():
    """Return what loads a model into onnxruntime so that it computes what the model says, on every processor.

    On x86 without VNNI its products of uint8 by int8 saturate in 16 bits. An optimisation mends that in QLinear
    operators of uint8; around DequantizeLinear, which is run as it is written, nothing needs mending.
    """
    import onnxruntime as ort

    def load(model):
        types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
        mended = any(
            node.op_type.startswith("QLinear") and types.get(node.input[2]) == TensorProto.UINT8
            for node in model.graph.node
        )
        levels, options = ort.GraphOptimizationLevel, ort.SessionOptions()
        options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if mended else levels.ORT_DISABLE_ALL
        options.add_session_config_entry("session.x64quantprecision", "1")
        options.log_severity_level = 3
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    return load


def _make_ties(path, name):
    """Give a convolution scales that are powers of two, so that its requantiser meets halves to be rounded."""
    model = onnx.load(path)
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    writers = {node.output[0]: node for node in model.graph.node}
    (layer,) = (node for node in model.graph.node if node.name == name)
    (after,) = (node for node in model.graph.node if layer.output[0] in node.input)
    scales = [writers[tensor].input[1] for tensor in layer.input[:2]] + [after.input[1]]
    for scale in scales:
        value = numpy_helper.to_array(arrays[scale])
        arrays[scale].CopyFrom(numpy_helper.from_array(np.exp2(np.rint(np.log2(value))).astype(np.float32), scale))
    of_input, of_weight = (numpy_helper.to_array(arrays[scale]) for scale in scales[:2])
    of_bias = writers[layer.input[2]].input[1]
    arrays[of_bias].CopyFrom(numpy_helper.from_array((of_input * of_weight).astype(np.float32), of_bias))
    onnx.save(model, path)
