"""Main-memory traffic behind a cache that software blocks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.jit import ceil_div, jit


@jit
def blocked_elements(ifmap: float, weight: float, macs: float, cache_elements: float) -> float:
    """Return the elements of inputs and weights read past a cache by a contraction blocked for it.

    Of three ways the one that reads least: half of the cache holds a block of weights and every input streams past;
    or a block of inputs, and every weight does; or a third holds a square block of outputs, for which two MACs over
    its side are read. What fits is read once.

    References
    ----------
    J.-W. Hong, H. T. Kung, "I/O complexity: the red-blue pebble game", STOC 1981.
    """
    half = cache_elements / 2
    one_sided = min(weight + ifmap * ceil_div(max(weight, 1.0), half), ifmap + weight * ceil_div(max(ifmap, 1.0), half))
    return min(one_sided, max(ifmap + weight, 2 * macs / np.sqrt(cache_elements / 3)))


@jit
def past_cache(work: Any, n: float, cache_elements: float) -> float:
    """Return the elements read and written for ``n`` samples that reach main memory: what the last cache cannot keep.

    A tensor between two layers that takes up less than a quarter of the cache stays there; what enters or leaves the
    network does not.
    """
    ifmap, ofmap = n * work["ifmap"], n * work["ofmap"]
    kept = cache_elements / 4
    into = ifmap if ifmap > kept else min(ifmap, n * work["outside_in"])
    out = ofmap if ofmap > kept else min(ofmap, n * work["outside_out"])
    return into + out
