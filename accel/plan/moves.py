"""Rows of layers that only move elements, which one kernel can do in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from accel.layers.moves import Move
from accel.layers.rearrangement import Rearrangement
from accel.network import Network, Node
from accel.plan.layouts import only_moves, reshapes, swaps_axes


def moves_as_one(network: Network) -> Network:
    """Return the network with every transposition and the moves next to it as one layer; itself if there are none.

    That is called after the last of them. What comes between them leaves nowhere else. What is free stays as it is:
    a flatten at the end, and moves without a transposition, or with one between a sequence and a signal only.
    """
    readers = Counter(name for node in network for name in node.inputs)
    readers.update(network.outputs)
    rows: dict[str, list[Node]] = {}  # by what the last of each writes
    for node in network:
        name = node.outputs[0]
        if _may_move(network, node) and len(network.tensors[name].shape) > 1:
            before = node.inputs[0]
            rows[name] = rows.pop(before, []) if readers[before] == 1 else []
            rows[name].append(node)
    one = {row[-1].name: row for row in rows.values() if len(row) > 1 and any(_costs(network, node) for node in row)}
    if not one:
        return network
    merged = {node.name for row in one.values() for node in row}
    nodes = tuple(_merged(network, one, merged))
    there = {*network.inputs, *(name for node in nodes for name in node.outputs)}
    tensors = {name: tensor for name, tensor in network.tensors.items() if name in there}
    return replace(network, nodes=nodes, tensors=tensors)


def _merged(network: Network, one: dict[str, list[Node]], merged: set[str]) -> Iterator[Node]:
    for node in network:
        if node.name in one:
            row = one[node.name]
            moves = tuple(n.layer for n in row if isinstance(n.layer, Move))
            yield Node(node.name, Rearrangement(moves=moves), row[0].inputs, node.outputs)
        elif node.name not in merged:
            yield node


def _may_move(network: Network, node: Node) -> bool:
    """Return whether a node moves integers only."""
    return only_moves(node.layer) and network.tensors[node.outputs[0]].quantization is not None


def _costs(network: Network, node: Node) -> bool:
    """Return whether a node by itself changes the order of the elements."""
    return not reshapes(network, node) and not swaps_axes(network, node)
