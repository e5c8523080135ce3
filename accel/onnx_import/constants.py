"""Nodes whose inputs are all constant: folded, keeping what is known of the integers behind them."""

from __future__ import annotations

from dataclasses import replace

from accel.errors import ModelError
from accel.onnx_import.folding import FOLDS, Call, clip_bounds
from accel.onnx_import.graph import RawNode
from accel.onnx_import.shape_rules import permutation
from accel.onnx_import.values import Const, bits_of

_SAME_ORDER = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})


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
