"""Layers that disappear into their neighbour: a Pad into the window behind it, a constant Add into a bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.pad import Pad
from accel.onnx_import.lowering import Step
from accel.onnx_import.site import Site
from accel.onnx_import.values import Activation, Const


def writer(site: Site, value: Activation, name: str) -> Step | None:
    """Return the step that writes ``value`` if nothing but this node reads the model's tensor ``name``."""
    lowering = site.lowering
    step = lowering.writers.get(value.name)
    alone = lowering.readers[name] == 1 and value.name == name
    return step if step is not None and alone else None


def absorb_pad(site: Site, x: Activation, padding: tuple[int, ...]) -> tuple[Activation, tuple[int, ...]]:
    """Return the input in front of a zero Pad and the padding of both, or what was given."""
    step = writer(site, x, site.node.inputs[0])
    if step is None or not isinstance(step.layer, Pad):
        return x, padding
    rank = len(x.shape) - 1
    begins, ends = step.layer.padding[:rank], step.layer.padding[rank:]
    if begins[0] or ends[0]:
        return x, padding
    source = site.lowering.tensors[step.inputs[0]]
    site.lowering.remove(step)
    site.note(f"{step.node} is part of its padding")
    return source, tuple(a + b for a, b in zip(padding, (*begins[1:], *ends[1:]), strict=True))


def add_to_bias(site: Site, x: Activation, constant: Const, name: str) -> bool:
    """Make ``x + constant`` the bias of the contraction that writes ``x``, if it is one without; say whether."""
    step = writer(site, x, name)
    if step is None or not isinstance(step.layer, Conv | ConvTranspose | Dense) or step.layer.has_bias:
        return False
    layer = step.layer
    channels = layer.out_features if isinstance(layer, Dense) else layer.out_channels
    behind = 0 if isinstance(layer, Dense) else len(layer.kernel)
    shape = constant.array.shape
    extent = (1,) * (len(x.shape) - len(shape)) + shape
    wanted = (1,) * (len(x.shape) - 1 - behind) + (channels,) + (1,) * behind
    if extent not in (wanted, (1,) * len(x.shape)):
        return False
    if constant.codes is not None and constant.codes.axis is not None:
        return False
    bias = np.broadcast_to(constant.array.reshape(-1), (channels,))
    step.layer = replace(layer, has_bias=True, bias=bias.astype(np.float32))
    output = site.node.outputs[0]
    site.lowering.rename(step, output)
    site.note(f"is the bias of {step.node}")
    return True
