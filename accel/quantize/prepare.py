"""Reads a float model and brings it into the form that quantises well, or says by name why it cannot be quantised."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import TensorProto, numpy_helper

from accel.errors import InputError, ModelError, shown
from accel.quantize.batch_norm import absorb_batch_norms
from accel.quantize.graphs import described, initializers, reader_counts, real_inputs, reason, replace_nodes
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
    """Return the model with constants and batch normalisation folded and every ReLU next to the op it saturates.

    Raises
    ------
    InputError
        If there is no such file.
    ModelError
        If it is not a float feed-forward model made of operators that have an integer form.
    """
    model = _load(path)
    known = set(initializers(model.graph))
    _refuse_what_has_no_integers(model)
    model = _fold(model)
    absorb_batch_norms(model.graph)
    _rename_folded(model.graph, known)
    _refuse_what_did_not_fold(model)
    _pull_saturation_forward(model.graph)
    _name_every_node(model.graph)
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model)


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


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = load(path)
        check(model)
    except FileNotFoundError as error:
        raise InputError(f"model {shown(path)} does not exist") from error
    except OSError as error:
        raise InputError(f"model {shown(path)} cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's and the checker's own exception types share no base class
        raise ModelError(f"model {shown(path)} is not a valid ONNX model: {reason(error)}") from error
    return model


def _refuse_what_has_no_integers(model: onnx.ModelProto) -> None:
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST_OPSET:
        raise ModelError(f"model must use ONNX opset {OLDEST_OPSET} or newer, not {opset}")
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
        if node.op_type in _RECURRENT:
            raise ModelError(
                f"{described(node)} is recurrent: integers for recurrent layers come with accel.cell formats"
            )


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model as onnxruntime's basic optimisations leave it: constants, BatchNormalization, Dropout folded."""
    with tempfile.TemporaryDirectory(prefix="accel-") as scratch:
        folded = Path(scratch) / "folded.onnx"
        try:
            write_folded(model, folded)
        except Exception as error:  # onnxruntime's exception types share no public base class
            raise ModelError(f"onnxruntime cannot run the model: {reason(error)}") from error
        result = load(folded)
    used = {node.domain for node in result.graph.node}
    opsets = [entry for entry in result.opset_import if entry.domain == "" or entry.domain in used]
    del result.opset_import[:]
    result.opset_import.extend(opsets)
    return onnx.shape_inference.infer_shapes(result)


def _rename_folded(graph: onnx.GraphProto, known: set[str]) -> None:
    """Call the weights and biases that folding made after their node: conv1.weight, conv1.bias."""
    constants = initializers(graph)
    counts = reader_counts(graph)
    for node in graph.node:
        if node.op_type not in WEIGHTED or not node.name:
            continue
        for place, part in enumerate(("weight", "bias"), start=1):
            old = node.input[place] if len(node.input) > place else ""
            new = f"{node.name}.{part}"
            if old in constants and old not in known and new not in constants and counts[old] == 1:
                constants[new] = constants.pop(old)
                constants[new].name = node.input[place] = new


def _refuse_what_did_not_fold(model: onnx.ModelProto) -> None:
    constants = initializers(model.graph)
    at_the_end = heads(model.graph)
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            raise ModelError(f"{described(node)} must have constant parameters and follow a Conv, Gemm or MatMul")
        known = node.domain in ("", "ai.onnx") and (node.op_type in QUANTISED or node.output[0] in at_the_end)
        if not known:
            place = " inside the graph" if node.op_type in FLOAT_HEADS else ""
            raise ModelError(
                f"{described(node)}{place} has no integer form; accepted: {', '.join(sorted(QUANTISED))}, "
                f"and at the end {', '.join(sorted(FLOAT_HEADS))}"
            )
        if node.op_type in WEIGHTED:
            for name in node.input[1:]:
                if name and name not in constants:
                    raise ModelError(
                        f"{described(node)} must have constant weights and bias, but {shown(name)} is computed"
                    )
        if node.op_type == "Clip":
            _refuse_clip_without_zero(node, constants)
        if node.op_type == "Gemm":
            for attribute in node.attribute:
                if attribute.name == "alpha" and attribute.f != 1.0:
                    raise ModelError(f"{described(node)} must have alpha 1, not {attribute.f:g}")


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


def _pull_saturation_forward(graph: onnx.GraphProto) -> None:
    """Turn Conv, MaxPool, Relu into Conv, Relu, MaxPool: the same values, and the Relu then folds into the Conv.

    Holds for every op that selects or moves values, and for Clip as for Relu. Averages do not commute with them.
    """
    moved = True
    while moved:
        moved = False
        nodes = list(graph.node)
        counts = reader_counts(graph)
        maker = {name: index for index, node in enumerate(nodes) for name in node.output}
        for late, saturation in enumerate(nodes):
            early = maker.get(saturation.input[0]) if saturation.op_type in ("Relu", "Clip") else None
            if early is None or nodes[early].op_type not in KEEPS_SCALE - {"AveragePool"}:
                continue
            mover = nodes[early]
            if counts[saturation.input[0]] != 1 or len(mover.output) != 1:
                continue
            before, between, after = mover.input[0], mover.output[0], saturation.output[0]
            saturation.input[0], saturation.output[0] = before, between
            mover.input[0], mover.output[0] = between, after
            nodes[early], nodes[late] = nodes[late], nodes[early]
            replace_nodes(graph, nodes)
            moved = True
            break


def _name_every_node(graph: onnx.GraphProto) -> None:
    taken = {node.name for node in graph.node}
    for index, node in enumerate(graph.node):
        if not node.name:
            name = f"{node.op_type.lower()}_{index}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)
