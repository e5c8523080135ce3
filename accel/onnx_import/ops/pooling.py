"""Pools, global pools and reductions over whole axes."""

from __future__ import annotations

from accel.errors import ModelError
from accel.layers.arg_max import ArgMax
from accel.layers.average_pool import AveragePool
from accel.layers.global_average_pool import GlobalAveragePool
from accel.layers.global_max_pool import GlobalMaxPool
from accel.layers.max_pool import MaxPool
from accel.layers.pad import Pad
from accel.layers.reduce_mean import ReduceMean
from accel.layers.reshape import Reshape
from accel.onnx_import.geometry import geometry, spatial_input
from accel.onnx_import.merging import absorb_pad, writer
from accel.onnx_import.shape_rules import axes_of, axis_of
from accel.onnx_import.site import Site, lowers


@lowers("MaxPool")
def max_pool(site: Site) -> None:
    """Lower MaxPool with one output."""
    x = spatial_input(site)
    attributes = site.node.attributes
    if len([name for name in site.node.outputs if name]) > 1:
        raise ModelError("MaxPool must have one output; indices are not supported")
    attributes.ignore("storage_order")
    window = geometry(attributes, x)
    layer = MaxPool(
        kernel=window.kernel,
        stride=window.stride,
        dilation=window.dilation,
        padding=window.padding,
        ceil_mode=attributes.flag("ceil_mode", False),
    )
    site.emit(layer, x, batch_axis=0, keeps_values=True)


@lowers("AveragePool")
def average_pool(site: Site) -> None:
    """Lower AveragePool."""
    x = spatial_input(site)
    attributes = site.node.attributes
    window = geometry(attributes, x)
    counted = attributes.flag("count_include_pad", False)
    padding = window.padding
    step = writer(site, x, site.node.inputs[0])
    hangs_over = attributes.flag("ceil_mode", False)  # its last window may start in a Pad, but not in padding
    if not any(padding) and not hangs_over and step is not None and isinstance(step.layer, Pad):
        x, padding = absorb_pad(site, x, padding)
        counted = counted or any(padding)
    layer = AveragePool(
        kernel=window.kernel,
        stride=window.stride,
        dilation=window.dilation,
        padding=padding,
        ceil_mode=hangs_over,
        count_include_pad=counted,
    )
    site.emit(layer, x, batch_axis=0)


@lowers("GlobalAveragePool")
def global_average_pool(site: Site) -> None:
    """Lower GlobalAveragePool."""
    site.emit(GlobalAveragePool(), spatial_input(site), batch_axis=0)


@lowers("GlobalMaxPool")
def global_max_pool(site: Site) -> None:
    """Lower GlobalMaxPool."""
    site.emit(GlobalMaxPool(), spatial_input(site), batch_axis=0, keeps_values=True)


@lowers("ReduceMean")
def reduce_mean(site: Site) -> None:
    """Lower ReduceMean over axes other than the batch."""
    x = site.activation()
    call = site.call()
    if site.opset >= 18 and site.optional(1) is not None:
        site.constant(1, "the axes")
    listed = call.axes(1, 18)
    keep = site.node.attributes.flag("keepdims", True)
    if not listed and site.node.attributes.flag("noop_with_empty_axes", False):
        site.alias(x)
        return
    axes = axes_of(listed, len(x.shape)) if listed else tuple(range(len(x.shape)))
    if x.batch_axis in axes and x.shape[x.batch_axis] == 1 and not site.lowering.dynamic:
        axes = tuple(a for a in axes if a != x.batch_axis) if keep else axes
    sample = tuple(sorted(x.sample_axis(a, "a reduced axis") for a in axes))
    if not sample:
        site.alias(x)
        return
    batch_axis = x.batch_axis
    if not keep and batch_axis is not None:
        batch_axis -= sum(a < batch_axis for a in axes)
    if not keep and len(sample) == len(x.sample):
        mean = site.emit(ReduceMean(axes=sample), x, batch_axis=x.batch_axis, output=None)
        site.emit(Reshape(shape=()), mean, batch_axis=batch_axis)
    else:
        site.emit(ReduceMean(axes=sample, keepdims=keep), x, batch_axis=batch_axis)


@lowers("ArgMax")
def arg_max(site: Site) -> None:
    """Lower ArgMax over an axis other than the batch."""
    x = site.activation()
    attributes = site.node.attributes
    axis = axis_of(attributes.integer("axis", 0), len(x.shape))
    keep = attributes.flag("keepdims", True)
    batch_axis = x.batch_axis
    if not keep and batch_axis is not None:
        batch_axis -= int(axis < batch_axis)
    layer = ArgMax(
        axis=x.sample_axis(axis, "ArgMax axis"), keepdims=keep, last=attributes.flag("select_last_index", False)
    )
    site.emit(layer, x, batch_axis=batch_axis)
