"""Slice, Gather and Split: parts of an activation."""

from __future__ import annotations

import numpy as np

from accel.errors import ModelError
from accel.layers.reshape import Reshape
from accel.layers.slice import Slice
from accel.onnx_import.folding import slice_operands
from accel.onnx_import.shape_rules import axis_of, slices, split_sizes
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.values import Activation


def _part(site: Site, x: Activation, ranges: dict[int, range], output: int | None = 0) -> Activation | None:
    """Emit what ``ranges`` keep of the model's axes; ``None`` if that is everything."""
    every = [ranges.get(axis, range(size)) for axis, size in enumerate(x.shape)]
    if all(kept == range(size) for kept, size in zip(every, x.shape, strict=True)):
        return None
    if x.batch_axis is not None and every[x.batch_axis] != range(x.shape[x.batch_axis]):
        raise ModelError("it must keep every sample of the batch")
    if any(len(kept) == 0 for kept in every):
        raise ModelError("it must keep at least one element of each axis")
    sample = [kept for axis, kept in enumerate(every) if axis != x.batch_axis]
    layer = Slice(
        start=tuple(kept.start for kept in sample),
        count=tuple(len(kept) for kept in sample),
        step=tuple(kept.step for kept in sample),
    )
    return site.emit(layer, x, batch_axis=x.batch_axis, output=output, keeps_values=True)


@lowers("Slice")
def lower_slice(site: Site) -> None:
    """Lower Slice."""
    x = site.activation()
    for index, what in ((1, "starts"), (2, "ends"), (3, "axes"), (4, "steps")):
        site.maybe_constant(index, what)
    cuts = slices(x.shape, *slice_operands(site.call()))
    ranges = {axis: range(*cut.indices(x.shape[axis])) for axis, cut in enumerate(cuts)}
    if _part(site, x, ranges) is None:
        site.alias(x)


@lowers("Gather")
def gather(site: Site) -> None:
    """Lower Gather by one constant index, or by evenly spaced ones."""
    x = site.activation()
    axis = axis_of(site.node.attributes.integer("axis", 0), len(x.shape))
    indices = site.constant(1, "the indices").array
    size = x.shape[axis]
    if indices.dtype.kind not in "iu" or indices.ndim > 1 or not indices.size:
        raise ModelError("its indices must be one integer or a list of them")
    if int(indices.min()) < -size or int(indices.max()) >= size:
        raise ModelError(f"its indices must lie in [{-size}, {size - 1}]")
    where = (indices.reshape(-1).astype(np.int64)) % size
    step = int(where[1] - where[0]) if where.size > 1 else 1
    if step == 0 or np.any(np.diff(where) != step):
        raise ModelError("its indices must be evenly spaced")
    first = int(where[0])
    kept = {axis: range(first, first + step * where.size, step)}
    if indices.ndim:
        if _part(site, x, kept) is None:
            site.alias(x)
        return
    x.sample_axis(axis, "the axis of Gather")
    part = _part(site, x, kept, output=None) or x
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    batch_axis = x.batch_axis
    if batch_axis is not None and batch_axis > axis:
        batch_axis -= 1
    sample = tuple(d for a, d in enumerate(shape) if a != batch_axis)
    site.emit(Reshape(shape=sample), part, batch_axis=batch_axis, keeps_values=True)


@lowers("Split")
def split(site: Site) -> None:
    """Lower Split to a Slice for each of its outputs."""
    x = site.activation()
    axis = axis_of(site.node.attributes.integer("axis", 0), len(x.shape))
    site.node.attributes.ignore("num_outputs")
    site.maybe_constant(1, "the sizes")
    if site.opset >= 13:
        listed = None if site.optional(1) is None else site.call().integers(1)
    else:
        listed = site.node.attributes.integers("split")
    start = 0
    for index, size in enumerate(split_sizes(x.shape[axis], listed, len(site.node.outputs))):
        if site.node.outputs[index] and _part(site, x, {axis: range(start, start + size)}, output=index) is None:
            site.alias(x, output=index)
        start += size
