"""What only gives a tensor another shape or order, or selects from it."""

from __future__ import annotations

import math

import numpy as np

from accel.errors import ModelError
from accel.layers.concat import Concat
from accel.layers.flatten import Flatten
from accel.layers.pad import Pad
from accel.layers.reflect_pad import ReflectPad
from accel.layers.reshape import Reshape
from accel.layers.transpose import Transpose
from accel.onnx_import.shape_rules import axis_of, permutation, reshaped, squeezed_axes, unsqueezed
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.values import Activation, Const


def reshape_to(site: Site, x: Activation, shape: tuple[int, ...]) -> None:
    """Give ``x`` the model's ``shape``, finding out where its batch axis went."""
    _emit_shape(site, x, shape, _batch_axis_after(site, x, shape))


def _emit_shape(site: Site, x: Activation, shape: tuple[int, ...], batch_axis: int | None) -> None:
    sample = tuple(d for axis, d in enumerate(shape) if axis != batch_axis)
    if sample == x.sample:
        site.alias(x, shape=shape, batch_axis=batch_axis)
    elif len(sample) == 1 and x.sample:
        site.emit(Flatten(), x, batch_axis=batch_axis, keeps_values=True)
    else:
        site.emit(Reshape(shape=sample), x, batch_axis=batch_axis, keeps_values=True)


def _batch_axis_after(site: Site, x: Activation, shape: tuple[int, ...]) -> int | None:
    """Return the axis of ``shape`` that holds the batch: as many elements stand before it as did before."""
    batch = site.lowering.batch
    before = 1 if x.batch_axis is None else math.prod(x.shape[: x.batch_axis])
    found = [a for a, dim in enumerate(shape) if dim == batch and math.prod(shape[:a]) == before]
    if found:
        return found[0]
    if batch == 1:  # one sample: an axis of length one may stand anywhere
        return next((a for a, dim in enumerate(shape) if dim == 1), None)
    if x.batch_axis is None:
        return None
    raise ModelError(
        f"it must not mix the samples of a batch: shape {tuple('batch' if d == batch else d for d in x.shape)} "
        f"cannot become {tuple('batch' if d == batch else d for d in shape)}; export with a batch of one instead"
    )


@lowers("Reshape")
def reshape(site: Site) -> None:
    """Lower Reshape."""
    x = site.activation()
    site.constant(1, "the target shape")
    allow_zero = site.node.attributes.flag("allowzero", False)
    reshape_to(site, x, reshaped(x.shape, site.call().integers(1), allow_zero))


@lowers("Flatten")
def flatten(site: Site) -> None:
    """Lower Flatten."""
    x = site.activation()
    rank = len(x.shape)
    axis = site.node.attributes.integer("axis", 1)
    if not -rank <= axis <= rank:
        raise ModelError(f"Flatten axis must lie in [{-rank}, {rank}], not {axis}")
    axis += rank * (axis < 0)
    reshape_to(site, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@lowers("Squeeze")
def squeeze(site: Site) -> None:
    """Lower Squeeze."""
    x = site.activation()
    axes = squeezed_axes(x.shape, _axes(site))
    shape = tuple(d for a, d in enumerate(x.shape) if a not in axes)
    if x.batch_axis is None or x.batch_axis in axes:
        reshape_to(site, x, shape)
    else:
        _emit_shape(site, x, shape, x.batch_axis - sum(a < x.batch_axis for a in axes))


@lowers("Unsqueeze")
def unsqueeze(site: Site) -> None:
    """Lower Unsqueeze."""
    x = site.activation()
    axes = _axes(site)
    if axes is None:
        raise ModelError("Unsqueeze must have axes")
    shape = unsqueezed(x.shape, axes)
    batch_axis = x.batch_axis
    if batch_axis is not None:
        kept = [a for a in range(len(shape)) if a not in {axis_of(b, len(shape)) for b in axes}]
        batch_axis = kept[batch_axis]
    _emit_shape(site, x, shape, batch_axis)


def _axes(site: Site) -> list[int] | None:
    site.maybe_constant(1, "the axes")
    return site.call().axes(1, 13)


@lowers("Transpose")
def transpose(site: Site) -> None:
    """Lower Transpose; moving the batch axis alone is no layer."""
    x = site.activation()
    perm = permutation(site.node.attributes, len(x.shape))
    shape = tuple(x.shape[p] for p in perm)
    batch_axis = None if x.batch_axis is None else perm.index(x.batch_axis)
    axes = tuple(x.sample_axis(p, "an axis") for p in perm if p != x.batch_axis)
    if axes == tuple(range(len(axes))):
        site.alias(x, shape=shape, batch_axis=batch_axis)
    else:
        site.emit(Transpose(axes=axes), x, batch_axis=batch_axis, keeps_values=True)


@lowers("Concat")
def concat(site: Site) -> None:
    """Lower Concat of activations."""
    inputs = [site.activation(i) for i in range(len(site.node.inputs))]
    first = inputs[0]
    if any(len(x.shape) != len(first.shape) or x.batch_axis != first.batch_axis for x in inputs):
        raise ModelError("its inputs must have the same axes, the batch in the same place")
    axis = axis_of(site.node.attributes.integer("axis", 0), len(first.shape))
    layer = Concat(axis=first.sample_axis(axis, "Concat axis"))
    integers = first.quantization is not None
    site.emit(layer, *inputs, batch_axis=first.batch_axis, keeps_values=integers)


@lowers("Pad")
def pad(site: Site) -> None:
    """Lower Pad with zeros (in integers, the zero point) or by reflection."""
    x = site.activation()
    attributes = site.node.attributes
    mode = attributes.word("mode", "constant", ("constant", "reflect"))
    rank = len(x.shape)
    if site.opset >= 11:
        site.constant(1, "the padding")
        value = site.maybe_constant(2, "the padding value")
        fill = 0.0 if value is None else value.scalar("the padding value")
        given = site.call().integers(1)
        axes_const = site.maybe_constant(3, "the axes")
        axes = list(range(rank)) if axes_const is None else [axis_of(a, rank) for a in site.call().integers(3)]
    else:
        given, fill, axes = list(attributes.integers("pads") or ()), attributes.real("value", 0.0), list(range(rank))
    if len(given) != 2 * len(axes):
        raise ModelError(f"padding must have {2 * len(axes)} entries, not {len(given)}")
    zero = 0 if x.quantization is None else x.quantization.zero_point
    if mode == "constant" and fill != zero:
        raise ModelError(f"padding must be with zeros, not {fill}")
    begins, ends = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        begins[axis], ends[axis] = given[index], given[index + len(axes)]
    if not any(begins) and not any(ends):
        site.alias(x)
        return
    if x.batch_axis is not None and (begins[x.batch_axis] or ends[x.batch_axis]):
        raise ModelError("padding must not be of the batch axis")
    keep = [a for a in range(rank) if a != x.batch_axis]
    padding = (*(begins[a] for a in keep), *(ends[a] for a in keep))
    layer = Pad(padding=padding) if mode == "constant" else ReflectPad(padding=padding)
    site.emit(layer, x, batch_axis=x.batch_axis, keeps_values=True)


@lowers("Shape")
def shape(site: Site) -> None:
    """Fold Shape; the batch size stands in it as `Lowering.batch`."""
    value = site.value(0)
    dims = value.array.shape if isinstance(value, Const) else value.shape
    start = site.node.attributes.integer("start", 0)
    end = site.node.attributes.integer("end", len(dims))
    site.define(Const(np.array(dims[start:end], np.int64), 64))


@lowers("Size")
def size(site: Site) -> None:
    """Fold Size."""
    site.define(Const(np.array(math.prod(site.activation().shape), np.int64), 64))


@lowers("Identity", "Dropout")
def identity(site: Site) -> None:
    """Drop what does nothing when nothing is trained."""
    site.node.attributes.ignore("ratio", "seed")
    if any(site.node.outputs[1:]) and site.lowering.readers[site.node.outputs[1]]:
        raise ModelError("the mask of Dropout is not supported")
    if site.node.op == "Dropout" and site.optional(2) is not None:
        mode = site.constant(2, "training_mode")
        if mode.array.any():
            raise ModelError("training_mode must be false")
    site.maybe_constant(1, "the ratio")
    value = site.value(0)
    if isinstance(value, Const):
        site.define(value)
    else:
        site.alias(value)
