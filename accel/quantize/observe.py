"""Runs a float model on calibration data and keeps what every tensor's values were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from accel.errors import InputError, ModelError, shown
from accel.quantize.graphs import initializers, real_inputs, reason
from accel.quantize.ranges import Observation
from accel.quantize.runtime import Session, session

_BATCH = 32
_BYTES_AT_ONCE = 1 << 28


def observe(
    model: onnx.ModelProto, calibration: Mapping[str, npt.NDArray[Any]], batch_axes: Mapping[str, int]
) -> tuple[dict[str, Observation], int]:
    """Return an `Observation` for every float tensor of the model, its inputs included, and the number of samples.

    A model with a fixed batch is fed that many samples at a time, the last time with some of the first again.

    Parameters
    ----------
    model : ModelProto
    calibration : mapping of str to float32 array
        One per graph input.
    batch_axes : mapping of str to int
        Where each graph input has its samples.

    Raises
    ------
    InputError
        If an array is missing, misnamed, misshapen, not float32, empty or not finite.
    ModelError
        If onnxruntime cannot run the model on the data, or a tensor leaves the range of float32.
    """
    samples = _check(model.graph, calibration, batch_axes)
    inputs = real_inputs(model.graph)
    first = inputs[0].type.tensor_type.shape.dim[batch_axes[inputs[0].name]]
    batch = first.dim_value if first.HasField("dim_value") else min(_batch_that_fits(model.graph), samples)
    running, names = _session_with_every_tensor(model)
    seen = {name: Observation() for name in [*(value.name for value in inputs), *names]}
    for start in range(0, samples, batch):
        rows = np.arange(start, start + batch) % samples
        feed = {value.name: calibration[value.name].take(rows, batch_axes[value.name]) for value in inputs}
        try:
            outputs = running.run(names, feed)
        except Exception as error:  # onnxruntime's exception types share no public base class
            raise ModelError(f"onnxruntime cannot run the model: {reason(error)}") from error
        for name, values in [*feed.items(), *zip(names, outputs, strict=True)]:
            if not np.isfinite(values).all():
                raise ModelError(f"tensor {shown(name)} is not finite on the calibration data")
            seen[name].add(values, share=batch / samples)
    return seen, samples


def _batch_that_fits(graph: onnx.GraphProto) -> int:
    """Return how many samples to run at once, every tensor of all of them being held at the same time."""
    shapes = [[dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim[1:]] for value in graph.value_info]
    return max(1, min(_BATCH, _BYTES_AT_ONCE // (4 * sum(map(math.prod, shapes)) + 1)))


def _session_with_every_tensor(model: onnx.ModelProto) -> tuple[Session, list[str]]:
    """Return a session that yields every tensor computed from the inputs, and their names."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    constants = initializers(copy.graph)
    names = [name for node in copy.graph.node for name in node.output if name and name not in constants]
    known = {value.name for value in copy.graph.output}
    copy.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
    )
    return session(copy), names


def _check(graph: onnx.GraphProto, calibration: Mapping[str, npt.NDArray[Any]], batch_axes: Mapping[str, int]) -> int:
    """Return the number of samples, or say what is wrong with the arrays."""
    wanted = {value.name: value for value in real_inputs(graph)}
    accepted = ", ".join(shown(name) for name in wanted)
    for name in calibration:
        if name not in wanted:
            raise InputError(f"calibration array {shown(name)} is not an input of the model; its inputs: {accepted}")
    counts: dict[str, int] = {}
    for name, value in wanted.items():
        if name not in calibration:
            raise InputError(f"calibration has no array {shown(name)}; the model's inputs: {accepted}")
        counts[name] = _check_array(name, value, calibration[name], batch_axes[name])
    if len(set(counts.values())) != 1:
        found = ", ".join(f"{shown(name)} {count}" for name, count in counts.items())
        raise InputError(f"calibration arrays must have the same number of samples, not {found}")
    return next(iter(counts.values()))


def _check_array(name: str, value: onnx.ValueInfoProto, array: npt.NDArray[Any], batch_axis: int) -> int:
    dims = value.type.tensor_type.shape.dim
    expected = [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]
    axes = ["any" if size is None else str(size) for size in expected]
    if expected:
        axes[batch_axis], expected[batch_axis] = "n", None
    wanted = f"({', '.join(axes)})"
    matches = array.ndim == len(expected) > 0 and all(
        size in (None, actual) for size, actual in zip(expected, array.shape, strict=True)
    )
    if not matches:
        raise InputError(f"calibration array {shown(name)} must have shape {wanted}, not {array.shape}")
    if array.dtype != np.float32:
        raise InputError(f"calibration array {shown(name)} must be float32, not {array.dtype}")
    if array.size == 0:
        raise InputError(f"calibration array {shown(name)} must hold at least one sample")
    if not np.isfinite(array).all():
        raise InputError(f"calibration array {shown(name)} must be finite; it holds NaN or infinity")
    return array.shape[batch_axis]
