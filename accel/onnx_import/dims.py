"""Open dimensions of a model's inputs, fixed in the model itself."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from accel.onnx_import.batch import batch_axes, bound_shapes
from accel.onnx_import.graph import graph_of
from accel.onnx_import.reading import read


def fix_dims(model: onnx.ModelProto, dims: Mapping[str, int]) -> None:
    """Give the open dimensions of a model's inputs, the batch excepted, the sizes that ``dims`` names.

    Raises
    ------
    ModelError
        If a dimension is still open.
    InputError
        If ``dims`` names one that the model does not have.
    """
    graph = graph_of(read(model))
    axes = batch_axes(graph)
    shapes, _, _ = bound_shapes(graph, axes, dims)
    for value in model.graph.input:
        if value.name not in shapes:  # a constant that an old model lists among its inputs
            continue
        for axis, (dim, size) in enumerate(zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True)):
            if axis != axes[value.name]:
                dim.dim_value = size
