"""Whether a part can hold a network's weights at all, which is known before anything is planned."""

from __future__ import annotations

from typing import Any

import numpy as np

from accel import targets
from accel.display import si
from accel.errors import CapacityError, shown
from accel.fixedpoint import signed_bits
from accel.layers.base import Layer
from accel.network import Network
from accel.targets import Target


def check(network: Network, part: Target) -> None:
    """Refuse a network whose weights exceed everything on a part that can hold constants.

    Raises
    ------
    CapacityError
        With what is needed, what there is, and the parts that could hold it.
    """
    needed = sum(weight_bits(node.layer) for node in network)
    if needed <= part.constant_bits:
        return
    larger = [t.name for t in targets.registry().values() if needed <= t.constant_bits]
    raise CapacityError(
        f"network {shown(network.name)} has {si(needed, 'bit')} of weights, and {part.name} holds "
        f"{si(part.bram * part.bram_bits, 'bit')} in block RAM and {si(part.lut << part.fabric.inputs, 'bit')} in "
        f"look-up tables; {' or '.join(larger) + ' could hold them' if larger else 'no listed part holds them'}"
    )


def weight_bits(layer: Layer) -> int:
    """Return the bits of a layer's integer weights, biases left out, each array at its narrowest width."""
    total = 0
    for name in layer.weight_shapes():
        array: np.ndarray[Any, Any] | None = getattr(layer, name)
        if name != "bias" and array is not None and array.size and array.dtype.kind == "i":
            total += array.size * signed_bits(int(array.min()), int(array.max()))
    return total
