"""Small questions about an ONNX graph, and small changes to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import onnx

from accel.errors import shown


def initializers(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return a graph's constants by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def real_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return a graph's inputs, without the constants that old models list among them."""
    constants = initializers(graph)
    return [value for value in graph.input if value.name not in constants]


def opset(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that a model uses, 0 if it names none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def reader_counts(graph: onnx.GraphProto) -> Counter[str]:
    """Return how often each tensor is read, by nodes and as a graph output."""
    counts = Counter(name for node in graph.node for name in node.input)
    counts.update(value.name for value in graph.output)
    return counts


def replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Give a graph other nodes, or its own in another order."""
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def described(node: onnx.NodeProto) -> str:
    """Return an operator and its name, for a one-line message."""
    return f"{node.op_type} {shown(node.name or (node.output[0] if node.output else ''))}"


def reason(error: Exception) -> str:
    """Return the first line of what another library's exception says, for a one-line message."""
    lines = str(error).strip().splitlines()
    return shown(lines[0] if lines else type(error).__name__)
