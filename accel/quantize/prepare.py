"""Reads a float model and brings it into the form that quantises well, or says by name why it cannot be quantised."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import TensorProto

from accel.errors import InputError, ModelError, shown
from accel.quantize.runtime import check, load, write_folded

OLDEST_OPSET = 13

KEEPS_SCALE = frozenset(
    {"MaxPool", "AveragePool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity"}
)
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
QUANTISED = (
    KEEPS_SCALE
    | WEIGHTED
    | {"GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Add", "Mul", "Concat"}
    | {"Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "Tanh", "HardSwish"}
)
FLOAT_HEADS = frozenset({"Softmax", "LogSoftmax"})
_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_QUANTISED_ALREADY = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"}
    | {"ConvInteger", "MatMulInteger", "QGemm", "QLinearAdd"}
)


def prepare(path: Path) -> onnx.ModelProto:
    """Return the model with constants and batch normalisation folded and every ReLU in front of its MaxPool.

    Raises
    ------
    InputError
        If there is no such file.
    ModelError
        If it is not a float feed-forward model made of operators that have an integer form.
    """
    model = _load(path)
    _refuse_what_has_no_integers(model)
    model = _fold(model)
    _refuse_what_did_not_fold(model)
    _pull_relu_before_max_pool(model.graph)
    _name_every_node(model.graph)
    return model


def initializers(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return a graph's constants by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def real_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return a graph's inputs, without the constants that old models list among them."""
    constants = initializers(graph)
    return [value for value in graph.input if value.name not in constants]


def is_head(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    """Say whether `node` is a float op whose results leave the graph without passing a quantised op."""
    if node.op_type not in FLOAT_HEADS:
        return False
    readers = [reader for reader in graph.node if set(reader.input) & set(node.output)]
    return all(is_head(graph, reader) for reader in readers)


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = load(path)
        check(model)
    except FileNotFoundError as error:
        raise InputError(f"model {str(path)!r} does not exist") from error
    except OSError as error:
        raise InputError(f"model {str(path)!r} cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's and the checker's own exception types share no base class
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"model {str(path)!r} is not a valid ONNX model: {shown(reason)}") from error
    return model


def _refuse_what_has_no_integers(model: onnx.ModelProto) -> None:
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST_OPSET:
        raise ModelError(f"model must use ONNX opset {OLDEST_OPSET} or newer, not {opset}")
    for value in real_inputs(model.graph):
        kind = value.type.tensor_type.elem_type
        if kind != TensorProto.FLOAT:
            raise ModelError(
                f"input {shown(value.name)} must be float32, not {TensorProto.DataType.Name(kind).lower()}"
            )
    for node in model.graph.node:
        if node.op_type in _QUANTISED_ALREADY:
            raise ModelError(f"{_described(node)} is an integer operator: the model is quantised already")
        if node.op_type in _RECURRENT:
            raise ModelError(
                f"{_described(node)} is recurrent: integers for recurrent layers come with accel.cell formats"
            )


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model as onnxruntime's basic optimisations leave it: constants, BatchNormalization, Dropout folded."""
    with tempfile.TemporaryDirectory(prefix="accel-") as scratch:
        folded = Path(scratch) / "folded.onnx"
        try:
            write_folded(model, folded)
        except Exception as error:  # onnxruntime's exception types share no public base class
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"onnxruntime cannot run the model: {shown(reason)}") from error
        result = load(folded)
    used = {node.domain for node in result.graph.node}
    opsets = [entry for entry in result.opset_import if entry.domain == "" or entry.domain in used]
    del result.opset_import[:]
    result.opset_import.extend(opsets)
    return onnx.shape_inference.infer_shapes(result)


def _refuse_what_did_not_fold(model: onnx.ModelProto) -> None:
    constants = initializers(model.graph)
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            raise ModelError(f"{_described(node)} must follow a Conv or MatMul alone, to be folded into its weights")
        known = node.domain in ("", "ai.onnx") and (node.op_type in QUANTISED or is_head(model.graph, node))
        if not known:
            place = " inside the graph" if node.op_type in FLOAT_HEADS else ""
            raise ModelError(
                f"{_described(node)}{place} has no integer form; accepted: {', '.join(sorted(QUANTISED))}, "
                f"and at the end {', '.join(sorted(FLOAT_HEADS))}"
            )
        if node.op_type in WEIGHTED:
            for name in node.input[1:]:
                if name and name not in constants:
                    raise ModelError(
                        f"{_described(node)} must have constant weights and bias, but {shown(name)} is computed"
                    )
        if node.op_type == "Gemm":
            for attribute in node.attribute:
                if attribute.name == "alpha" and attribute.f != 1.0:
                    raise ModelError(f"{_described(node)} must have alpha 1, not {attribute.f:g}")


def _pull_relu_before_max_pool(graph: onnx.GraphProto) -> None:
    """Turn Conv, MaxPool, Relu into Conv, Relu, MaxPool: the same values, and the ReLU then folds into the Conv."""
    outputs = {value.name for value in graph.output}
    for relu in [node for node in graph.node if node.op_type == "Relu"]:
        pool = next((node for node in graph.node if relu.input[0] in node.output), None)
        readers = [node for node in graph.node if relu.input[0] in node.input]
        movable = pool is not None and pool.op_type == "MaxPool" and len(pool.output) == 1 and len(readers) == 1
        if pool is None or not movable or pool.output[0] in outputs:
            continue
        before, between, after = pool.input[0], pool.output[0], relu.output[0]
        relu.input[0], relu.output[0] = before, between
        pool.input[0], pool.output[0] = between, after
        nodes = list(graph.node)
        at_pool, at_relu = nodes.index(pool), nodes.index(relu)
        nodes[at_pool], nodes[at_relu] = nodes[at_relu], nodes[at_pool]
        moved = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(moved)
        del graph.value_info[:]


def _name_every_node(graph: onnx.GraphProto) -> None:
    taken = {node.name for node in graph.node}
    for index, node in enumerate(graph.node):
        if not node.name:
            name = f"{node.op_type.lower()}_{index}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)


def _described(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {shown(node.name or (node.output[0] if node.output else ''))}"
