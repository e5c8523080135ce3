"""Constants, and nodes whose inputs are all constant: folded, keeping what is known of the integers behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accel.errors import ModelError
from accel.onnx_import.folding import FOLDS, Call, clip_bounds
from accel.onnx_import.graph import Graph, RawNode, naming
from accel.onnx_import.shape_rules import permutation
from accel.onnx_import.tensors import TensorReader
from accel.onnx_import.values import Array, Const, bits_of

_SAME_ORDER = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})


def absorb_constants(graph: Graph) -> None:
    """Make the value of every Constant node an initialiser, in place."""
    rest: list[RawNode] = []
    for node in graph.nodes:
        if node.op != "Constant":
            rest.append(node)
            continue
        with naming(node):
            if len(node.outputs) != 1:
                raise ModelError(f"it must have one output, not {len(node.outputs)}")
            graph.constants[node.outputs[0]] = _value(node, graph.reader)
            node.attributes.finish()
    graph.nodes = rest


def _value(node: RawNode, reader: TensorReader) -> tuple[Array, int]:
    attributes = node.attributes
    tensor = attributes.tensor("value")
    if tensor is not None:
        return reader.read(tensor, "the constant")
    if "value_float" in attributes:
        return np.array(attributes.real("value_float", 0), np.float32), 32
    if "value_int" in attributes:
        return np.array(attributes.integer("value_int", 0), np.int64), 64
    if "value_floats" in attributes:
        return np.array(attributes.reals("value_floats"), np.float32), 32
    if "value_ints" in attributes:
        return np.array(attributes.integers("value_ints"), np.int64), 64
    raise ModelError("its value must be a tensor or numbers")


def folded(node: RawNode, call: Call, first: Const | None) -> list[Const]:
    """Return a node's outputs.

    Parameters
    ----------
    node : RawNode
        Its operator is in `accel.onnx_import.folding.FOLDS`.
    call : Call
    first : Const, optional
        Its first input.
    """
    results = FOLDS[node.op](call)
    if len(node.outputs) > len(results):
        raise ModelError(f"the node must have at most {len(results)} outputs, not {len(node.outputs)}")
    if first is not None:
        if node.op in _SAME_ORDER:
            return [first.reshaped(results[0].shape)]
        if node.op == "Transpose":
            return [first.transposed(permutation(node.attributes, first.array.ndim))]
        if node.op == "Clip" and first.array.dtype.kind in "iu":
            low, high = clip_bounds(call)
            bounds = (
                first.range[0] if low is None else max(first.range[0], int(low)),
                first.range[1] if high is None else min(first.range[1], int(high)),
            )
            bits = bits_of(*bounds, signed=first.array.dtype.kind == "i")
            return [replace(first, array=results[0], bounds=bounds, bits=bits)]
    return [Const(array, array.dtype.itemsize * 8) for array in results]
