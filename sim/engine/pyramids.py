"""Pyramids of fused layers: their geometry, the buffers between their layers, and every way to group a chain.

A group of layers computes one output tile at a time, from the part of each layer's input it depends on (a pyramid).
Groups are arrays of work records, one for each convolution or pool.

References
----------
M. Alwani, H. Chen, M. Ferdman, P. Milder, "Fused-Layer CNN Accelerators", MICRO 2016, sections III and IV.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import FLOAT32_BYTES as ELEMENT_BYTES
from sim.engine.lowering import WINDOW

REUSE, RECOMPUTE = 0.0, 1.0
"""What becomes of the overlap of neighbouring pyramids."""


@jit
def _span(work: Any) -> tuple[float, float, float, float]:
    """Return rows and columns a window spans, and its strides."""
    rows = (work["r"] - 1) * work["dilation_h"] + 1
    columns = (work["s"] - 1) * work["dilation_w"] + 1
    return rows, columns, work["stride_h"], work["stride_w"]


@jit
def storage_bytes(works: Any, tile: float) -> float:
    """Return the bytes a group keeps on chip between its layers, pyramids ending in ``tile`` x ``tile`` outputs.

    For every layer but the first whose window exceeds its stride, the overlap of neighbouring pyramids: K - S full rows
    of its input (BT) and K - S columns as high as its tile (BL). The first layer's overlap is read again from main
    memory. For every pool but the first, one K x K window of its input, which the layer before fills pixel by pixel.

    The paper does not name the window. It is inferred: without it, merging a pool with its convolution would be free
    and the paper's point A, pools apart, off the front; with it, A, B and C are on the front and the storage printed
    for B and C is met within 1.1 % (3.4 % without).
    """
    total = 0.0
    rows = tile
    for i in range(len(works) - 1, 0, -1):
        work = works[i]
        span_r, span_s, u, v = _span(work)
        rows = (rows - 1) * u + span_r
        channels = work["ifmap"] / (work["h"] * work["w"])
        if span_r > u:
            total += (span_r - u) * work["w"] * channels * ELEMENT_BYTES
        if span_s > v:
            total += (span_s - v) * rows * channels * ELEMENT_BYTES
        if work["kind"] == WINDOW:
            total += work["r"] * work["s"] * channels * ELEMENT_BYTES
    return total


@jit
def rows_computed(works: Any, layer: int, tile: float, across: int) -> float:
    """Return the output rows (columns, if ``across``) of a layer that all pyramids compute, overlaps repeated."""
    last = works[len(works) - 1]
    length = last["q"] if across else last["p"]
    total = 0.0
    for t in range(int(ceil_div(length, tile))):
        low, high = t * tile, min((t + 1) * tile, length)
        for i in range(len(works) - 1, layer, -1):
            work = works[i]
            span_r, span_s, u, v = _span(work)
            span, stride = (span_s, v) if across else (span_r, u)
            size = work["w"] if across else work["h"]
            out = work["q"] if across else work["p"]
            before = np.floor(max(0.0, (out - 1) * stride + span - size) / 2)
            low = max(0.0, low * stride - before)
            high = min(size, (high - 1) * stride + span - before)
        total += high - low
    return total


@jit
def pixels(works: Any, layer: int, tile: float, recompute: float) -> float:
    """Return the output positions layer ``layer`` of a group computes for one sample."""
    if recompute == REUSE:
        return works[layer]["p"] * works[layer]["q"]
    return rows_computed(works, layer, tile, 0) * rows_computed(works, layer, tile, 1)


def traffic_bytes(works: NDArray[Any]) -> float:
    """Return the bytes of feature maps one sample of a group moves: the first layer's input and the last's output."""
    return float((works[0]["ifmap"] + works[-1]["ofmap"]) * ELEMENT_BYTES)


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to cut a chain of layers into groups.

    Attributes
    ----------
    sizes : tuple of int
        Layers of each group.
    storage_bytes, traffic_bytes : float
        Buffers of all groups, see `storage_bytes`; feature maps moved for one sample.
    """

    sizes: tuple[int, ...]
    storage_bytes: float
    traffic_bytes: float


def grouping(works: NDArray[Any], sizes: tuple[int, ...], tile: int) -> Grouping:
    """Return the grouping of a chain of layers, one record each, into groups of ``sizes``."""
    edges = np.cumsum([0, *sizes])
    groups = [works[a:b] for a, b in itertools.pairwise(edges)]
    storage = sum(float(storage_bytes(group, float(tile))) for group in groups)
    return Grouping(sizes, storage, sum(traffic_bytes(group) for group in groups))


def front(works: NDArray[Any], tile: int, weight_bytes: float = np.inf) -> list[Grouping]:
    """Return every grouping of a chain that no other beats in both storage and traffic, least storage first.

    Groups of more than one layer whose weights exceed ``weight_bytes`` are left out. All 2**(layers - 1) groupings are
    covered: cutting a chain at any place leaves two independent problems, so dominated beginnings can be dropped.
    """
    best: list[list[Grouping]] = [[Grouping((), 0.0, 0.0)]]
    for end in range(1, len(works) + 1):
        found: list[Grouping] = []
        for start in range(end):
            group = works[start:end]
            if end - start > 1 and group["weight"].sum() * ELEMENT_BYTES > weight_bytes:
                continue
            storage, traffic = float(storage_bytes(group, float(tile))), traffic_bytes(group)
            for g in best[start]:
                found.append(Grouping((*g.sizes, end - start), g.storage_bytes + storage, g.traffic_bytes + traffic))
        best.append(_undominated(found))
    return best[-1]


def _undominated(found: list[Grouping]) -> list[Grouping]:
    kept: list[Grouping] = []
    for g in sorted(found, key=lambda g: (g.storage_bytes, g.traffic_bytes, len(g.sizes))):
        if not kept or g.traffic_bytes < kept[-1].traffic_bytes:
            kept.append(g)
    return kept
