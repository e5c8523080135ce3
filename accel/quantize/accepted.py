"""Which operators accel quantises, and one line for every model that it does not."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto, numpy_helper

from accel.errors import ModelError, shown
from accel.quantize.graphs import described, initializers, opset, real_inputs

OLDEST_OPSET = 7
"""Older models are refused."""

KEEPS_SCALE = frozenset(
    {"MaxPool", "AveragePool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Slice", "Gather"}
    | {"DepthToSpace", "Resize", "Split", "Pad"}
)
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
QUANTISED = (
    KEEPS_SCALE
    | WEIGHTED
    | {"GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Add", "Sub", "Mul", "Concat"}
    | {"Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "Tanh", "HardSwish", "Elu", "Gelu", "Softplus"}
)
FLOAT_HEADS = frozenset({"ArgMax", "LogSoftmax", "Softmax"})
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_QUANTISED_ALREADY = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"}
    | {"ConvInteger", "MatMulInteger", "QGemm", "QLinearAdd"}
)


def heads(graph: onnx.GraphProto) -> set[str]:
    """Return the outputs of the float ops whose results leave the graph without passing a quantised op."""
    found: set[str] = set()
    read_by_others: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type in FLOAT_HEADS and not read_by_others & set(node.output):
            found.update(node.output)
        else:
            read_by_others.update(node.input)
    return found


def refuse_at_sight(model: onnx.ModelProto) -> None:
    """Raise ModelError for a model that no folding will make quantisable: not float, or quantised already."""
    if opset(model) < OLDEST_OPSET:
        raise ModelError(f"model must use ONNX opset {OLDEST_OPSET} or newer, not {opset(model)}")
    if not real_inputs(model.graph):
        raise ModelError("model must have at least one input")
    for value in real_inputs(model.graph):
        kind = value.type.tensor_type.elem_type
        if kind != TensorProto.FLOAT:
            raise ModelError(
                f"input {shown(value.name)} must be float32, not {TensorProto.DataType.Name(kind).lower()}"
            )
    for node in model.graph.node:
        if node.op_type in _QUANTISED_ALREADY:
            raise ModelError(f"{described(node)} is an integer operator: the model is quantised already")


def refuse_what_did_not_fold(model: onnx.ModelProto) -> None:
    """Raise ModelError for the first node of a folded model that has no integer form."""
    constants = initializers(model.graph)
    at_the_end = heads(model.graph)
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            raise ModelError(f"{described(node)} must have constant parameters and follow a Conv, Gemm or MatMul")
        accepted = node.op_type in QUANTISED | RECURRENT or node.output[0] in at_the_end
        known = node.domain in ("", "ai.onnx") and accepted
        if not known:
            place = " inside the graph" if node.op_type in FLOAT_HEADS else ""
            raise ModelError(
                f"{described(node)}{place} has no integer form; accepted: {', '.join(sorted(QUANTISED | RECURRENT))}, "
                f"and at the end {', '.join(sorted(FLOAT_HEADS))}"
            )
        if node.op_type in WEIGHTED:
            _refuse_weights(node, constants)
        if node.op_type in RECURRENT:
            _refuse_computed(node, (1, 2, 3, 7), constants)
        if node.op_type == "Resize":
            _refuse_interpolation(node)
        if node.op_type == "Clip":
            _refuse_clip_without_zero(node, constants)


def _refuse_computed(node: onnx.NodeProto, places: Iterable[int], constants: dict[str, onnx.TensorProto]) -> None:
    for place in places:
        name = node.input[place] if place < len(node.input) else ""
        if name and name not in constants:
            raise ModelError(f"{described(node)} must have constant weights and bias, but {shown(name)} is computed")


def _refuse_weights(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> None:
    """Refuse a weighted node whose output channels have no scale of their own, or whose sum is scaled afterwards."""
    _refuse_computed(node, range(1, len(node.input)), constants)
    rank = len(constants[node.input[1]].dims)
    if node.op_type == "MatMul" and rank != 2:
        raise ModelError(f"{described(node)} must have a weight of 2 axes, not {rank}")
    if node.op_type == "Gemm":
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if "alpha" in attributes and attributes["alpha"].f != 1.0:
            raise ModelError(f"{described(node)} must have alpha 1, not {attributes['alpha'].f:g}")
        if "transA" in attributes and attributes["transA"].i:
            raise ModelError(f"{described(node)} must have transA 0, not {attributes['transA'].i}")
    if len(node.input) > 2 and node.input[2] and node.op_type == "Gemm":
        dims = list(constants[node.input[2]].dims)
        if any(size != 1 for size in dims[:-1]):
            raise ModelError(f"{described(node)} must have one bias per output, not an array of shape {tuple(dims)}")


def _refuse_interpolation(node: onnx.NodeProto) -> None:
    modes = [attribute.s.decode(errors="replace") for attribute in node.attribute if attribute.name == "mode"]
    if modes and modes[0] != "nearest":
        raise ModelError(f"{described(node)} must have mode nearest, not {shown(modes[0])}")


def _refuse_clip_without_zero(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> None:
    """Refuse a Clip that the saturation of an integer scale, which always holds 0, cannot stand for."""
    for name, sign in zip(node.input[1:], (-1, 1), strict=False):
        if not name:
            continue
        if name not in constants:
            raise ModelError(f"{described(node)} must have constant bounds, but {shown(name)} is computed")
        bound = float(numpy_helper.to_array(constants[name]).reshape(-1)[0])
        if bound * sign < 0 or bound != bound:
            raise ModelError(f"{described(node)} must have 0 between its bounds, but one of them is {bound:g}")
