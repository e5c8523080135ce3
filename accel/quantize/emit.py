"""Writes the integer model: chooses the scales, has onnxruntime's quantiser place them, and marks the narrow widths."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from accel.errors import ModelError, shown
from accel.quantize.accepted import KEEPS_SCALE, QUANTISED, WEIGHTED, heads
from accel.quantize.emit_cells import put_pairs_around_cells
from accel.quantize.graphs import described, initializers, real_inputs, reason, replace_nodes
from accel.quantize.ranges import Observation, Scale, activation_scale, weight_scales
from accel.quantize.runtime import check

_EDGE_BITS = 8
_ORTQ: Any = importlib.import_module("onnxruntime.quantization")  # it has no type stubs
_UINT8, _INT8 = _ORTQ.QuantType.QUInt8, _ORTQ.QuantType.QInt8


def emit(
    model: onnx.ModelProto, seen: dict[str, Observation], scales: dict[str, Scale], weight_bits: int
) -> onnx.ModelProto:
    """Return the QDQ model of a prepared float model, given what its tensors hold and their scales."""
    overrides = {name: [_override(scale)] for name, scale in scales.items() if scale.bits <= _EDGE_BITS}
    overrides |= _weight_overrides(model.graph, weight_bits)
    result = _with_pairs(model, seen, overrides)
    put_pairs_around_cells(result, scales, weight_bits)
    _clip_activations(result.graph, {name: scale.bits for name, scale in scales.items() if scale.bits < _EDGE_BITS})
    _narrow_weights(result.graph, weight_bits)
    del result.graph.value_info[:]
    del result.metadata_props[:]
    _check_no_float_island(result.graph)
    return result


def _with_pairs(
    model: onnx.ModelProto, seen: dict[str, Observation], overrides: dict[str, list[dict[str, Any]]]
) -> onnx.ModelProto:
    """Have onnxruntime place QuantizeLinear and DequantizeLinear pairs at the scales that `overrides` gives."""
    quantiser = _ORTQ.QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=_INT8,
        activation_qType=_UINT8,
        tensors_range={name: _range(observation) for name, observation in seen.items()},
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=sorted(QUANTISED),
        extra_options={
            "ActivationSymmetric": False,
            "WeightSymmetric": True,
            "ForceQuantizeNoInputCheck": True,  # a Flatten or MaxPool that reads the graph's input is quantised too
            "TensorQuantOverrides": overrides,
        },
    )
    try:
        quantiser.quantize_model()
        quantiser.model.topological_sort()
        result: onnx.ModelProto = quantiser.model.model
        check(result)
    except Exception as error:  # what it raises is not documented; names that collide with its own are one cause
        raise ModelError(f"onnxruntime cannot quantise the model: {reason(error)}") from error
    return result


def activation_scales(
    graph: onnx.GraphProto, seen: dict[str, Observation], bits: int, fixed: dict[str, Scale]
) -> dict[str, Scale]:
    """Return one scale per tensor; tensors that a KEEPS_SCALE node joins share theirs.

    Parameters
    ----------
    graph : GraphProto
    seen : dict of str to Observation
        What every tensor holds.
    bits : int
        Of tensors inside the graph.
    fixed : dict of str to Scale
        Those of what enters and leaves recurrent cells, which calibration has chosen already.
    """
    leader = {name: name for name in seen}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for node in graph.node:
        if node.op_type in KEEPS_SCALE:
            for name in node.output:
                leader[find(name)] = find(node.input[0])
    edges = {value.name for value in [*real_inputs(graph), *graph.output]}
    at_the_end = heads(graph)
    edges |= {name for node in graph.node if node.output[0] in at_the_end for name in node.input}
    edge_groups = {find(name) for name in edges}
    groups: dict[str, Observation] = {}
    for name, observation in seen.items():
        group = find(name)
        groups[group] = groups[group].merged(observation) if group in groups else observation
    groups_fixed = {find(name): scale for name, scale in fixed.items() if scale.bits <= _EDGE_BITS}
    chosen = groups_fixed | {
        group: activation_scale(observation, _EDGE_BITS if group in edge_groups else bits)
        for group, observation in groups.items()
        if group not in groups_fixed
    }
    return {name: fixed.get(name, chosen[find(name)]) for name in seen}


def _range(seen: Observation) -> Any:
    return _ORTQ.TensorData(lowest=np.float32(seen.low), highest=np.float32(seen.high))


def _override(scale: Scale) -> dict[str, Any]:
    return {
        "quant_type": _INT8 if scale.signed else _UINT8,
        "scale": np.array(scale.scale, np.float32),
        "zero_point": np.array(scale.zero_point, np.int8 if scale.signed else np.uint8),
    }


def _weight_overrides(graph: onnx.GraphProto, bits: int) -> dict[str, list[dict[str, Any]]]:
    constants = initializers(graph)
    overrides: dict[str, list[dict[str, Any]]] = {}
    for node in graph.node:
        if node.op_type in WEIGHTED:
            weight = numpy_helper.to_array(constants[node.input[1]])
            axis = _output_axis(node, weight.ndim)
            overrides[node.input[1]] = [
                {"axis": axis, "quant_type": _INT8, "scale": scale, "zero_point": np.int8(0)}
                for scale in weight_scales(weight, axis, bits)
            ]
    return overrides


def _output_axis(node: onnx.NodeProto, rank: int) -> int:
    """Return the axis of a weight that counts output channels."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose":
        return 1
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if transposed else rank - 1


def _clip_activations(graph: onnx.GraphProto, bits_of: dict[str, int]) -> None:
    """Put a Clip to 0 .. 2^bits - 1 behind every QuantizeLinear of a tensor in `bits_of`."""
    nodes: list[onnx.NodeProto] = []
    renamed: dict[str, str] = {}
    for node in graph.node:
        nodes.append(node)
        if node.op_type == "QuantizeLinear" and node.input[0].removesuffix("_QuantizeLinear_Input") in bits_of:
            tensor = node.input[0]
            bits = bits_of[tensor.removesuffix("_QuantizeLinear_Input")]
            bounds = _bounds(graph, f"uint{bits}", np.uint8(0), np.uint8((1 << bits) - 1))
            clipped = f"{tensor}_Clip_Output"
            renamed[node.output[0]] = clipped
            nodes.append(helper.make_node("Clip", [node.output[0], *bounds], [clipped], name=f"{tensor}_Clip"))
        elif node.op_type == "DequantizeLinear":
            node.input[0] = renamed.get(node.input[0], node.input[0])
    replace_nodes(graph, nodes)


def _narrow_weights(graph: onnx.GraphProto, bits: int) -> None:
    """Saturate int8 weights symmetrically; below 8 bits put a Clip that says so in front of their DequantizeLinear."""
    limit = (1 << (bits - 1)) - 1
    constants = initializers(graph)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        tensor = constants.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if tensor is not None and tensor.data_type == onnx.TensorProto.INT8:
            narrow = np.clip(numpy_helper.to_array(tensor), -limit, limit).astype(np.int8)
            tensor.CopyFrom(numpy_helper.from_array(narrow, tensor.name))
            if bits < 8:
                bounds = _bounds(graph, f"int{bits}", np.int8(-limit), np.int8(limit))
                clipped = f"{tensor.name}_Clip_Output"
                nodes.append(helper.make_node("Clip", [tensor.name, *bounds], [clipped], name=f"{tensor.name}_Clip"))
                node.input[0] = clipped
        nodes.append(node)
    replace_nodes(graph, nodes)


def _bounds(graph: onnx.GraphProto, kind: str, low: np.integer[Any], high: np.integer[Any]) -> list[str]:
    """Return the names of two scalar constants, added once per kind."""
    names = [f"accel.{kind}_min", f"accel.{kind}_max"]  # a prefix no exporter uses
    if names[0] not in initializers(graph):
        graph.initializer.extend(
            numpy_helper.from_array(np.array(v), n) for n, v in zip(names, (low, high), strict=True)
        )
    return names


def _check_no_float_island(graph: onnx.GraphProto) -> None:
    """Hold the quantiser to its promise: every float op reads a DequantizeLinear, but a head and a ReLU of an input."""
    producers = {name: node for node in graph.node for name in node.output}
    inputs = {value.name for value in real_inputs(graph)}
    if not any(node.op_type == "QuantizeLinear" for node in graph.node):
        raise ModelError(f"model has nothing to quantise; accepted: {', '.join(sorted(QUANTISED))}")
    for node in graph.node:
        if node.op_type not in QUANTISED:
            continue
        name = node.input[0]
        before = producers[name].op_type if name in producers else ""
        on_integers = node.op_type == "Clip" and before in ("", "QuantizeLinear")
        on_an_input = node.op_type in ("Relu", "Clip") and name in inputs
        if before != "DequantizeLinear" and not on_integers and not on_an_input:
            raise ModelError(f"{described(node)} stays float: nothing quantises its input {shown(name)}")
