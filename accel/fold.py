"""Folding: what a float network does not need at inference is worked into its neighbours."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from accel.errors import shown
from accel.layers.base import Array, Layer
from accel.layers.batch_norm import BatchNorm
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.identity import Identity
from accel.network import Network, Node


def fold(network: Network) -> Network:
    """Return a float network without Identity layers, and without BatchNorms that a layer before can absorb.

    A BatchNorm folds into a Conv, ConvTranspose or Dense whose output nothing else reads. Weights are optional: in a
    network that is only priced the layers go all the same. Graph outputs keep their names; each change leaves a note.
    """
    return _fold_batch_norms(_drop_identities(network))


def _drop_identities(network: Network) -> Network:
    """Drop Identity layers; whoever read one reads what it read. One between a graph input and output stays."""
    instead: dict[str, str] = {}
    nodes: list[Node] = []
    notes: list[str] = []
    renamed: dict[str, str] = {}
    outer, outputs = {*network.inputs, *network.outputs}, set(network.outputs)
    for node in network:
        sources = tuple(instead.get(name, name) for name in node.inputs)
        drop = isinstance(node.layer, Identity)
        if drop and node.outputs[0] in outputs:
            drop = sources[0] not in outer and sources[0] not in renamed
            if drop:
                renamed[sources[0]] = node.outputs[0]
        if drop:
            instead[node.outputs[0]] = sources[0]
            notes.append(f"dropped {node.layer.op} {shown(node.name)}")
        else:
            nodes.append(replace(node, inputs=sources))
    nodes = [
        replace(
            node,
            inputs=tuple(renamed.get(name, name) for name in node.inputs),
            outputs=tuple(renamed.get(name, name) for name in node.outputs),
        )
        for node in nodes
    ]
    return _rebuilt(network, nodes, notes)


def _fold_batch_norms(network: Network) -> Network:
    readers = Counter(name for node in network for name in node.inputs)
    nodes: list[Node] = []
    notes: list[str] = []
    writer: dict[str, int] = {}
    outputs = set(network.outputs)
    for node in network:
        at = writer.get(node.inputs[0]) if node.inputs else None
        if isinstance(node.layer, BatchNorm) and at is not None:
            before = nodes[at]
            source = node.inputs[0]
            if readers[source] == 1 and source not in outputs:
                layer = absorb(before.layer, node.layer, len(network.tensors[source].shape))
                if layer is not None:
                    nodes[at] = replace(before, layer=layer, outputs=node.outputs)
                    writer[node.outputs[0]] = at
                    notes.append(f"folded BatchNorm {shown(node.name)} into {layer.op} {shown(before.name)}")
                    continue
        writer.update((name, len(nodes)) for name in node.outputs)
        nodes.append(node)
    return _rebuilt(network, nodes, notes)


def absorb(layer: Layer, norm: BatchNorm, axes: int) -> Layer | None:
    """Return ``layer`` followed by ``norm`` as one layer, or ``None`` if it cannot take it in.

    ``axes`` counts the axes of a sample between the two: a Dense on a sequence has its features last, where a
    BatchNorm does not look.
    """
    if isinstance(layer, Conv):
        channel_axis = 0
    elif isinstance(layer, ConvTranspose):
        channel_axis = 1
    elif isinstance(layer, Dense) and axes == 1:
        channel_axis = 0
    else:
        return None
    if layer.weight is None or norm.scale is None or norm.bias is None:
        return replace(layer, has_bias=True)
    bias = np.zeros(norm.channels, np.float32) if layer.bias is None else layer.bias
    return replace(
        layer,
        weight=_scaled(layer.weight, norm.scale, channel_axis),
        has_bias=True,
        bias=(bias.astype(np.float64) * norm.scale + norm.bias).astype(np.float32),
    )


def _scaled(weight: Array, scale: Array, axis: int) -> Array:
    """Return ``weight`` times ``scale`` per output channel; with groups, axis 1 holds each group's own channels."""
    wide = weight.astype(np.float64)
    if axis == 0:
        return (wide * scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32)
    groups = scale.size // weight.shape[1]
    grouped = wide.reshape(groups, -1, *weight.shape[1:])
    scaled = grouped * scale.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))
    return scaled.reshape(weight.shape).astype(np.float32)


def _rebuilt(network: Network, nodes: list[Node], notes: list[str]) -> Network:
    if not notes:
        return network
    kept = {*network.inputs, *(name for node in nodes for name in node.outputs)}
    return replace(
        network,
        tensors={name: tensor for name, tensor in network.tensors.items() if name in kept},
        nodes=tuple(nodes),
        notes=(*network.notes, *notes),
    )
