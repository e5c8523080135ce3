"""Tensors drawn from the whole range of a core's inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.network import Network
from accel.plan.sites import Region


def draw(network: Network, region: Region, count: int, seed: int) -> dict[str, NDArray[Any]]:
    """Return ``count`` tensors of integers for every input of the core, drawn from its whole range.

    The first tensor is all at the highest integer, the second all at the lowest.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, NDArray[Any]] = {}
    for name in region.inputs:
        tensor = network.tensors[name]
        q = tensor.quantization
        assert q is not None  # the inputs of an integer region are integers
        values = rng.integers(q.low, q.high + 1, (count, *tensor.shape)).astype(q.dtype)
        for extreme, value in enumerate((q.high, q.low)[:count]):
            values[extreme] = value
        drawn[name] = values
    return drawn


def core_of(network: Network, region: Region) -> Network:
    """Return the part of ``network`` that is not left to the host, the batch axis first at its inputs and outputs."""
    host = {*region.before, *region.after}
    tensors = {name: replace(tensor, batch_axis=0) for name, tensor in network.tensors.items()}
    nodes = tuple(node for node in network if node.name not in host)
    return Network(network.name, tensors, nodes, region.inputs, region.outputs)
