"""The reference against onnxruntime with optimisations disabled, on the shipped quantised models.

Every quantised cluster, from the integers of its input to those of its output, is cut out as a model of its own.
onnxruntime computes it in float32, accel in integers with one rounding: they may differ by one step where the float
sum or product rounds to the other side of a tie, and not at all where scales are powers of two.
"""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from accel import reference, shipped
from accel.intervals import accumulator_interval
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.onnx_import import load

RECURRENT = {"LSTM", "GRU", "RNN"}  # onnxruntime runs those in floating point, by intent only approximately equal
MODELS = [
    name
    for name in shipped.names()
    if (shipped.folder() / f"{name}_qdq.onnx").exists()
    and RECURRENT.isdisjoint(node.op_type for node in onnx.load(shipped.path(name)).graph.node)
]
SAMPLES = 200
EXACT_FLOAT32 = 2**24


def session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def quantised(name: str) -> onnx.ModelProto:
    return onnx.load(shipped.path(f"{name}_qdq"))


def inputs(name: str) -> dict[str, np.ndarray]:
    with np.load(shipped.inputs_path(name)) as archive:
        return {key: archive[key] for key in archive.files}


def with_power_of_two_scales(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each scale moved to the nearest power of two, and biases at the product of theirs."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    constants = {i.name: i for i in graph.initializer}
    writers = {name: node for node in graph.node for name in node.output}
    dequantized = [n for n in graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    biases = {
        n.input[2]: (n.input[0], n.input[1]) for n in graph.node if n.op_type in ("Conv", "Gemm") and len(n.input) > 2
    }

    def put(name: str, array: np.ndarray) -> None:
        constants[name].CopyFrom(numpy_helper.from_array(array.astype(np.float32), name))

    for scale in {n.input[1] for n in dequantized if n.output[0] not in biases}:
        put(scale, 2.0 ** np.round(np.log2(numpy_helper.to_array(constants[scale]))))
    for bias, (x, weight) in biases.items():
        product = np.float32(1)
        for operand in (x, weight):
            product = product * numpy_helper.to_array(constants[writers[operand].input[1]])
        put(writers[bias].input[1], product)
    return changed


def clusters(model: onnx.ModelProto) -> list[tuple[list[str], str]]:
    """The integer input tensors and the integer output tensor of every cluster."""
    writers = {name: node for node in model.graph.node for name in node.output}
    constants = {i.name for i in model.graph.initializer}
    found = []
    for last in model.graph.node:
        if last.op_type != "QuantizeLinear":
            continue
        sources, waiting = [], [last.input[0]]
        while waiting:
            name = waiting.pop()
            node = writers.get(name)
            if node is None:
                if name not in constants:
                    sources.append(None)  # a graph input: not a cluster, but the network's border
            elif node.op_type == "DequantizeLinear":
                if node.input[0] not in constants and node.input[0] not in sources:
                    sources.append(node.input[0])
            else:
                waiting.extend(name for name in node.input if name)
        if sources and None not in sources:
            found.append((sources, last.output[0]))
    return found


def integers(model: onnx.ModelProto, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What onnxruntime computes for the output of every QuantizeLinear."""
    widened = onnx.ModelProto()
    widened.CopyFrom(model)
    names = [n.output[0] for n in model.graph.node if n.op_type == "QuantizeLinear"]
    del widened.graph.output[:]
    widened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return dict(zip(names, session(widened).run(names, x), strict=True))


def differences(model: onnx.ModelProto, x: dict[str, np.ndarray]) -> tuple[np.ndarray, int]:
    """Accel's integers less onnxruntime's over all clusters of a model, and the number of clusters.

    Each cluster gets the network's own integers, then random ones.
    """
    extractor = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model))
    real = integers(model, x)
    rng = np.random.default_rng(1)
    found, cut = [], clusters(model)
    for sources, output in cut:
        cluster = extractor.extract_model(sources, [output])
        network, oracle = load(cluster), session(cluster)
        drawn = {}
        for name in sources:
            limits = np.iinfo(real[name].dtype)
            shape = (20, *real[name].shape[1:])
            drawn[name] = rng.integers(limits.min, limits.max + 1, shape).astype(real[name].dtype)
        for values in ({name: real[name] for name in sources}, drawn):
            (want,) = oracle.run([output], values)
            got = reference.run(network, values)[output]
            assert got.dtype == want.dtype
            assert got.shape == want.shape
            found.append((got.astype(int) - want).ravel())
    return np.concatenate(found), len(cut)


@pytest.mark.parametrize("name", MODELS)
def test_clusters_are_within_one_step_and_almost_all_equal(name: str, capsys):
    x = {key: value[:SAMPLES] for key, value in inputs(name).items()}
    difference, count = differences(quantised(name), x)
    equal = np.mean(difference == 0)
    with capsys.disabled():
        print(f"\n{name}: {count} clusters, {difference.size:,} integers, {equal:.4%} equal to onnxruntime's")
    assert np.abs(difference).max() <= 1
    assert equal >= 0.999


@pytest.mark.parametrize("name", MODELS)
def test_clusters_with_power_of_two_scales_are_equal(name: str):
    x = {key: value[:50] for key, value in inputs(name).items()}
    model = with_power_of_two_scales(quantised(name))
    for node in load(model):
        if isinstance(node.layer, Conv | Dense):  # float32 must hold onnxruntime's sums exactly
            rows = node.layer.weight.reshape(len(node.layer.weight), -1)
            interval = accumulator_interval(rows, node.layer.bias, -255, 255, partial=True)
            assert max(-interval.low, interval.high) < EXACT_FLOAT32
    difference, _ = differences(model, x)
    assert np.array_equal(difference, np.zeros_like(difference))


@pytest.mark.parametrize("name", MODELS)
def test_networks_choose_the_same_class(name: str, capsys):
    model, x = quantised(name), inputs(name)
    (want,) = session(model).run(None, x)
    (got,) = reference.run(load(model), x).values()
    same = np.mean(got.reshape(len(got), -1).argmax(axis=1) == want.reshape(len(want), -1).argmax(axis=1))
    with capsys.disabled():
        print(f"\n{name}: same class as onnxruntime on {same:.2%} of {len(got)} inputs")
    assert same >= 0.995
