"""Lanes that read beats of one buffer."""

from __future__ import annotations

import numpy as np

from accel.fixedpoint import Ints


def by_beat(beats: Ints) -> tuple[tuple[int, ...], ...]:
    """Return lanes by the beats they read: lanes that always read the same beat share one copy of the buffer.

    Parameters
    ----------
    beats : int64 array, shape (steps, lanes)
        What each lane reads in each step.
    """
    found: dict[bytes, list[int]] = {}
    for lane in range(beats.shape[1]):
        found.setdefault(np.ascontiguousarray(beats[:, lane]).tobytes(), []).append(lane)
    return tuple(tuple(lanes) for lanes in found.values())
