"""Reads a float model and brings it into the form that quantises well."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from accel.errors import InputError, ModelError, shown
from accel.onnx_import.dims import fix_dims
from accel.quantize.accepted import KEEPS_SCALE, WEIGHTED, refuse_at_sight, refuse_what_did_not_fold
from accel.quantize.batch_norm import absorb_batch_norms
from accel.quantize.graphs import initializers, opset, reader_counts, reason, replace_nodes
from accel.quantize.lengths import cut_sequences
from accel.quantize.ranges import Floats
from accel.quantize.runtime import check, load, raised, write_folded
from accel.quantize.time_major import put_time_first

_HARD_SWISH_OPSET = 14
_QDQ_OPSET = 13
"""The first whose QuantizeLinear takes a scale per channel; what is older is raised to it."""


def prepare(path: Path, dims: Mapping[str, int]) -> onnx.ModelProto:
    """Return the model with constants and batch normalisation folded and every ReLU next to the op it saturates.

    Parameters
    ----------
    path : Path
    dims : mapping of str to int
        Sizes for dimensions the model leaves open, as `accel.load` takes them; they are fixed in what is returned.

    Raises
    ------
    InputError
        If there is no such file, or no such dimension.
    ModelError
        If it is not a float model made of operators that have an integer form.
    """
    model = _load(path)
    refuse_at_sight(model)
    if dims:
        fix_dims(model, dims)
    if opset(model) < _QDQ_OPSET:
        model = _raised(model)
    known = set(initializers(model.graph))
    put_time_first(model.graph)
    model = _fold(model)
    cut_sequences(model.graph)
    absorb_batch_norms(model.graph)
    _restore_hard_swish(model)
    _multiply_by_reciprocals(model.graph)
    _rename_folded(model.graph, known)
    refuse_what_did_not_fold(model)
    _give_each_layer_its_own_weights(model.graph)
    _pull_saturation_forward(model.graph)
    _name_every_node(model.graph)
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model)


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


def _raised(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return raised(model, _QDQ_OPSET)
    except Exception as error:  # onnx's converter raises whatever it meets
        raise ModelError(
            f"model of ONNX opset {opset(model)} cannot be raised to {_QDQ_OPSET}: {reason(error)}"
        ) from error


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


def _restore_hard_swish(model: onnx.ModelProto) -> None:
    """Join x * HardSigmoid(x) to the HardSwish that onnxruntime took apart: one table, one rounding."""
    if opset(model) < _HARD_SWISH_OPSET:
        return
    graph = model.graph
    counts = reader_counts(graph)
    gates = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "HardSigmoid" and counts[node.output[0]] == 1 and _is_hard_swish_gate(node)
    }
    gone: set[str] = set()
    for node in graph.node:
        if node.op_type == "Mul":
            for value, gate in (tuple(node.input), tuple(reversed(node.input))):
                if gate in gates and gates[gate].input[0] == value:
                    node.op_type = "HardSwish"
                    node.name = node.name or gates[gate].name
                    node.input[:] = [value]
                    gone.add(gate)
                    break
    replace_nodes(graph, [node for node in graph.node if node.output[0] not in gone])


def _is_hard_swish_gate(node: onnx.NodeProto) -> bool:
    attributes = {attribute.name: attribute.f for attribute in node.attribute}
    return abs(attributes.get("alpha", 0.2) - 1 / 6) < 1e-6 and abs(attributes.get("beta", 0.5) - 0.5) < 1e-6


def _multiply_by_reciprocals(graph: onnx.GraphProto) -> None:
    """Turn every division by a constant without zeros into a multiplication."""
    constants = initializers(graph)
    for node in graph.node:
        if node.op_type != "Div" or node.input[0] in constants or node.input[1] not in constants:
            continue
        divisor = numpy_helper.to_array(constants[node.input[1]])
        if np.all(divisor != 0):
            name = f"{node.output[0]}.reciprocal"
            graph.initializer.append(numpy_helper.from_array((1 / divisor).astype(divisor.dtype), name))
            node.op_type, node.input[1] = "Mul", name


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


def _give_each_layer_its_own_weights(graph: onnx.GraphProto) -> None:
    """Copy constants that several nodes read, since each asks for its own scales, and make a Gemm's bias plain."""
    constants = initializers(graph)
    counts = reader_counts(graph)
    for index, node in enumerate(graph.node):
        for place in (1, 2):
            old = node.input[place] if node.op_type in WEIGHTED and len(node.input) > place else ""
            if old not in constants:
                continue
            values = numpy_helper.to_array(constants[old])
            if node.op_type == "Gemm" and place == 2:
                values = _plain_bias(node, values, constants[node.input[1]])
            elif counts[old] == 1:
                continue
            node.input[place] = f"{old}.of.{index}" if counts[old] > 1 else old
            copy = numpy_helper.from_array(np.ascontiguousarray(values), node.input[place])
            if counts[old] == 1:
                constants[old].CopyFrom(copy)
            else:
                graph.initializer.append(copy)
                constants[copy.name] = copy


def _plain_bias(gemm: onnx.NodeProto, bias: Floats, weight: onnx.TensorProto) -> Floats:
    """Return a Gemm's bias as one value per output, with beta multiplied in (onnxruntime's quantiser loses it)."""
    attributes = {attribute.name: attribute for attribute in gemm.attribute}
    transposed = "transB" in attributes and attributes["transB"].i
    beta = attributes["beta"].f if "beta" in attributes else 1.0
    if beta != 1.0:
        attributes["beta"].f = 1.0
    outputs = weight.dims[0 if transposed else 1]
    return (np.broadcast_to(bias.reshape(-1), (outputs,)) * np.float32(beta)).astype(np.float32)


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
    """Give every node a name of its own."""
    taken = {node.name for node in graph.node}
    kept: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in kept:
            name = f"{node.op_type.lower()}_{index}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)
        kept.add(node.name)
