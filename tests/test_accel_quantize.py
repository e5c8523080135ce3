import json
import re

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import accel
from accel import reference, shipped
from accel.errors import InputError, ModelError
from accel.quantize import METADATA_KEY, accuracy, quantize
from accel.quantize.accepted import KEEPS_SCALE

CLOSE = 0.005 + 1e-9


def run(model, inputs):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"]).run(None, inputs)[0]


def parsed(text, **constants):
    """A model from onnx's text form: the graph alone, opset 18; its constants are arrays."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]>\n{text}')
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items())
    return model


def saved(model, folder):
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def lenet():
    return shipped.path("lenet5"), dict(np.load(shipped.calibration_path("lenet5")))


class Integers:
    """A QDQ model read back: what each DequantizeLinear's tensor is made of."""

    def __init__(self, path):
        self.model = onnx.load(path)
        self.graph = self.model.graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer}
        self.maker = {name: node for node in self.graph.node for name in node.output}
        self.readers = {}
        for node in self.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def nodes(self, *ops):
        return [node for node in self.graph.node if node.op_type in ops]

    def scale(self, node):
        """Scale and zero point of a Q or DQ node, as plain numbers."""
        return self.constants[node.input[1]].tolist(), self.constants[node.input[2]].tolist()

    def width(self, dequantize):
        """Lowest and highest integer that reaches a DequantizeLinear: its Clip's bounds, or all of its type."""
        clip = self.maker.get(dequantize.input[0])
        if clip is not None and clip.op_type == "Clip":
            return tuple(int(self.constants[name]) for name in clip.input[1:])
        limits = np.iinfo(self.constants[dequantize.input[2]].dtype)
        return limits.min, limits.max

    def weights(self):
        """(DequantizeLinear, integers) of every int8 constant."""
        for node in self.nodes("DequantizeLinear"):
            source = node.input[0]
            if source in self.maker and self.maker[source].op_type == "Clip":
                source = self.maker[source].input[0]
            if source in self.constants and self.constants[source].dtype == np.int8:
                yield node, self.constants[source]


@pytest.mark.parametrize(
    ("name", "weight_bits", "activation_bits", "loss"),
    [("lenet5", 8, 8, CLOSE), ("mlp", 8, 8, CLOSE), ("lenet5", 4, 4, CLOSE), ("mlp", 4, 8, 0.02), ("mlp", 3, 3, 0.04)],
)
def test_accuracy(tmp_path, name, weight_bits, activation_bits, loss):
    out = tmp_path / "q.onnx"
    quantize(
        shipped.path(name),
        dict(np.load(shipped.calibration_path(name))),
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        output_path=out,
    )
    inputs, labels = dict(np.load(shipped.inputs_path(name))), np.load(shipped.labels_path(name))["labels"]
    assert accuracy(run(out, inputs), labels) >= accuracy(run(shipped.path(name), inputs), labels) - loss


def test_shipped_integer_model_is_what_quantize_writes(tmp_path, lenet):
    path, calibration = lenet
    quantize(path, calibration, output_path=tmp_path / "q.onnx")
    ours, theirs = Integers(tmp_path / "q.onnx"), Integers(shipped.path("lenet5_qdq"))
    assert list(ours.graph.node) == list(theirs.graph.node)
    assert ours.constants.keys() == theirs.constants.keys()
    for name, values in ours.constants.items():  # another processor's float sums move a scale in its last bits
        np.testing.assert_allclose(
            values, theirs.constants[name], rtol=1e-4, atol=1 if values.dtype != np.float32 else 0
        )


@pytest.mark.parametrize("name", ["lenet5", "resnet_tiny", "dscnn"])
@pytest.mark.parametrize("bits", [8, 4])
def test_graph_is_integer_from_end_to_end(tmp_path, name, bits):
    out = tmp_path / "q.onnx"
    calibration = dict(np.load(shipped.calibration_path(name)))
    quantize(shipped.path(name), calibration, weight_bits=bits, activation_bits=bits, output_path=out)
    q = Integers(out)
    assert [node.op_type for node in q.readers["x"]] == ["QuantizeLinear"]
    assert q.maker["logits"].op_type == "DequantizeLinear"
    assert not q.nodes("BatchNormalization", "Relu")
    for node in q.nodes("Conv", "Gemm", "Add", "GlobalAveragePool", *KEEPS_SCALE):
        sources = [q.maker[name] for name in node.input if name in q.maker]
        assert {source.op_type for source in sources} == {"DequantizeLinear"}
        assert [reader.op_type for reader in q.readers[node.output[0]]] == ["QuantizeLinear"]
        out_scale = q.scale(q.readers[node.output[0]][0])
        if node.op_type in KEEPS_SCALE:
            assert q.scale(sources[0]) == out_scale
        if node.op_type in ("Conv", "Gemm"):
            x, weight, bias = (np.asarray(q.scale(source)[0]) for source in sources)
            np.testing.assert_allclose(bias, x * weight, rtol=1e-6)
            assert q.constants[sources[2].input[0]].dtype == np.int32
            assert not np.any(q.scale(sources[1])[1])


@pytest.mark.parametrize("bits", range(2, 9))
def test_clips_are_the_widths(tmp_path, lenet, bits):
    path, calibration = lenet
    out = tmp_path / "q.onnx"
    result = quantize(path, calibration, weight_bits=bits, activation_bits=bits, output_path=out)
    q = Integers(out)
    limit = 2 ** (bits - 1) - 1
    for dequantize, values in q.weights():
        assert abs(values.astype(int)).max() == limit
        assert q.width(dequantize) == ((-limit, limit) if bits < 8 else (-128, 127))
    widths = {node.input[0]: q.width(node) for node in q.nodes("DequantizeLinear") if "relu" in node.input[0]}
    assert set(widths.values()) == {(0, 2**bits - 1)}
    for edge in (q.readers["x"][0].output[0], q.maker["logits"].input[0]):
        (dequantize,) = [node for node in q.nodes("DequantizeLinear") if node.input[0] == edge]
        assert q.width(dequantize) == (0, 255)
    recorded = {entry.key: entry.value for entry in q.model.metadata_props}[METADATA_KEY]
    assert json.loads(recorded) == result.settings
    assert (result.settings["weight_bits"], result.settings["activation_bits"]) == (bits, bits)


EVERY_OP = """
every_op (float[batch,4,8,8] x) => (float[batch,5] y) {
    a = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]>(x, w1, b1)
    a_pool = MaxPool<kernel_shape = [2, 2]>(a)
    a_relu = Relu(a_pool)
    b = ConvTranspose<kernel_shape = [2, 2], strides = [2, 2]>(a_relu, w2, b2)
    b_leaky = LeakyRelu<alpha = 0.1>(b)
    b_pool = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(b_leaky)
    c = BatchNormalization(b_pool, gain, offset, mean, variance)
    d = Sigmoid(c)
    e = Mul(c, d)
    f = Concat<axis = 1>(e, b_pool)
    g = PRelu(f, slope)
    h = HardSwish(g)
    i = Tanh(h)
    j = Clip(i, low, high)
    k = ReduceMean<keepdims = 0>(j, axes)
    l = MatMul(k, w3)
    m = Add(l, b3)
    n = Gemm(m, w4)
    o = BatchNormalization(n, gain5, offset5, mean5, variance5)
    y = Softmax<axis = 1>(o)
}
"""


def every_op():
    return parsed(
        EVERY_OP,
        w1=normal(6, 4, 3, 3), b1=normal(6), w2=normal(6, 4, 2, 2), b2=normal(4),
        gain=normal(4), offset=normal(4), mean=normal(4), variance=np.abs(normal(4)),
        slope=np.full((8, 1, 1), 0.25, np.float32), low=np.float32(-0.5), high=np.float32(0.75),
        axes=np.array([2, 3], np.int64), w3=normal(8, 7), b3=normal(7), w4=normal(7, 5),
        gain5=normal(5), offset5=normal(5), mean5=normal(5), variance5=np.abs(normal(5)),
    )  # fmt: skip


def test_every_op(tmp_path):
    model, data = every_op(), {"x": normal(64, 4, 8, 8)}
    out = tmp_path / "q.onnx"
    quantize(saved(model, tmp_path), data, output_path=out)
    q = Integers(out)
    assert q.maker["y"].op_type == "Softmax"
    assert q.maker[q.maker["y"].input[0]].op_type == "DequantizeLinear"
    assert len(q.nodes("HardSwish")) == 1, "onnxruntime takes it apart; it must come back as one table"
    assert not q.nodes("Relu", "Clip"), "both fold into the saturation of what is before them"
    np.testing.assert_allclose(run(out, data), run(model, data), atol=0.06)


def test_what_moves_keeps_its_scale_also_in_several_outputs(tmp_path):
    model = parsed(
        """net (float[batch,2,4,6] x) => (float[batch,2,8,12] y) {
            a = Conv<kernel_shape = [1, 1]>(x, w)
            b, c = Split<axis = 1, num_outputs = 2>(a)
            d = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">
                (b, , scales)
            e = DepthToSpace<blocksize = 2>(c)
            y = Concat<axis = 1>(d, e)
        }""",
        w=normal(8, 2, 1, 1),
        scales=np.array([1, 1, 2, 2], np.float32),
    )
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    data, out = {"x": normal(32, 2, 4, 6)}, tmp_path / "q.onnx"
    quantize(saved(model, tmp_path), data, output_path=out)
    q = Integers(out)
    moved = [
        q.scale(n) for n in q.nodes("QuantizeLinear") if n.input[0].removesuffix("_QuantizeLinear_Input") in "abcde"
    ]
    assert len(moved) == 5
    assert all(scale == moved[0] for scale in moved)
    step = float(np.max(moved[0][0]))
    error = np.abs(reference.run(accel.load(out), data)["y"] - run(model, data))
    assert np.mean(error <= step) > 0.99  # but rare outliers, which the ranges cut
    model.graph.node[2].attribute[0].s = b"linear"
    with pytest.raises(ModelError, match=r"Resize '\w*' must have mode nearest, not 'linear'"):
        quantize(saved(model, tmp_path), data, output_path=out)


@pytest.mark.parametrize("mover", ["Transpose<perm = [0, 1, 2]>", "MaxPool<kernel_shape = [2]>", "Flatten"])
@pytest.mark.parametrize("saturation", ["Relu(b)", "Clip(b, low, high)"])
def test_saturation_behind_a_move_folds_into_the_conv(tmp_path, mover, saturation):
    model = parsed(
        f"""net (float[batch,2,8] x) => (float[batch,a,b] y) {{
            a = Conv<kernel_shape = [3]>(x, w)
            b = {mover}(a)
            y = {saturation}
        }}""",
        w=normal(3, 2, 3),
        low=np.float32(-1),
        high=np.float32(1),
    )
    data = {"x": normal(32, 2, 8)}
    if mover == "Flatten":
        del model.graph.output[0].type.tensor_type.shape.dim[2:]
    out = tmp_path / "q.onnx"
    quantize(saved(model, tmp_path), data, output_path=out)
    q = Integers(out)
    assert not q.nodes("Relu", "Clip")
    np.testing.assert_allclose(run(out, data), run(model, data), atol=0.15)
    scales = [q.scale(node) for node in q.nodes("QuantizeLinear") if node.input[0] != "x"]
    assert all(scale == scales[0] for scale in scales)


@pytest.mark.parametrize(
    ("body", "operators"),
    [
        ("b = Elu<alpha = 0.5>(a) y = Softplus(b)", ["Elu", "Softplus"]),
        ("b = Sigmoid(a) y = Sub(one, b)", ["Sub"]),
        ("b = Sub(a, x) y = Pad(b, pads)", ["Sub", "Pad"]),
        ("b = Relu(a) c = Div(b, three) y = Div(c, three)", ["Mul", "Mul"]),
    ],
)
def test_operators_that_have_a_kernel_are_quantised(tmp_path, body, operators):
    model = parsed(
        f"net (float[batch,3,8] x) => (float[batch,3,n] y) {{ a = Conv<kernel_shape = [1]>(x, w) {body} }}",
        w=normal(3, 3, 1), one=np.float32(1), three=np.float32(3), pads=np.array([0, 0, 1, 0, 0, 2]),
    )  # fmt: skip
    data = {"x": normal(64, 3, 8)}
    out = tmp_path / "q.onnx"
    quantize(saved(model, tmp_path), data, output_path=out)
    q = Integers(out)
    assert [node.op_type for node in q.nodes(*operators, "Div")] == operators
    assert accel.load(out).is_integer
    np.testing.assert_allclose(run(out, data), run(model, data), atol=0.15)


def test_a_division_by_a_tensor_or_by_zero_is_refused(tmp_path):
    for divisor, zero in (("x", 1), ("zero", 0)):
        text = f"net (float[batch,4] x) => (float[batch,4] y) {{ a = Tanh(x) y = Div(a, {divisor}) }}"
        model = parsed(text, zero=np.array([1, 2, zero, 3], np.float32))
        with pytest.raises(ModelError, match=r"Div 'y' has no integer form"):
            quantize(saved(model, tmp_path), {"x": normal(4, 4)}, output_path=tmp_path / "q.onnx")


def test_lone_batch_norm_becomes_a_depthwise_conv(tmp_path):
    model = parsed(
        """net (float[batch,3,4,4] x) => (float[batch,3,4,4] y) {
            a = BatchNormalization<epsilon = 0.125>(x, gain, offset, mean, variance)
            y = Relu(a)
        }""",
        gain=normal(3), offset=normal(3), mean=normal(3), variance=np.abs(normal(3)),
    )  # fmt: skip
    data = {"x": normal(16, 3, 4, 4)}
    out = tmp_path / "q.onnx"
    quantize(saved(model, tmp_path), data, output_path=out)
    assert [node.op_type for node in Integers(out).nodes("Conv", "BatchNormalization", "Relu")] == ["Conv"]
    np.testing.assert_allclose(run(out, data), run(model, data), atol=0.05)


@pytest.mark.parametrize(
    "body",
    [
        "a = Gemm<transB = 1>(x, w) y = Gemm(a, w)",  # output channels lie on different axes of one array
        "a = MatMul(x, w) b = Tanh(a) y = MatMul(b, w)",
        "y = Gemm(x, w, one)",
        "y = Gemm<beta = 0.5>(x, w, row)",
        "a = Gemm(x, w, bias) b = Tanh(a) y = Gemm(b, w, bias)",
        "a = Relu(x) y = MatMul(a, w)",  # the ReLU of an input stays on the host
    ],
)
def test_shared_weights_and_forms_of_bias(tmp_path, body):
    constants = {"w": normal(4, 4), "one": np.float32(2), "row": normal(1, 4), "bias": normal(4)}
    model = parsed(f"net (float[batch,4] x) => (float[batch,4] y) {{ {body} }}", **constants)
    data = {"x": normal(64, 4)}
    quantize(saved(model, tmp_path), data, output_path=tmp_path / "q.onnx")
    np.testing.assert_allclose(run(tmp_path / "q.onnx", data), run(model, data), atol=0.25)
    q = Integers(tmp_path / "q.onnx")
    for node in q.nodes("Gemm", "MatMul"):
        axis = next((attribute.i for attribute in q.maker[node.input[1]].attribute if attribute.name == "axis"), 1)
        assert axis == (0 if any(a.name == "transB" and a.i for a in node.attribute) else 1)


def test_fixed_batch_is_filled_up(tmp_path):
    model = parsed("net (float[4,3] x) => (float[4,2] y) { y = MatMul(x, w) }", w=normal(3, 2))
    data = normal(6, 3)
    data[5] = 100  # only seen if the second, incomplete batch is run
    result = quantize(saved(model, tmp_path), {"x": data}, output_path=tmp_path / "q.onnx")
    assert result.settings["calibration_samples"] == 6
    scale, _ = Integers(tmp_path / "q.onnx").scale(Integers(tmp_path / "q.onnx").readers["x"][0])
    assert scale * 255 > 90


def test_several_inputs(tmp_path):
    model = parsed("net (float[b,3] x, float[b,3] z) => (float[b,3] y) { y = Add(x, z) }")
    data = {"x": normal(20, 3), "z": 10 * normal(20, 3, seed=1)}
    quantize(saved(model, tmp_path), data, output_path=tmp_path / "q.onnx")
    np.testing.assert_allclose(run(tmp_path / "q.onnx", data), run(model, data), atol=0.3)


def test_same_bytes_every_time(tmp_path, lenet):
    path, calibration = lenet
    for name in ("a", "b"):
        quantize(path, calibration, weight_bits=4, output_path=tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_unequal_sample_counts_are_refused(tmp_path):
    model = parsed("net (float[b,3] x, float[b,3] z) => (float[b,3] y) { y = Add(x, z) }")
    with pytest.raises(InputError, match="same number of samples, not 'x' 4, 'z' 5"):
        quantize(saved(model, tmp_path), {"x": normal(4, 3), "z": normal(5, 3)}, output_path=tmp_path / "q.onnx")


BAD_MODELS = {
    "LRN": (
        "net (float[b,3,4,4] x) => (float[b,3,4,4] y) { y = LRN<size = 3>(x) }",
        "LRN 'y' has no integer form; accepted: Add, AveragePool, ",
    ),
    "softmax inside": (
        "net (float[b,3] x) => (float[b,3] y) { a = Softmax(x) y = Add(a, x) }",
        "Softmax 'a' inside the graph has no integer form",
    ),
    "computed weights": (
        "net (float[b,3] x, float[3,b] z) => (float[b,b] y) { y = MatMul(x, z) }",
        "MatMul 'y' must have constant weights and bias, but 'z' is computed",
    ),
    "alpha": (
        "net (float[b,3] x) => (float[b,2] y) { y = Gemm<alpha = 0.5>(x, w) }",
        "Gemm 'y' must have alpha 1, not 0.5",
    ),
    "clip above 0": (
        "net (float[b,3] x) => (float[b,3] y) { a = Sigmoid(x) y = Clip(a, low) }",
        "Clip 'y' must have 0 between its bounds, but one of them is 0.25",
    ),
    "transA": (
        "net (float[2,3] x) => (float[3,2] y) { y = Gemm<transA = 1>(x, square) }",
        "Gemm 'y' must have transA 0, not 1",
    ),
    "stacked matrices": (
        "net (float[b,4,2] x) => (float[b,4,2] y) { y = MatMul(x, stack) }",
        "MatMul 'y' must have a weight of 2 axes, not 3",
    ),
    "bias per sample": (
        "net (float[2,2] x) => (float[2,2] y) { y = Gemm(x, square, square) }",
        "Gemm 'y' must have one bias per output, not an array of shape (2, 2)",
    ),
    "nothing to do": ("net (float[b,3] x) => (float[b,3] y) { y = Softmax(x) }", "model has nothing to quantise"),
    "a name the quantiser uses": (
        """net (float[b,3] x) => (float[b,3] y) {
            a = Sigmoid(x) a_QuantizeLinear_Output = Tanh(a) y = Sigmoid(a_QuantizeLinear_Output)
        }""",
        "onnxruntime cannot quantise the model: ",
    ),
    "double": ("net (double[b,3] x) => (double[b,3] y) { y = Relu(x) }", "input 'x' must be float32, not double"),
    "integer input": ("net (int8[b,3] x) => (int8[b,3] y) { y = Relu(x) }", "input 'x' must be float32, not int8"),
    "loop of its own": (
        "net (float[b,3] x) => (float[b,3] y) { a = Add(y, x) y = Relu(a) }",
        "is not a valid ONNX model: ",
    ),
    "2-D batch norm alone": (
        "net (float[b,2] x) => (float[b,2] y) { y = BatchNormalization(x, v, v, v, v) }",
        "BatchNormalization 'y' must have constant parameters and follow a Conv, Gemm or MatMul",
    ),
    "overflow": (
        "net (float[b,3] x) => (float[b,3] y) { a = Add(x, huge) y = Mul(a, huge) }",
        "tensor 'y' is not finite on the calibration data",
    ),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_model_is_refused(tmp_path, case):
    text, message = BAD_MODELS[case]
    model = parsed(
        text,
        w=normal(3, 2),
        low=np.float32(0.25),
        v=np.abs(normal(2)),
        huge=np.full(3, 3e38, np.float32),
        square=normal(2, 2),
        stack=normal(4, 2, 2),
    )
    data = {
        value.name: np.ones([dim.dim_value or 3 for dim in value.type.tensor_type.shape.dim], np.float32)
        for value in model.graph.input
    }
    with pytest.raises(ModelError, match=re.escape(message)) as refusal:
        quantize(saved(model, tmp_path), data, output_path=tmp_path / "q.onnx")
    assert "\n" not in str(refusal.value)


def test_an_old_opset_is_raised_and_a_very_old_one_refused(tmp_path):
    model = parsed("net (float[b,3] x) => (float[b,5] y) { y = Gemm(x, w, c) }", w=normal(3, 5), c=normal(5))
    for version in (7, 12):
        model.opset_import[0].version = version
        quantize(saved(model, tmp_path), {"x": normal(9, 3)}, output_path=tmp_path / "q.onnx")
        assert onnx.load(tmp_path / "q.onnx").opset_import[0].version == 13
    model.opset_import[0].version = 6
    with pytest.raises(ModelError, match="must use ONNX opset 7 or newer, not 6"):
        quantize(saved(model, tmp_path), {"x": normal(2, 3)}, output_path=tmp_path / "q.onnx")


def test_open_dimensions_are_fixed(tmp_path):
    text = "net (float[b,2,width] x) => (float[b,3,k] y) { y = Conv<kernel_shape = [3]>(x, w) }"
    model, data = parsed(text, w=normal(3, 2, 3)), {"x": normal(4, 2, 8)}
    quantize(saved(model, tmp_path), data, output_path=tmp_path / "q.onnx", dims={"width": 8})
    quantised = accel.load(tmp_path / "q.onnx")
    assert quantised.tensors["x"].shape == (2, 8)
    assert quantised.is_integer
    with pytest.raises(InputError, match="no dimension 'depth'"):
        quantize(saved(model, tmp_path), data, output_path=tmp_path / "r.onnx", dims={"depth": 8})
    assert not (tmp_path / "r.onnx").exists()


def test_constant_input_tensor(tmp_path):
    """A tensor in which calibration only saw 0 gets the scale 1, not a division by 0."""
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Add", ["a", "x"], ["y"])],
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", 3])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    quantize(saved(model, tmp_path), {"x": np.zeros((4, 3), np.float32)}, output_path=tmp_path / "q.onnx")
    assert run(tmp_path / "q.onnx", {"x": np.zeros((1, 3), np.float32)}).tolist() == [[0, 0, 0]]
