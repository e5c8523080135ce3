"""The import from end to end."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import onnx

from accel.errors import ModelError, shown
from accel.fixedpoint import Quantization
from accel.network import Network
from accel.onnx_import.assembly import assemble
from accel.onnx_import.batch import batch_axes, bound_shapes
from accel.onnx_import.constants import absorb_constants
from accel.onnx_import.graph import GraphInput, graph_of
from accel.onnx_import.lowering import Lowering
from accel.onnx_import.qoperator import as_qdq
from accel.onnx_import.reading import read
from accel.onnx_import.site import lower
from accel.onnx_import.values import Activation


def imported(source: str | os.PathLike[str] | bytes | onnx.ModelProto, dims: Mapping[str, int]) -> Network:
    """Return the network of a model; see `accel.onnx_import.load`."""
    graph = graph_of(read(source))
    as_qdq(graph)
    absorb_constants(graph)
    axes = batch_axes(graph)
    shapes, batch, dynamic = bound_shapes(graph, axes, dims)
    lowering = Lowering(graph, batch, dynamic)
    for declared in graph.inputs:
        lowering.declare(_input(declared, shapes[declared.name], axes[declared.name]))
    if graph.dropped:
        lowering.notes.append(f"{graph.dropped} nodes were dropped because no output depends on them")
    lower(lowering)
    return assemble(lowering)


def _input(declared: GraphInput, shape: tuple[int, ...], batch_axis: int | None) -> Activation:
    if declared.dtype == np.float32:
        return Activation(declared.name, shape, batch_axis)
    if declared.dtype.kind in "iu" and declared.bits <= 16:
        unscaled = Quantization(1.0, 0, declared.bits, declared.dtype.kind == "i")
        return Activation(declared.name, shape, batch_axis, unscaled)
    raise ModelError(
        f"graph input {shown(declared.name)} must hold float32 numbers, or integers of at most 16 bits, "
        f"not {declared.dtype}"
    )
