"""Every layer's eight-bit examples, written as quantised ONNX models, against onnxruntime: import and arithmetic."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from accel import reference
from accel.layers import registry
from accel.layers.base import Example
from accel.onnx_import import load

SAMPLES = 40
WEIGHT_SCALE = 0.0123


def windowed(layer) -> dict:
    return {
        "kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding, "dilations": layer.dilation,
    }  # fmt: skip


def pooled(layer) -> dict:
    return {**windowed(layer), "ceil_mode": int(layer.ceil_mode)}


ATTRIBUTES = {
    "Conv": lambda layer: {**windowed(layer), "group": layer.groups},
    "ConvTranspose": lambda layer: {
        **windowed(layer), "group": layer.groups, "output_padding": layer.output_padding,
    },
    "Dense": lambda layer: {"transB": 1},
    "MaxPool": pooled,
    "AveragePool": lambda layer: {**pooled(layer), "count_include_pad": int(layer.count_include_pad)},
    "ReduceMean": lambda layer: {"axes": [axis + 1 for axis in layer.axes], "keepdims": int(layer.keepdims)},
    "Concat": lambda layer: {"axis": layer.axis + 1},
    "Transpose": lambda layer: {"perm": [0, *(axis + 1 for axis in layer.axes)]},
    "LeakyRelu": lambda layer: {"alpha": layer.alpha},
    "Elu": lambda layer: {"alpha": layer.alpha},
    "HardSigmoid": lambda layer: {"alpha": layer.alpha, "beta": layer.beta},
    "DepthToSpace": lambda layer: {"blocksize": layer.block, "mode": "CRD" if layer.channels_first else "DCR"},
    "ReflectPad": lambda layer: {"mode": "reflect"},
    "Gelu": lambda layer: {"approximate": "tanh" if layer.approximate else "none"},
}  # fmt: skip
OPERATORS = {"Dense": "Gemm", "ReflectPad": "Pad", "Rescale": "Identity"}
NEAR_TIES = {"AveragePool", "GlobalAveragePool", "ReduceMean", "Softplus", "Gelu"}
"""Operators whose examples meet ties on purpose or by nature, so that one step is common: a mean over six equal scales
ends in one half, which the multiplier for a sixth is a little off; softplus of a large number is that number in float32
and a little more in float64."""
BEYOND_ONNXRUNTIME = {("AveragePool", "dilation")}
"""It wants padding below the kernel, however far dilation spreads it."""
LOWEST, HIGHEST = -1e30, 1e30


def pads(layer) -> list[int]:
    axes = len(layer.padding) // 2
    return [0, *layer.padding[:axes], 0, *layer.padding[axes:]]


def cuts(layer) -> tuple[list[int], ...]:
    """Starts, ends, axes and steps of a Slice; an end before the first element is the lowest int64."""
    ends = [s + n * d for s, n, d in zip(layer.start, layer.count, layer.step, strict=True)]
    axes = range(1, len(ends) + 1)
    return list(layer.start), [e if e >= 0 else -(2**63) for e in ends], list(axes), list(layer.step)


ELSEWHERE = {"ArgMax", "RNN", "LSTM", "GRU", "Resize"}

EXTRA_INPUTS = {
    "Reshape": lambda layer: [np.array([-1, *layer.shape])],
    "Pad": lambda layer: [np.array(pads(layer))],
    "ReflectPad": lambda layer: [np.array(pads(layer))],
    "Slice": lambda layer: [np.array(v) for v in cuts(layer)],
    "Pow": lambda layer: [np.float32(layer.exponent)],
    "Clip": lambda layer: [np.float32(max(layer.low, LOWEST)), np.float32(min(layer.high, HIGHEST))],
}
"""Constants that are not quantised."""


def eligible(op: str, example: Example) -> bool:
    """Eight-bit examples that one quantised ONNX operator can express; a Gemm takes vectors.

    Resize has operands of another kind, ArgMax a result of another; test_accel_onnx_import.py holds them. A
    Rearrangement is several operators, each of which has examples.
    """
    if (
        not example.is_integer
        or op in ("ArgMax", "RNN", "LSTM", "GRU", "Resize", "Rearrangement")
        or (op, example.name) in BEYOND_ONNXRUNTIME
    ):
        return False
    whole = [q.bits == 8 and (q.low, q.high) == q.type_range for q in (*example.quantizations, example.output)]
    return all(whole) and not (op == "Dense" and len(example.shapes[0]) > 1)


CASES = [(op, e) for op, layer in registry().items() for e in layer.examples() if eligible(op, e)]


def operator(op: str, example: Example) -> str:
    """The name of an example's operator in ONNX."""
    return "Sum" if op == "Add" and len(example.shapes) > 2 else OPERATORS.get(op, op)


class Model:
    """A model under construction."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name: str, array) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def dequantized(self, name: str, scale, zero_point, axis: int = 0) -> str:
        """Add a DequantizeLinear of the integers called ``name``; return its output."""
        scale_name = self.constant(f"{name}.scale", np.float32(scale))
        zero = self.constant(f"{name}.zero", zero_point)
        attributes = {"axis": axis} if np.ndim(scale) else {}
        self.nodes.append(
            helper.make_node("DequantizeLinear", [name, scale_name, zero], [f"{name}.real"], **attributes)
        )
        return f"{name}.real"


def onnx_model(op: str, example: Example) -> onnx.ModelProto:
    """The example between DequantizeLinear and QuantizeLinear, its weights quantised by one scale."""
    layer, model = example.layer, Model()
    declared, operands = [], []
    for i, (shape, q) in enumerate(zip(example.shapes, example.quantizations, strict=True)):
        kind = helper.np_dtype_to_tensor_dtype(q.dtype)
        declared.append(helper.make_tensor_value_info(f"x{i}", kind, ["n", *shape]))
        operands.append(model.dequantized(f"x{i}", q.scale, q.dtype.type(q.zero_point)))
    scale = np.float32(WEIGHT_SCALE)
    for name in layer.weight_shapes():
        values = getattr(layer, name)
        if name == "bias":
            model.constant(name, values.astype(np.int32))
            operands.append(model.dequantized(name, np.float32(example.quantizations[0].scale) * scale, np.int32(0)))
        else:
            model.constant(name, values.astype(np.int8))
            operands.append(model.dequantized(name, scale, np.int8(0)))
    extra = [model.constant(f"extra{i}", v) for i, v in enumerate(EXTRA_INPUTS.get(op, lambda _: [])(layer))]
    attributes = ATTRIBUTES.get(op, lambda _: {})(layer)
    model.nodes.append(helper.make_node(operator(op, example), [*operands, *extra], ["y.real"], **attributes))
    output = example.output
    scale_name = model.constant("y.scale", np.float32(output.scale))
    zero = model.constant("y.zero", output.dtype.type(output.zero_point))
    model.nodes.append(helper.make_node("QuantizeLinear", ["y.real", scale_name, zero], ["y"]))
    y = helper.make_tensor_value_info(
        "y", helper.np_dtype_to_tensor_dtype(output.dtype), ["n", *layer.infer(example.shapes)[0]]
    )
    graph = helper.make_graph(model.nodes, "example", declared, [y], model.constants)
    opset = 20 if op in ("Gelu", "AveragePool") else 17
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(made)
    return made


@pytest.fixture(scope="module")
def total():
    """Equal and all integers so far; the last test reads it."""
    return {"equal": 0, "all": 0}


@pytest.mark.parametrize(("op", "example"), CASES, ids=[f"{op}: {e.name}" for op, e in CASES])
def test_an_example_is_within_one_step(op: str, example: Example, total: dict):
    made = onnx_model(op, example)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = {f"x{i}": array for i, array in enumerate(example.inputs(SAMPLES, seed=4))}
    (want,) = session.run(["y"], x)
    got = reference.run(load(made), x)["y"]
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    difference = got.astype(int) - want
    assert np.abs(difference).max() <= 1
    if op not in NEAR_TIES:
        total["equal"] += int((difference == 0).sum())
        total["all"] += difference.size


def test_almost_all_are_equal(total: dict, capsys):
    assert total["all"], "the examples above must have run"
    equal = total["equal"] / total["all"]
    with capsys.disabled():
        print(f"\nlayer examples: {total['all']:,} integers, {equal:.4%} equal to onnxruntime's")
    assert equal >= 0.999
