"""Import held against onnxruntime, one small model at a time."""

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from accel import reference, shipped
from accel.network import Network
from accel.onnx_import import load, site
from benchmarks.import_samples import models
from benchmarks.import_samples.sketch import Sketch

ort = pytest.importorskip("onnxruntime")


def inputs_of(network: Network, model: onnx.ModelProto, samples: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    inputs: dict[str, np.ndarray] = {}
    for value in model.graph.input:
        tensor = network.tensors[value.name]
        dims = value.type.tensor_type.shape.dim
        shape = list(tensor.shape)
        if tensor.batch_axis is not None:
            shape.insert(tensor.batch_axis, dims[tensor.batch_axis].dim_value or samples)
        q = tensor.quantization
        if q is None:
            inputs[value.name] = rng.standard_normal(shape).astype(np.float32)
        else:
            inputs[value.name] = rng.integers(q.low, q.high + 1, shape).astype(q.dtype)
    return inputs


def step_of(network: Network, output: str) -> float:
    """Return the scale of the integers an output comes from; zero for floating point all through."""
    writer = next(node for node in network if output in node.outputs)
    if writer.layer.op == "ArgMax":  # an index is right or wrong
        return 0.0
    if network.tensors[output].quantization is not None:
        return 1.0
    sources = [network.tensors[t].quantization for t in writer.inputs]
    return sources[0].scale if writer.layer.op == "Dequantize" and sources[0] else 0.0


@pytest.mark.parametrize("name", models())
def test_a_sample_answers_as_onnxruntime_does(name, exact_session):
    model = models()[name]
    network = load(model)
    inputs = inputs_of(network, model)
    session = exact_session(model)
    wanted = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))
    given = reference.run(network, inputs)
    assert list(given) == list(wanted)
    for output, array in wanted.items():
        assert given[output].shape == array.shape
        step = step_of(network, output)
        np.testing.assert_allclose(given[output], array, rtol=1e-5, atol=1e-5 + step * 1.0001, err_msg=output)
        if step:
            assert np.mean(np.abs(given[output] - array.astype(np.float64)) > step / 2) < 0.2


@pytest.mark.parametrize("name", [n for n in models() if n.partition(".")[0] != "floats"])
def test_a_quantised_sample_is_integers_inside(name):
    network = load(models()[name])
    if name == "qdq.weights_alone":
        assert not network.is_integer
        return
    assert network.is_integer
    hosted = [n.layer.op for n in network if any(network.tensors[t].quantization is None for t in n.inputs)]
    if name in ("qdq.borders", "qoperator.softmax", "qoperator.gemm_to_real"):
        assert any("host" in note for note in network.notes)
    else:
        assert set(hosted) == {"Quantize"} or not hosted


@pytest.mark.parametrize("quantized", [False, True])
def test_lenet5_has_its_published_counts(quantized: bool):
    network = load(shipped.path("lenet5_qdq" if quantized else "lenet5"))
    assert (network.macs, network.parameters) == (416_520, 61_706)
    assert network.is_integer == quantized
    assert network.has_weights


def test_the_order_of_nodes_in_the_file_does_not_matter():
    model = onnx.ModelProto()
    model.CopyFrom(models()["floats.lenet"])
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert load(model).macs == load(models()["floats.lenet"]).macs


def test_batch_normalisation_and_constant_additions_are_folded():
    ops = [node.layer.op for node in load(models()["floats.depthwise"])]
    assert ops == ["Conv", "Clip", "Conv", "GlobalAveragePool"]
    assert [node.layer.op for node in load(models()["floats.matrices"])] == ["Dense", "Tanh", "Dense", "Mul"]


def test_padding_is_part_of_the_window_behind_it():
    assert [node.layer.op for node in load(models()["floats.padding"])] == ["Conv", "AveragePool", "Pad"]


def test_relu_and_clip_are_saturation():
    network = load(models()["qdq.depthwise"])
    assert [node.layer.op for node in network if node.layer.op in ("Relu", "Clip")] == []
    first = next(node for node in network if node.layer.op == "Conv")
    q = network.tensors[first.outputs[0]].quantization
    assert q is not None
    assert (q.low, q.high) == (-128, 127)
    network = load(models()["qdq.residual"])
    lows = [network.tensors[node.outputs[0]].quantization.low for node in network if node.layer.op == "Add"]
    assert lows == [-128]


def test_a_clip_between_quantize_and_dequantize_is_the_bit_width():
    network = load(models()["qdq.clipped_to_four_bits"])
    convs = [node for node in network if node.layer.op == "Conv"]
    assert [node.layer.weight_bits for node in convs] == [4, 2]
    quantizations = [network.tensors[node.outputs[0]].quantization for node in convs]
    assert [(q.bits, q.signed, q.low, q.high) for q in quantizations] == [(4, False, 0, 15), (6, True, -32, 31)]


def test_four_bit_weights_stay_four_bits():
    network = load(models()["qdq.four_bits"])
    assert [node.layer.weight_bits for node in network if node.layer.op == "Dense"] == [4, 5]


def test_zero_points_are_subtracted_from_weights():
    network = load(models()["qdq.unsigned"])
    conv = next(node.layer for node in network if node.layer.op == "Conv")
    assert conv.weight.dtype == np.int16
    assert (conv.weight.min(), conv.weight.max(), conv.weight_bits) == (-120, 135, 9)


def test_sequence_models_have_the_batch_where_onnx_puts_it():
    network = load(models()["floats.rnn"])
    assert (network.tensors["x"].batch_axis, network.tensors["x"].shape) == (1, (4, 2))
    network = load(models()["floats.lstm"])
    assert (network.tensors["x"].batch_axis, network.tensors["x"].shape) == (0, (6, 3))


def test_dimensions_are_bound_by_name_or_by_input_and_axis():
    model = onnx.ModelProto()
    model.CopyFrom(models()["floats.branches"])
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_param = dims[3].dim_param = "side"
    assert load(model, dims={"side": 6}).macs == load(models()["floats.branches"]).macs
    assert load(model, dims={"x.2": 6, "x.3": 12}).macs == 2 * load(models()["floats.branches"]).macs


def test_an_open_batch_does_not_count_against_the_limit():
    s = Sketch()
    network = load(s.model(s.op("Relu", s.op("Reshape", s.input("x", "n", 2, 2**29), s.const([0, -1], "int64")))))
    assert network.tensors["x"].shape == (2, 2**29)


@pytest.mark.parametrize("op", ["Identity", "Relu"])
def test_many_outputs_take_time_in_proportion(op):
    s = Sketch()
    s.input("x", "n", 4)
    names = [s.op(op, "x") for _ in range(20_000)]
    begin = time.process_time()
    assert len(load(s.model(*names)).outputs) == 20_000
    assert time.process_time() - begin < 10  # 4 s alone; minutes if every output looked at every other


def matrices(*, then=(), outputs: int = TensorProto.INT32) -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """MatMulInteger whose accumulators need 28 bits, an input for it, and what they are."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-128, 128, (4001, 3)).astype(np.int8)
    weight[:, 0] = 127
    x = rng.integers(0, 256, (3, 4001)).astype(np.uint8)
    x[0] = 255
    s = Sketch()
    y = s.op("MatMulInteger", s.input("x", "n", 4001, dtype=TensorProto.UINT8), s.const(weight, "int8"))
    for op, operands, attributes in then:
        y = s.op(op, y, *(s.const(o, np.asarray(o).dtype.name) for o in operands), **attributes)
    return s.model(y, dtype=outputs), x, x.astype(np.int64) @ weight.astype(np.int64)


def test_bare_accumulators_are_exact_integers_of_32_bits():
    model, x, exact = matrices()
    assert exact.max() > 2**26
    network = load(model)
    (got,) = reference.run(network, x).values()
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, exact)
    (fewer,) = reference.run(network.with_significand_bits(8), x).values()
    np.testing.assert_array_equal(fewer, exact)


def test_accumulators_that_are_cast_and_scaled_are_rounded_once():
    scale, zero = np.float32(0.5), np.int8(3)
    model, x, exact = matrices(
        then=[
            ("Cast", (), {"to": TensorProto.FLOAT}),
            ("Mul", (np.float32(2**-20),), {}),
            ("QuantizeLinear", (scale, zero), {}),
        ],
        outputs=TensorProto.INT8,
    )
    (got,) = reference.run(load(model), x).values()
    np.testing.assert_array_equal(got, np.clip(np.rint(exact * 2.0**-19) + 3, -128, 127).astype(np.int8))


def test_a_cast_gives_integers_of_the_graph_s_own_the_scale_one():
    s = Sketch()
    pixels = s.op("Cast", s.input("x", "n", 4, dtype=TensorProto.UINT8), to=TensorProto.FLOAT)
    x = np.arange(8, dtype=np.uint8).reshape(2, 4) * 31
    (got,) = reference.run(load(s.model(s.op("Relu", pixels))), x).values()
    np.testing.assert_array_equal(got, x.astype(np.float32))


def test_an_operator_has_one_handler():
    assert "Conv" in site.handlers()
    with pytest.raises(ValueError, match="Conv has two handlers"):
        site.lowers("Conv")(lambda site: None)


@pytest.mark.parametrize("width", [1, 2])
def test_a_mean_whose_last_window_starts_in_a_pad_is_onnx_s(width):
    s = Sketch()
    padded = s.op("Pad", s.input("x", "n", 1, 4, 4), s.const([0, 0, 0, 0, 0, 0, width, width], "int64"))
    model = s.model(s.op("AveragePool", padded, kernel_shape=[2, 2], strides=[4, 4], ceil_mode=1))
    x = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
    (got,) = reference.run(load(model), x).values()
    np.testing.assert_array_equal(got, [[[[3.5, 0], [0, 0]]]])


@pytest.mark.parametrize("bias", [2**31 - 1, -(2**30) - 12345, 2**24 + 1, -7])
def test_the_bias_of_a_quantised_operator_keeps_its_integers(bias):
    s = Sketch()
    x = s.input("x", "n", 1, 2, 2, dtype=TensorProto.UINT8)
    x_scale, w_scale, y_scale = (s.const(value) for value in (0.0123, 0.0371, 0.5))
    zero, point = s.const(0, "uint8"), s.const(0, "int8")
    weight = s.const(np.ones((1, 1, 1, 1)), "int8")
    operands = (x, x_scale, zero, weight, w_scale, point, y_scale, zero, s.const([bias], "int32"))
    (node,) = load(s.model(s.op("QLinearConv", *operands), dtype=TensorProto.UINT8))
    assert node.layer.bias.tolist() == [bias]
