"""Interval and latency of a graph of schedules without stepping it: for sweeps, and for networks too long to step."""

from __future__ import annotations

import numpy as np

from accel.schedule.base import Counts, Schedule
from accel.schedule.graph import TOP, ScheduleGraph


def interval_cycles(graph: ScheduleGraph) -> int:
    """Return the interval that buffers of sufficient size reach: that of the slowest kernel.

    The stepper's is never below it, and at most 2 % above for buffers of twice what one position needs.
    """
    return graph.bound_cycles


def latency_cycles(graph: ScheduleGraph) -> int:
    """Return the cycles from a lone tensor's first beat in to its last beat out, both included.

    Every position starts when the one before has ended and its last beat has come; nothing waits for room. So it is
    never above the stepper's, and equal where no buffer fills. Kernels must stand upstream first.
    """
    moves: dict[tuple[int, int], Counts] = {}
    for link in graph.links:
        if link.source[0] == TOP:
            kernel, port = link.target
            moves[link.target] = np.arange(graph.schedules[kernel].beats[port], dtype=np.int64)
    last = 0
    for k, schedule in enumerate(graph.schedules):
        offered = _results(schedule, [moves[k, port] for port in range(len(schedule.beats))])
        for link in graph.links:
            if link.source[0] == k:
                if link.target[0] == TOP:
                    last = max(last, int(offered[-1]))
                else:
                    moves[link.target] = offered
    return last + 1


def _results(schedule: Schedule, arrivals: list[Counts]) -> Counts:
    """Return the cycle in which each result of a tensor is offered, for input beats that move in ``arrivals``."""
    steps = schedule.steps
    before = np.cumsum(steps) - steps
    earliest = np.max([move[need] + 1 for move, need in zip(arrivals, schedule.need, strict=True)], axis=0)
    start = before + np.maximum.accumulate(earliest - before)
    done = np.where(schedule.period > 0, steps // np.maximum(schedule.period, 1), 0)
    if schedule.after.any():
        start = _recurrent(schedule, earliest, done)
    position = np.repeat(np.arange(len(steps)), done)
    place = np.arange(len(position)) - np.repeat(np.cumsum(done) - done, done)
    return start[position] + (place + 1) * schedule.period[position] - 1 + schedule.latency


def _recurrent(schedule: Schedule, earliest: Counts, done: Counts) -> Counts:
    """Return the starts of positions that also wait for results of their own."""
    start = np.zeros(len(earliest), np.int64)
    offered: list[int] = []
    free = 0
    for i, steps in enumerate(schedule.steps.tolist()):
        after = int(schedule.after[i])
        start[i] = max(free, int(earliest[i]), offered[after - 1] if after else 0)
        free = int(start[i]) + steps
        period = int(schedule.period[i])
        offered += [int(start[i]) + (n + 1) * period - 1 + schedule.latency for n in range(int(done[i]))]
    return start
