"""Recurrent nodes whose sequences are shorter than their input become nodes of the steps that are run."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from accel.errors import ModelError, shown
from accel.onnx_import.shape_rules import SEQUENCE_LENGTHS, common_length
from accel.quantize.accepted import RECURRENT
from accel.quantize.graphs import described, initializers, replace_nodes


def cut_sequences(graph: onnx.GraphProto) -> None:
    """Cut the input of every recurrent node, time first, to its constant lengths, and fill its states up with zeros."""
    constants = initializers(graph)
    times = {v.name: v.type.tensor_type.shape.dim[0].dim_value for v in (*graph.input, *graph.value_info) if _ranked(v)}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        lengths = (
            node.input[SEQUENCE_LENGTHS] if node.op_type in RECURRENT and len(node.input) > SEQUENCE_LENGTHS else ""
        )
        if lengths not in constants:
            nodes.append(node)
            continue
        steps = times.get(node.input[0], 0)
        if not steps:
            raise ModelError(f"{described(node)} must have an input of known length beside {shown(lengths)}")
        length = common_length(numpy_helper.to_array(constants[lengths]), steps)
        node.input[SEQUENCE_LENGTHS] = ""
        if length == steps:
            nodes.append(node)
            continue
        label = node.name or next(filter(None, node.output))
        arrays = {"starts": [0], "ends": [length], "axes": [0], "pads": [0] * 4 + [steps - length] + [0] * 3}
        names = {key: f"{label}.{key}" for key in arrays}
        graph.initializer.extend(
            numpy_helper.from_array(np.array(values, np.int64), names[key]) for key, values in arrays.items()
        )
        cut, filled = f"{label}.cut", f"{label}.states"
        given = [node.input[0], names["starts"], names["ends"], names["axes"]]
        nodes += [helper.make_node("Slice", given, [cut], name=cut), node]
        node.input[0] = cut
        if node.output[0]:
            nodes.append(helper.make_node("Pad", [filled, names["pads"]], [node.output[0]], name=filled))
            node.output[0] = filled
    replace_nodes(graph, nodes)


def _ranked(value: onnx.ValueInfoProto) -> bool:
    return len(value.type.tensor_type.shape.dim) > 0
