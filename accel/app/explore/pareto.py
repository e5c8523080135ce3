"""The designs that no other beats in every objective at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.jit import jit


@jit
def _undominated(points: Any, kept: Any) -> int:
    """Write into ``kept`` the rows of ``points``, sorted by their first column, that no other dominates."""
    count = 0
    for i in range(len(points)):
        dominated = False
        for j in range(count):
            at_most = True
            less = False
            for k in range(points.shape[1]):
                if points[kept[j], k] > points[i, k]:
                    at_most = False
                    break
                if points[kept[j], k] < points[i, k]:
                    less = True
            if at_most and less:
                dominated = True
                if j > 0:  # what dominated last often dominates next
                    kept[j], kept[j - 1] = kept[j - 1], kept[j]
                break
        if not dominated:
            kept[count] = i
            count += 1
    return count


def front(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the rows of ``points`` that no other row dominates, less being better in every column.

    A row dominates another if it is nowhere more and somewhere less; equal rows are all kept. Rows that are not finite
    are left out.
    """
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not points.shape[1]:
        return finite
    order = finite[np.lexsort(points[finite].T[::-1])]
    kept = np.empty(len(order), dtype=np.intp)
    count = _undominated(np.ascontiguousarray(points[order]), kept)
    return np.sort(order[kept[:count]])
