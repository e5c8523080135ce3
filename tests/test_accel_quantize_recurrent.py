"""Recurrent models: quantised, read back, and held against float and against onnxruntime."""

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel import load, onnx_import, reference, shipped
from accel.cell import BIAS_GUARD_BITS, METADATA_PREFIX, CellFormats
from accel.errors import InputError, ModelError
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.quantize import accuracy, quantize

RECURRENT = ("gru", "lstm", "rnn")
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, FEATURES, SAMPLES = 6, 5, 24


def onnxruntime(model, inputs):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


# --- the shipped models -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return {
        name: (
            dict(np.load(shipped.calibration_path(name))),
            dict(np.load(shipped.inputs_path(name))),
            np.load(shipped.labels_path(name))["labels"],
        )
        for name in RECURRENT
    }


@pytest.mark.parametrize("hidden_bits", [8, 16])
@pytest.mark.parametrize("name", RECURRENT)
def test_eight_bit_weights_cost_at_most_half_a_point(digits, tmp_path, name, hidden_bits):
    calibration, inputs, labels = digits[name]
    path = tmp_path / "q.onnx"
    quantize(shipped.path(name), calibration, hidden_bits=hidden_bits, output_path=path)
    of_float = accuracy(onnxruntime(shipped.path(name), inputs)["logits"], labels)
    of_integer = accuracy(reference.run(load(path), inputs)["logits"], labels)
    print(f"{name}, {hidden_bits}-bit hidden state: float {of_float:.2%}, integer {of_integer:.2%}")
    assert of_integer >= of_float - 0.005


@pytest.mark.parametrize("name", RECURRENT)
def test_shipped_integer_models_are_what_quantize_writes(digits, tmp_path, name):
    path = tmp_path / "q.onnx"
    quantize(shipped.path(name), digits[name][0], output_path=path)
    fresh, kept = onnx.load(path), onnx.load(shipped.path(f"{name}_qdq"))
    assert {i.name: i.SerializeToString() for i in fresh.graph.initializer} == {
        i.name: i.SerializeToString() for i in kept.graph.initializer
    }
    assert [e.value for e in fresh.metadata_props if e.key.startswith(METADATA_PREFIX)] == [
        e.value for e in kept.metadata_props if e.key.startswith(METADATA_PREFIX)
    ]


@pytest.mark.parametrize("bits", range(4, 8))
def test_narrow_weights_are_marked_and_hold(digits, tmp_path, bits):
    calibration, inputs, _ = digits["lstm"]
    path = tmp_path / "q.onnx"
    quantize(shipped.path("lstm"), calibration, weight_bits=bits, output_path=path)
    network = load(path)
    (cell,) = [node.layer for node in network if isinstance(node.layer, IntegerRecurrent)]
    assert cell.weight_bits == bits
    assert max(np.abs(cell.weight).max(), np.abs(cell.recurrence).max()) <= (1 << (bits - 1)) - 1
    difference = reference.run(network, inputs)["logits"] - onnxruntime(path, inputs)["logits"]
    assert np.abs(difference).mean() < 0.05  # of logits with a standard deviation of 2


# --- every form a recurrent node takes ----------------------------------------------------------------------------


class Graph:
    """A model being written, node by node, with random weights."""

    def __init__(self, inputs, seed=0):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []
        self.inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()]

    def constant(self, value):
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, *shape, gain=1.0):
        return self.constant((self.rng.standard_normal(shape) * gain / np.sqrt(shape[-1])).astype(np.float32))

    def node(self, op, *inputs, outputs=None, **attributes):
        name = f"{op.lower()}{len(self.nodes)}"
        outputs = outputs or [f"{name}.y"]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=name, **attributes))
        return outputs[0]

    def cell(self, op, x, features, hidden, outputs, states=(), peepholes=False, lengths="", **attributes):
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        rows = GATES[op] * hidden
        parts = [
            self.weights(directions, rows, features, gain=1.5),
            self.weights(directions, rows, hidden, gain=1.5),
            self.weights(directions, 2 * rows),
            lengths,
            *states,
        ]
        if peepholes:
            parts += [""] * (6 - len(parts)) + [self.weights(directions, 3 * hidden)]
        return self.node(op, x, *parts, outputs=list(outputs), hidden_size=hidden, **attributes)

    def dense(self, x, features, outputs):
        return self.node("Gemm", x, self.weights(outputs, features), self.weights(outputs), transB=1)

    def model(self, **outputs):
        values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()]
        graph = helper.make_graph(self.nodes, "net", self.inputs, values, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


CUTS = ("Gather", "Slice")
TIME_MAJOR = {"x": (STEPS, "n", FEATURES)}


def sequence(op, **attributes):
    g = Graph(TIME_MAJOR)
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    g.cell(op, "x", FEATURES, 7, ["y"], **attributes)
    return g.model(y=(STEPS, directions, "n", 7))


def every_output(op):
    g = Graph(TIME_MAJOR)
    names = ["y", "h", "c"][: 3 if op == "LSTM" else 2]
    g.cell(op, "x", FEATURES, 7, names)
    return g.model(**{n: (STEPS, 1, "n", 7) if n == "y" else (1, "n", 7) for n in names})


def initial_states(op):
    states = {"h0": (1, "n", 7), "c0": (1, "n", 7)}
    states = states if op == "LSTM" else {"h0": states["h0"]}
    g = Graph(TIME_MAJOR | states)
    g.cell(op, "x", FEATURES, 7, ["y", "h"], states=list(states))
    return g.model(y=(STEPS, 1, "n", 7), h=(1, "n", 7))


def constant_states(op, batch=SAMPLES, spread=0.0, **attributes):
    """Initial states that are constants, ``spread`` apart from sample to sample."""
    g = Graph({"x": (STEPS, batch, FEATURES)})
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    apart = spread * np.arange(batch, dtype=np.float32)[:, None]
    states = [
        g.constant(g.rng.uniform(-0.9, 0.9, (directions, 1, 7)).astype(np.float32) + apart)
        for _ in range(2 if op == "LSTM" else 1)
    ]
    g.cell(op, "x", FEATURES, 7, ["y", "h"], states=states, **attributes)
    return g.model(y=(STEPS, directions, batch, 7), h=(directions, batch, 7))


def cut_short(op, lengths=(STEPS - 2,) * SAMPLES, **attributes):
    """Sequences that end before their input does."""
    g = Graph({"x": (STEPS, len(lengths), FEATURES)})
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    given = g.constant(np.array(lengths, np.int32))
    g.cell(op, "x", FEATURES, 7, ["y", "h"], lengths=given, **attributes)
    return g.model(y=(STEPS, directions, len(lengths), 7), h=(directions, len(lengths), 7))


def classifier(op, **attributes):
    """Samples first; the last hidden state, through a dense layer and a Softmax."""
    g = Graph({"x": ("n", STEPS, FEATURES)})
    x = g.node("Transpose", "x", perm=[1, 0, 2])
    g.cell(op, x, FEATURES, 7, ["", "last"], **attributes)
    x = g.node("Squeeze", "last", g.constant(np.array([0])))
    g.node("Softmax", g.dense(x, 7, 4), outputs=["p"], axis=1)
    return g.model(p=("n", 4))


def stacked_both_ways(op):
    g = Graph(TIME_MAJOR)
    y = g.cell(op, "x", FEATURES, 7, ["y0"], direction="bidirectional")
    y = g.node("Transpose", y, perm=[0, 2, 1, 3])
    y = g.node("Reshape", y, g.constant(np.array([0, 0, -1])))
    g.cell(op, y, 14, 5, ["y1", "last"])
    y = g.node("Squeeze", "y1", g.constant(np.array([1])))
    g.node("Relu", y, outputs=["y"])
    return g.model(y=(STEPS, "n", 5))


def behind_dense(op):
    g = Graph({"x": ("n", STEPS, FEATURES)})
    y = g.node("MatMul", "x", g.weights(FEATURES, 8))
    y = g.node("Relu", y)
    y = g.node("Transpose", y, perm=[1, 0, 2])
    g.cell(op, y, 8, 7, ["y"])
    y = g.node("Transpose", g.node("Squeeze", "y", g.constant(np.array([1]))), perm=[1, 0, 2])
    g.node("MatMul", y, g.weights(7, 3), outputs=["z"])
    return g.model(z=("n", STEPS, 3))


def last_step_of_the_sequence(op, cut):
    """As PyTorch exports ``sequence[:, -1]``."""
    g = Graph({"x": ("n", STEPS, FEATURES)})
    y = g.cell(op, g.node("Transpose", "x", perm=[1, 0, 2]), FEATURES, 7, ["y"])
    y = g.node("Transpose", g.node("Squeeze", y, g.constant(np.array([1]))), perm=[1, 0, 2])
    if cut == "Gather":
        y = g.node("Gather", y, g.constant(np.array(-1)), axis=1)
    else:
        bounds = [g.constant(np.array([v])) for v in (-1, 2**31, 1)]
        y = g.node("Squeeze", g.node("Slice", y, *bounds), g.constant(np.array([1])))
    g.nodes[-1].output[0] = "last"
    g.node("Gemm", "last", g.weights(4, 7), g.weights(4), transB=1, outputs=["z"])
    return g.model(z=("n", 4))


MODELS = {
    **{f"{op} sequence": lambda op=op: sequence(op) for op in GATES},
    **{f"{op} reverse": lambda op=op: sequence(op, direction="reverse") for op in GATES},
    **{f"{op} both ways": lambda op=op: sequence(op, direction="bidirectional") for op in GATES},
    **{f"{op} every output": lambda op=op: every_output(op) for op in GATES},
    **{f"{op} initial states": lambda op=op: initial_states(op) for op in GATES},
    **{f"{op} constant states": lambda op=op: constant_states(op, direction="bidirectional") for op in GATES},
    **{f"{op} cut short": lambda op=op: cut_short(op, direction="bidirectional") for op in GATES},
    **{f"{op} classifier": lambda op=op: classifier(op) for op in GATES},
    **{f"{op} stacked": lambda op=op: stacked_both_ways(op) for op in GATES},
    **{f"{op} behind a dense layer": lambda op=op: behind_dense(op) for op in GATES},
    **{f"{op} last step by {c}": lambda op=op, c=c: last_step_of_the_sequence(op, c) for op in GATES for c in CUTS},
    "RNN relu": lambda: classifier("RNN", activations=["Relu"]),
    "GRU reset after": lambda: sequence("GRU", linear_before_reset=1),
    "GRU reset after, both ways": lambda: sequence("GRU", linear_before_reset=1, direction="bidirectional"),
    "LSTM peepholes": lambda: sequence("LSTM", peepholes=True),
    "LSTM coupled gates": lambda: sequence("LSTM", input_forget=1),
    "LSTM clipped": lambda: sequence("LSTM", clip=1.5),
    "LSTM hard": lambda: sequence("LSTM", activations=["HardSigmoid", "Tanh", "Softsign"]),
}


def data(model, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {}
    for value in model.graph.input:
        shape = [d.dim_value if d.HasField("dim_value") else SAMPLES for d in value.type.tensor_type.shape.dim]
        bound = 1.0 if value.name in ("h0", "c0") else 2.0
        arrays[value.name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return arrays


@pytest.mark.parametrize("hidden_bits", [8, 16])
@pytest.mark.parametrize("name", MODELS)
def test_every_form_stays_close_to_float(tmp_path, name, hidden_bits):
    model = MODELS[name]()
    onnx.save(model, tmp_path / "m.onnx")
    inputs = data(model)
    path = tmp_path / "q.onnx"
    quantize(tmp_path / "m.onnx", inputs, hidden_bits=hidden_bits, output_path=path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    network = load(path)
    assert all(node.layer.cell is not None for node in network if isinstance(node.layer, IntegerRecurrent))
    integer = reference.run(network, inputs)
    wanted = onnxruntime(tmp_path / "m.onnx", inputs)
    approximated = onnxruntime(path, inputs)
    assert list(integer) == list(wanted)
    for output, want in wanted.items():
        spread = want.std()
        assert integer[output].shape == want.shape
        # Weights of 8 bits and inputs of 8 bits cost about a hundredth of the spread, whoever rounds them.
        assert np.sqrt(np.mean(np.square(integer[output] - want))) < 0.04 * spread
        difference = np.abs(integer[output] - approximated[output])
        print(f"{name}: {output}: largest {difference.max():.4f}, mean {difference.mean():.5f}, spread {spread:.3f}")
        assert difference.mean() < 0.02 * spread


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_sequences_that_are_cut_short_run_so_in_floats(tmp_path, op, direction):
    model = cut_short(op, direction=direction)
    onnx.save(model, tmp_path / "m.onnx")
    given, wanted = reference.run(load(tmp_path / "m.onnx"), data(model)), onnxruntime(tmp_path / "m.onnx", data(model))
    assert list(given) == list(wanted)
    assert not wanted["y"][STEPS - 2 :].any()
    for output, want in wanted.items():
        np.testing.assert_allclose(given[output], want, atol=1e-5)


# --- the error of one step, as docs/recurrent.md states it ---------------------------------------------------------


def step_bound(layer, states):
    """The largest error of every unit's outputs after one step from exact ``states``, shape (n, hidden)."""
    cell, size = layer.cell, layer.hidden_size
    tables = [max(curve.max_error, curve.tail_error) for curve in layer.curves]
    half = [form.scale / 2 for form in (cell.preactivation, cell.hidden)]
    most = [np.abs(matrix.astype(int)).sum(axis=2).max() for matrix in (layer.weight, layer.recurrence)]
    multipliers = (most[0] * 255 + most[1] * 128) * 2.0 ** -(layer.product_fraction + 1)
    p = half[0] * (1 + 1 / 128) + multipliers
    h = states[0]
    if layer.op == "RNN":
        return [np.full(h.shape, p + tables[0] + half[1])]
    gate = p / 4 + tables[0]
    if layer.op == "LSTM":
        entering = p + tables[1]
        state = np.abs(states[1]) * gate + gate + entering + gate * entering + cell.state.scale / 2
        return [gate + state + half[0] + tables[2] + half[1], state]
    scales = layer.requantize.scales.reshape(layer.directions, 2, -1)[0, 1, 2 * size :] * cell.preactivation.scale
    weights = layer.recurrence[0, 2 * size :] * scales[:, None] / cell.hidden.scale
    if layer.linear_before_reset:
        bias = np.split(layer.bias[0], 2)[1][2 * size :] * cell.preactivation.scale / 2**BIAS_GUARD_BITS
        fed_back = gate * np.abs(h @ weights.T + bias) + p
    else:
        fed_back = np.abs(weights).sum(axis=1) * (gate + half[1])
    return [p + fed_back + tables[1] + 2 * gate + half[1] + np.zeros(h.shape)]


@pytest.mark.parametrize("hidden_bits", [8, 16])
@pytest.mark.parametrize(
    ("op", "attributes"), [("RNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1})]
)
def test_one_step_stays_within_the_stated_error(tmp_path, op, attributes, hidden_bits):
    states = {"h0": (1, "n", 7), "c0": (1, "n", 7)} if op == "LSTM" else {"h0": (1, "n", 7)}
    g = Graph({"x": (1, "n", FEATURES)} | states)
    outputs = {"h": (1, "n", 7), "c": (1, "n", 7)} if op == "LSTM" else {"h": (1, "n", 7)}
    g.cell(op, "x", FEATURES, 7, ["", *outputs], states=list(states), **attributes)
    onnx.save(g.model(**outputs), tmp_path / "m.onnx")
    inputs = {name: np.repeat(array, 20, axis=1) for name, array in data(g.model(**outputs)).items()}
    rng = np.random.default_rng(1)
    inputs = {name: array * rng.uniform(-1, 1, array.shape).astype(np.float32) for name, array in inputs.items()}
    path = tmp_path / "q.onnx"
    quantize(tmp_path / "m.onnx", inputs, hidden_bits=hidden_bits, output_path=path)
    network = load(path)
    (node,) = [node for node in network if isinstance(node.layer, IntegerRecurrent)]
    traced = reference.trace(network, inputs)
    exact = [traced[t][:, 0] * network.tensors[t].quantization.scale for t in node.inputs[1:]]
    integer, wanted = reference.run(network, inputs), onnxruntime(path, inputs)
    for name, bound, form in zip(outputs, step_bound(node.layer, exact), node.layer.outputs[1:], strict=True):
        error = np.abs(integer[name][0] - wanted[name][0])
        print(f"{op}, {hidden_bits} bits: {name}: largest {error.max():.5f}, bound {bound.max():.5f}")
        assert (error <= bound + form.scale / 2).all()  # onnxruntime's answer is rounded to the same format


# --- refusals -----------------------------------------------------------------------------------------------------


def refused(tmp_path, model, message, error=ModelError, inputs=None, **more):
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(error, match=message):
        quantize(tmp_path / "m.onnx", inputs or data(model), output_path=tmp_path / "q.onnx", **more)
    assert not (tmp_path / "q.onnx").exists()


def test_weights_below_four_bits_are_refused(tmp_path):
    refused(
        tmp_path, sequence("GRU"), "weight_bits of a recurrent model must be 4 to 8, not 3", InputError, weight_bits=3
    )


def test_computed_weights_are_refused(tmp_path):
    g = Graph(TIME_MAJOR | {"r": (1, 7, 7)})
    g.node("RNN", "x", g.weights(1, 7, FEATURES), "r", outputs=["y"], hidden_size=7)
    refused(tmp_path, g.model(y=(STEPS, 1, "n", 7)), "must have constant weights and bias, but 'r' is computed")


def test_constant_states_that_differ_from_sample_to_sample_are_refused(tmp_path):
    model = constant_states("GRU", batch=2, spread=0.25)
    refused(tmp_path, model, "a constant initial state h must be the same for every sample")


@pytest.mark.parametrize("lengths", [(2, 1), (0, 0), (STEPS + 1,) * 2], ids=str)
def test_lengths_that_no_schedule_has_are_refused(tmp_path, lengths):
    model = cut_short("GRU", lengths)
    message = f"sequence_lens must all be one length from 1 to {STEPS}, not"
    if max(lengths) <= STEPS:  # onnxruntime refuses the others
        refused(tmp_path, model, message)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=message):
        load(tmp_path / "m.onnx")


def test_calibration_has_its_samples_on_the_batch_axis(tmp_path):
    wrong = {"x": np.zeros((SAMPLES, STEPS, FEATURES), np.float32)}
    message = rf"'x' must have shape \({STEPS}, n, {FEATURES}\), not \({SAMPLES}, {STEPS}, {FEATURES}\)"
    refused(tmp_path, sequence("RNN"), message, InputError, wrong)


@pytest.fixture(scope="module")
def quantised(tmp_path_factory):
    folder = tmp_path_factory.mktemp("q")
    model = classifier("LSTM")
    onnx.save(model, folder / "m.onnx")
    quantize(folder / "m.onnx", data(model), output_path=folder / "q.onnx")
    return folder / "q.onnx"


def spoiled(path, change):
    model = onnx.load(path)
    (entry,) = [e for e in model.metadata_props if e.key.startswith(METADATA_PREFIX)]
    change(model, entry)
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, e: m.metadata_props.remove(e), r"\(LSTM\): the model must carry the formats .*: run accel quantize"),
        (lambda m, e: setattr(e, "value", "{"), r"\(LSTM\): the formats of a recurrent cell must be JSON"),
        (
            lambda m, e: setattr(e, "value", e.value.replace('"state": {', '"state": null, "peephole": {')),
            "a cell state",
        ),
        (lambda m, e: setattr(e, "value", e.value.replace('"version": 1', '"version": 7')), "version 1, not '7'"),
    ],
)
def test_a_model_whose_formats_are_missing_or_spoiled_is_refused(quantised, change, message):
    with pytest.raises(ModelError, match=message) as caught:
        onnx_import.load(spoiled(quantised, change))
    assert "\n" not in str(caught.value)


def test_the_model_says_what_was_asked_for(quantised):
    model = onnx.load(quantised)
    settings = json.loads(next(e.value for e in model.metadata_props if e.key == "accel.quantize"))
    assert settings["hidden_bits"] == 8
    assert CellFormats.from_json(next(e.value for e in model.metadata_props if e.key == f"{METADATA_PREFIX}lstm1"))
