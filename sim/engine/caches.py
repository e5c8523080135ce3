"""Main-memory traffic behind a cache that software blocks for."""

from __future__ import annotations

from typing import Any

from sim.engine.jit import ceil_div, jit


@jit
def blocked_elements(ifmap: float, weight: float, cache_elements: float) -> float:
    """Return the elements of inputs and weights read from main memory by a contraction blocked for a cache.

    Half of the cache holds a block of one operand while the other streams past: either each block of weights sees all
    inputs, or each block of inputs all weights, whichever reads less. What fits is read once.
    """
    half = cache_elements / 2
    weight_blocks = ceil_div(max(weight, 1.0), half)
    input_blocks = ceil_div(max(ifmap, 1.0), half)
    return min(weight + ifmap * weight_blocks, ifmap + weight * input_blocks)


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
