"""Functions of one number, Softmax, LRN and batch normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from accel.errors import ModelError
from accel.layers.base import Layer
from accel.layers.batch_norm import BatchNorm
from accel.layers.clip import Clip
from accel.layers.elu import Elu
from accel.layers.exp import Exp
from accel.layers.gelu import Gelu
from accel.layers.hard_sigmoid import HardSigmoid
from accel.layers.hard_swish import HardSwish
from accel.layers.leaky_relu import LeakyRelu
from accel.layers.lrn import LRN
from accel.layers.prelu import PRelu
from accel.layers.relu import Relu
from accel.layers.sigmoid import Sigmoid
from accel.layers.softmax import Softmax
from accel.layers.softplus import Softplus
from accel.layers.tanh import Tanh
from accel.onnx_import.attributes import Attributes
from accel.onnx_import.folding import clip_bounds
from accel.onnx_import.narrowing import narrow
from accel.onnx_import.shape_rules import axis_of
from accel.onnx_import.site import Site, lowers

UNARY: dict[str, Callable[[Attributes], Layer]] = {
    "Relu": lambda a: Relu(),
    "LeakyRelu": lambda a: LeakyRelu(alpha=a.real("alpha", 0.01)),
    "Elu": lambda a: Elu(alpha=a.real("alpha", 1.0)),
    "Gelu": lambda a: Gelu(approximate=a.word("approximate", "none", ("none", "tanh")) == "tanh"),
    "Sigmoid": lambda a: Sigmoid(),
    "HardSigmoid": lambda a: HardSigmoid(alpha=a.real("alpha", 0.2), beta=a.real("beta", 0.5)),
    "HardSwish": lambda a: HardSwish(),
    "Exp": lambda a: Exp(),
    "Softplus": lambda a: Softplus(),
    "Tanh": lambda a: Tanh(),
}
"""The layer of a unary operator from its attributes."""


@lowers(*UNARY)
def unary(site: Site) -> None:
    """Lower a function of one number."""
    x = site.activation()
    site.emit(UNARY[site.node.op](site.node.attributes), x, batch_axis=x.batch_axis)


@lowers("Clip")
def clip(site: Site) -> None:
    """Lower Clip; on integers it is a bit width."""
    x = site.activation()
    for index in (1, 2):
        site.maybe_constant(index, "a bound of Clip")
    low, high = clip_bounds(site.call())
    if x.quantization is not None:
        narrow(site, x, low, high)
        return
    bounds = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
    site.emit(Clip(low=bounds[0], high=bounds[1]), x, batch_axis=x.batch_axis)


@lowers("PRelu")
def prelu(site: Site) -> None:
    """Lower PRelu."""
    x = site.activation()
    slope = site.weights(1, "the slopes")
    shape = slope.array.shape
    if len(shape) == len(x.shape) and shape[0] == 1 and x.batch_axis == 0:
        slope = slope.reshaped(shape[1:])
    layer = PRelu(slope_shape=slope.array.shape, slope=slope.array)
    site.emit(layer, x, batch_axis=x.batch_axis, codes={"slope": slope.codes})


@lowers("Softmax")
def softmax(site: Site) -> None:
    """Lower Softmax; before opset 13 it ran over all axes from ``axis`` on."""
    x = site.activation()
    rank = len(x.shape)
    axis = axis_of(site.node.attributes.integer("axis", -1 if site.opset >= 13 else 1), rank)
    if site.opset < 13 and any(d != 1 for d in x.shape[axis + 1 :]):
        if any(d != 1 for d in x.shape[axis:-1]):
            raise ModelError(f"Softmax of opset {site.opset} must be over one axis, not all from {axis} of {rank}")
        axis = rank - 1
    site.emit(Softmax(axis=x.sample_axis(axis, "Softmax axis")), x, batch_axis=x.batch_axis)


@lowers("LRN")
def lrn(site: Site) -> None:
    """Lower LRN."""
    x = site.activation()
    a = site.node.attributes
    if x.batch_axis != 0:
        raise ModelError("its input must have the batch on the first axis")
    layer = LRN(
        size=a.integer("size", 0), alpha=a.real("alpha", 1e-4), beta=a.real("beta", 0.75), k=a.real("bias", 1.0)
    )
    site.emit(layer, x, batch_axis=0)


@lowers("BatchNormalization")
def batch_normalization(site: Site) -> None:
    """Lower BatchNormalization at inference to a scale and an offset."""
    x = site.activation()
    attributes = site.node.attributes
    attributes.ignore("momentum", "spatial")
    if attributes.flag("training_mode", False) or any(site.lowering.readers[o] for o in site.node.outputs[1:] if o):
        raise ModelError("it must be exported for inference, with one output")
    if x.batch_axis != 0 or len(x.shape) < 2:
        raise ModelError("its input must have shape (n, channels, ...)")
    gamma, beta, mean, variance = (
        site.weights(i, what, 1).array.astype(np.float64)
        for i, what in ((1, "the scale"), (2, "the offset"), (3, "the mean"), (4, "the variance"))
    )
    channels = x.shape[1]
    if any(a.shape != (channels,) for a in (gamma, beta, mean, variance)):
        raise ModelError(f"scale, offset, mean and variance must have {channels} entries each")
    epsilon = attributes.real("epsilon", 1e-5)
    if np.any(variance + epsilon <= 0):
        raise ModelError("the variance must be positive")
    scale = gamma / np.sqrt(variance + epsilon)
    layer = BatchNorm(channels=channels, scale=scale.astype(np.float32), bias=(beta - mean * scale).astype(np.float32))
    site.emit(layer, x, batch_axis=0)
