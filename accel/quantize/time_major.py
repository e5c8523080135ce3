"""Recurrent nodes with the batch first become nodes with time first, the only layout onnxruntime runs."""

from __future__ import annotations

import onnx
from onnx import helper

from accel.quantize.accepted import RECURRENT
from accel.quantize.graphs import replace_nodes

_SWAPPED = (1, 0, 2)
"""Between (time or directions, batch, size) and (batch, time or directions, size)."""
_SEQUENCE_OUT = (2, 0, 1, 3)
"""From (time, directions, batch, hidden) to (batch, time, directions, hidden)."""


def put_time_first(graph: onnx.GraphProto) -> None:
    """Put transpositions around every recurrent node whose ``layout`` is 1, and set it to 0."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        layouts = [attribute for attribute in node.attribute if attribute.name == "layout"]
        if node.op_type not in RECURRENT or not any(attribute.i for attribute in layouts):
            nodes.append(node)
            continue
        for attribute in layouts:
            node.attribute.remove(attribute)
        label = node.name or node.output[0]
        for place in (0, 5, 6):
            if place < len(node.input) and node.input[place]:
                name = f"{label}.time_first.{place}"
                nodes.append(helper.make_node("Transpose", [node.input[place]], [name], name=name, perm=_SWAPPED))
                node.input[place] = name
        nodes.append(node)
        for place, permutation in enumerate((_SEQUENCE_OUT, _SWAPPED, _SWAPPED)):
            if place < len(node.output) and node.output[place]:
                name = f"{label}.batch_first.{place}"
                nodes.append(helper.make_node("Transpose", [name], [node.output[place]], name=name, perm=permutation))
                node.output[place] = name
    replace_nodes(graph, nodes)
