"""Which axis of each graph input is the batch, and what its dimensions are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError, ModelError, did_you_mean, shown
from accel.onnx_import.graph import Graph, GraphInput, RawNode
from accel.onnx_import.tensors import checked_dims

_SAME_AXES = frozenset(
    [
        "Identity",
        "Dropout",
        "Relu",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
        "Clip",
        "Cast",
        "QuantizeLinear",
        "DequantizeLinear",
        "com.microsoft.QuantizeLinear",
        "com.microsoft.DequantizeLinear",
        "Add",
        "Mul",
        "Sub",
        "Div",
    ]
)
_FIRST_PRIME = 101


def batch_axes(graph: Graph) -> dict[str, int | None]:
    """Return the batch axis of every graph input.

    It is the first, except where ONNX's recurrent operators put time there: the axis is then traced back from their
    inputs through operators that keep or permute axes. An input of one axis of fixed size has none.
    """
    axes: dict[str, int] = {}
    for node in reversed(graph.nodes):
        if node.op in ("LSTM", "GRU", "RNN"):
            first = 0 if "layout" in node.attributes and node.attributes.integer("layout", 0) else 1
            for index in (0, 5, 6):
                if index < len(node.inputs) and node.inputs[index]:
                    axes.setdefault(node.inputs[index], first)
        elif node.outputs and node.outputs[0] in axes:
            axis = axes[node.outputs[0]]
            back = _behind(node, axis, graph)
            if back is not None:
                for name in node.inputs[: 2 if node.op in ("Add", "Mul", "Sub", "Div", "Concat") else 1]:
                    axes.setdefault(name, back)
    found: dict[str, int | None] = {}
    for declared in graph.inputs:
        rank = len(declared.dims)
        if rank == 0:
            raise ModelError(f"graph input {shown(declared.name)} must have at least one axis, not be a scalar")
        if rank == 1 and isinstance(declared.dims[0], int):
            found[declared.name] = None
        else:
            axis = axes.get(declared.name, 0)
            found[declared.name] = axis if axis < rank else 0
    return found


def _behind(node: RawNode, axis: int, graph: Graph) -> int | None:
    """Return the axis of the node's input that becomes ``axis`` of its output, where that is plain to see."""
    if node.op in _SAME_AXES:
        return axis
    if node.op == "Transpose":
        perm = node.attributes.integers("perm")
        return perm[axis] if perm is not None and axis < len(perm) else None
    if node.op in ("Split", "Slice", "Concat"):
        return axis
    if node.op in ("Squeeze", "Unsqueeze"):
        removed = node.attributes.integers("axes") if graph.opset < 13 else _second(node, graph)
        removed = None if removed is None else tuple(int(a) for a in np.reshape(removed, -1))
        if removed is None or min(removed, default=0) < 0:
            return None
        if node.op == "Unsqueeze":
            return None if axis in removed else axis - sum(a < axis for a in removed)
        for a in sorted(removed):
            axis += a <= axis
        return axis
    if node.op == "Gather" and node.attributes.integer("axis", 0) == 0:
        indices = _second(node, graph)
        return axis + 1 - (0 if indices is None else indices.ndim)
    return None


def _second(node: RawNode, graph: Graph) -> NDArray[Any] | None:
    """Return a node's second input if it is an initialiser or a Constant of integers."""
    name = node.inputs[1] if len(node.inputs) > 1 else ""
    found = graph.constants.get(name)
    return found[0] if found is not None and found[0].dtype.kind == "i" else None


def bound_shapes(
    graph: Graph, axes: Mapping[str, int | None], dims: Mapping[str, int]
) -> tuple[dict[str, tuple[int, ...]], int, bool]:
    """Return every input's shape, the batch size that stands in it, and whether the model leaves that open.

    Parameters
    ----------
    graph : Graph
    axes : mapping of str to int
        The batch axis of every input.
    dims : mapping of str to int
        Sizes for symbolic dimensions, by name, or by input and axis: ``x.2``.

    Raises
    ------
    ModelError
        If a dimension other than the batch is left open, or inputs disagree on the batch.
    InputError
        If ``dims`` names a dimension that the model does not have, or gives it a size below one.
    """
    symbols = {d for i in graph.inputs for d in i.dims if isinstance(d, str)}
    symbols |= {f"{i.name}.{axis}" for i in graph.inputs for axis, d in enumerate(i.dims) if isinstance(d, str)}
    for name, size in dims.items():
        if name not in symbols:
            raise InputError(f"the model has no dimension {shown(name)}{did_you_mean(name, sorted(symbols))}")
        if size < 1:
            raise InputError(f"dimension {shown(name)} must be positive, not {size}")
    sizes: set[int] = set()
    for declared in graph.inputs:
        for axis, dim in enumerate(declared.dims):
            dim = _bound(declared, axis, dims)
            if axis == axes[declared.name]:
                sizes |= {dim} if isinstance(dim, int) else set()
            elif isinstance(dim, str):
                raise ModelError(
                    f"graph input {shown(declared.name)} leaves dimension {shown(dim)} (axis {axis}) open; "
                    f"give it a size, for example --dim {declared.name}.{axis}=16"
                )
    if len(sizes) > 1:
        raise ModelError(f"graph inputs must agree on the batch size, not {sorted(sizes)}")
    dynamic = not sizes and any(axis is not None for axis in axes.values())
    batch = _unused_prime(graph) if dynamic else sizes.pop() if sizes else 1
    shapes = {i.name: _shape(i, axes[i.name], batch, dims, dynamic) for i in graph.inputs}
    return shapes, batch, dynamic


def _shape(
    declared: GraphInput, batch_axis: int | None, batch: int, dims: Mapping[str, int], dynamic: bool
) -> tuple[int, ...]:
    shape = [batch if axis == batch_axis else _bound(declared, axis, dims) for axis in range(len(declared.dims))]
    sizes = tuple(size for size in shape if isinstance(size, int))
    counted = tuple(1 if dynamic and axis == batch_axis else size for axis, size in enumerate(sizes))
    checked_dims(counted, f"graph input {shown(declared.name)}", smallest=1)
    return sizes


def _bound(declared: GraphInput, axis: int, dims: Mapping[str, int]) -> int | str:
    """Return the size of a dimension, or its name if it is still open."""
    dim = declared.dims[axis]
    return dim if isinstance(dim, int) else dims.get(f"{declared.name}.{axis}", dims.get(dim, dim))


def _unused_prime(graph: Graph) -> int:
    """Return a prime that divides no size the graph mentions, so that a batch in shape arithmetic is recognised."""
    mentioned = {d for i in graph.inputs for d in i.dims if isinstance(d, int)}
    for array, _ in graph.constants.values():
        mentioned.update(array.shape)
        if array.dtype == np.int64 and array.size <= 64:
            mentioned.update(abs(int(v)) for v in array.reshape(-1))
    candidate = _FIRST_PRIME
    while not _is_prime(candidate) or any(m and m % candidate == 0 for m in mentioned):
        candidate += 2
    return candidate


def _is_prime(number: int) -> bool:
    return all(number % d for d in range(3, math.isqrt(number) + 1, 2)) and number % 2 == 1
