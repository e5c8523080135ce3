"""Integers for a network that has none, so that its design can be priced: widths follow from shapes alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accel.errors import UnsupportedError, shown
from accel.fixedpoint import Quantization
from accel.fold import fold
from accel.layers.base import Layer
from accel.layers.clip import Clip
from accel.layers.dequantize import Dequantize
from accel.layers.quantize import Quantize
from accel.layers.relu import Relu
from accel.network import Builder, Network

ACTIVATIONS = Quantization(1.0)
"""int8, symmetric."""
_WEIGHT = -128
_SCALE = 2.0**-12
"""Any scale gives a multiplier of all its significant bits."""


def stand_in(network: Network) -> Network:
    """Return a network of the same layers in int8, with every weight at the end of its range.

    BatchNorms are folded, and a ReLU or Clip behind a layer that rounds goes into its saturation. Layers without
    integers may only stand at the end, and stay on the host.

    Raises
    ------
    UnsupportedError
        If a layer without integers is followed by one with weights.
    """
    b = Builder(network.name, notes=[*network.notes, "stand-in integers: widths follow from shapes"])
    tensors: dict[str, str] = {}
    rounded: set[str] = set()
    floats: dict[str, str] = {}
    network = fold(network)
    for name in network.inputs:
        x = b.input(name, network.tensors[name].shape)
        tensors[name] = b.add(Quantize(quantization=ACTIVATIONS), x, name=f"{name} quantized", quantization=ACTIVATIONS)
    for node in network:
        late = [t for t in node.inputs if t in floats]
        if not late and isinstance(node.layer, Relu | Clip) and node.inputs[0] in rounded:
            tensors[node.outputs[0]] = tensors[node.inputs[0]]
            continue
        layer = None if late else _integer(node.layer, network, node.inputs)
        if layer is not None:
            name = b.add(layer, *(tensors[t] for t in node.inputs), name=node.name, quantization=ACTIVATIONS)
            tensors[node.outputs[0]] = name
            if layer.requantize is not None:
                rounded.add(node.outputs[0])
            continue
        if node.layer.weight_shapes():
            raise UnsupportedError(
                f"{node.layer.op} {shown(node.name)} has no integers, or reads what has none", op=node.layer.op
            )
        inputs = [floats[t] if t in floats else _leave(b, tensors, floats, t) for t in node.inputs]
        floats[node.outputs[0]] = b.add(node.layer, *inputs, name=node.name)
    b.output(*(floats.get(t) or tensors[t] for t in network.outputs))
    return b.build()


def _integer(layer: Layer, network: Network, inputs: tuple[str, ...]) -> Layer | None:
    """Return the layer in integers, or ``None`` if it has none."""
    weights = {
        name: np.full(shape, 0 if name == "bias" else _WEIGHT, np.int64 if name == "bias" else np.int16)
        for name, shape in layer.weight_shapes().items()
    }
    shapes = tuple(network.tensors[t].shape for t in inputs)
    try:
        return replace(layer, **weights).quantized(shapes, (ACTIVATIONS,) * len(inputs), ACTIVATIONS, _SCALE)
    except UnsupportedError:
        return None


def _leave(b: Builder, tensors: dict[str, str], floats: dict[str, str], name: str) -> str:
    floats[name] = b.add(Dequantize(quantization=ACTIVATIONS), tensors[name], name=f"{name} dequantized")
    return floats[name]
