"""How many beats a branch must be able to hold so that a join never locks up, counted in schedule order.

A join's position waits until every input has its beats. Where two of its inputs come from one fork, the position needs
the fork to have passed some number of beats down the one branch, and the fork passes every beat down both. So the other
branch must have room for all of them beyond what the join's positions before have let it give up. Both numbers follow
from ``need``, ``free`` and the room of what stands on the branches, by counting: latencies and stalls do not enter,
because kernels take their steps in a fixed order, so what they can reach in the end does not depend on when.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accel.schedule.base import Counts, Schedule
from accel.schedule.graph import TOP, ScheduleGraph


def least_room(graph: ScheduleGraph) -> dict[int, int]:
    """Return the beats that must be held on each link into a join, besides the queues and buffers that are there.

    Parameters
    ----------
    graph : ScheduleGraph
        Kernels stand upstream first.

    Returns
    -------
    dict of int to int
        By link; links that need none are left out. With a beat less on one of them the join locks up.
    """
    room: dict[int, int] = {}
    for join, schedule in enumerate(graph.schedules):
        ports = range(len(schedule.beats))
        for waiting in ports if len(ports) > 1 else ():
            wanted = [_required(graph, join, port) for port in ports if port != waiting]
            link = _into(graph, join, waiting)
            few, enough = -1, 0  # beats of room: the one locks up, the other does not
            while not _goes_on(wanted, _allowed(graph, join, waiting, room | {link: enough})):
                few, enough = enough, 2 * enough + 1
            while enough - few > 1:
                middle = (few + enough) // 2
                goes_on = _goes_on(wanted, _allowed(graph, join, waiting, room | {link: middle}))
                few, enough = (few, middle) if goes_on else (middle, enough)
            if enough:
                room[link] = enough
    return room


def _goes_on(wanted: list[dict[int, Counts]], allowed: dict[int, Counts]) -> bool:
    """Whether no kernel on both branches must write more than it may."""
    return all(bool((one[k] <= allowed[k]).all()) for one in wanted for k in one.keys() & allowed.keys())


def _required(graph: ScheduleGraph, join: int, port: int) -> dict[int, Counts]:
    """Return the results of a tensor that each kernel before a port must have written for each position of the join."""
    results: dict[int, Counts] = {}
    writer = graph.links[_into(graph, join, port)].source[0]
    results[writer] = graph.schedules[join].need[port] + 1
    for k in range(join - 1, -1, -1):
        if k not in results:
            continue
        schedule = graph.schedules[k]
        position = np.searchsorted(_written(schedule), results[k])
        for i in range(len(schedule.beats)):
            source = graph.links[_into(graph, k, i)].source[0]
            beats = schedule.need[i][position] + 1
            results[source] = np.maximum(results[source], beats) if source in results else beats
    results.pop(TOP, None)
    return results


def _allowed(graph: ScheduleGraph, join: int, port: int, room: Mapping[int, int]) -> dict[int, Counts]:
    """Return the most results of a tensor that each kernel before a port may have written while a position waits.

    The join has then finished the positions before it and holds what they have not freed.
    """
    results: dict[int, Counts] = {}

    def into(k: int, i: int, freed: Counts) -> None:
        link = _into(graph, k, i)
        source, out = graph.links[link].source
        if source == TOP:
            return
        schedule = graph.schedules[k]
        most = freed + schedule.capacity[i] + room.get(link, 0) + graph.schedules[source].slots[out]
        results[source] = np.minimum(results[source], most) if source in results else most

    free = graph.schedules[join].free[port]
    into(join, port, np.append(0, free[:-1]))
    for k in range(join - 1, -1, -1):
        if k not in results:
            continue
        schedule = graph.schedules[k]
        finished = np.searchsorted(_written(schedule), results[k], side="right")
        for i in range(len(schedule.beats)):
            into(k, i, np.append(0, schedule.free[i])[finished])
    return results


def _written(schedule: Schedule) -> Counts:
    """Return the results that a tensor's positions up to each have written."""
    period = np.maximum(schedule.period, 1)
    return np.cumsum(np.where(schedule.period > 0, schedule.steps // period, 0))


def _into(graph: ScheduleGraph, kernel: int, port: int) -> int:
    """Return the link into a port."""
    return next(i for i, link in enumerate(graph.links) if link.target == (kernel, port))
