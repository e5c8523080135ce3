"""The stepper: interprets any graph of schedules by the rules of docs/adr/0001, and knows no layer type.

The loop holds the counters of the contract and nothing else. It evaluates only cycles in which something can change:
between two decisions of a kernel, and while every kernel waits, it goes straight to the next event, which changes no
transfer by a cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numba
import numpy as np
from numpy.typing import NDArray

from accel import stalls
from accel.errors import CheckError, InputError, shown
from accel.schedule.base import Counts
from accel.schedule.graph import TOP, ScheduleGraph

CAUSES = ("input", "own results", "output")
"""What a step can wait for, in the order in which it is asked: input beats, earlier results, a free result slot."""

_RUNNING, _INPUT, _OWN, _OUTPUT, _FINISHED = -1, 0, 1, 2, -2
_NEVER = 1 << 62


@dataclass(frozen=True, eq=False)
class Run:
    """What happened while a graph worked on some tensors, back to back.

    Attributes
    ----------
    graph : ScheduleGraph
    tensors : int
    cycles : int
        Until the last transfer, that one included; cycle 0 is the first after reset.
    inputs, outputs : tuple of int64 arrays, shape (tensors, beats)
        Cycle of every transfer at the graph's ports.
    links : dict of int to int64 array, shape (tensors, beats)
        Cycle of every transfer on the links that were asked for.
    busy : int64 array, shape (kernels,)
        Cycles in which a step was issued.
    stalls : int64 array, shape (kernels, 3)
        Cycles in which the next step waited, by the cause of `CAUSES`.
    input_high_water : tuple of tuples of int
        Most beats each input buffer held, per kernel and port.
    slots_high_water : int64 array, shape (kernels,)
        Most result slots taken at once, of any output port.
    """

    graph: ScheduleGraph
    tensors: int
    cycles: int
    inputs: tuple[Counts, ...]
    outputs: tuple[Counts, ...]
    links: dict[int, Counts]
    busy: Counts
    stalls: Counts
    input_high_water: tuple[tuple[int, ...], ...]
    slots_high_water: Counts

    @property
    def finished(self) -> Counts:
        """Cycle in which each tensor's last output beat moved, shape (tensors,)."""
        return np.max([port[:, -1] for port in self.outputs], axis=0)

    @property
    def latency_cycles(self) -> int:
        """Cycles from the first tensor's first input transfer to its last output transfer, both included."""
        first = min(int(port[0, 0]) for port in self.inputs)
        return int(self.finished[0]) - first + 1

    @property
    def interval_cycles(self) -> float:
        """Mean cycles between completions over the later half of the tensors, where start-up has died away."""
        if self.tensors < 2:
            raise InputError("an interval needs at least 2 tensors, not 1")
        finished = self.finished[self.tensors // 2 - 1 :]
        return (int(finished[-1]) - int(finished[0])) / (len(finished) - 1)


def step(
    graph: ScheduleGraph,
    tensors: int,
    *,
    source_stalls: Sequence[NDArray[np.bool_]] | None = None,
    sink_stalls: Sequence[NDArray[np.bool_]] | None = None,
    record: Sequence[int] = (),
) -> Run:
    """Run ``tensors`` tensors back to back through ``graph``.

    Parameters
    ----------
    graph : ScheduleGraph
    tensors : int
    source_stalls, sink_stalls : sequence of bool arrays, optional
        One pattern of `accel.stalls` per input and output of the graph; default: never a stall.
    record : sequence of int
        Links whose transfers are wanted besides those of the graph's ports.

    Raises
    ------
    CheckError
        If the graph locks up; the message says which kernel waits for what.
    """
    if tensors < 1:
        raise InputError(f"tensors must be positive, not {tensors}")
    schedules, links = graph.schedules, graph.links
    in_start = _starts([len(s.beats) for s in schedules])
    out_start = _starts([len(s.slots) for s in schedules])
    source = np.array([-1 - i if k == TOP else out_start[k] + i for k, i in (x.source for x in links)], np.int64)
    target = np.array([-1 - i if k == TOP else in_start[k] + i for k, i in (x.target for x in links)], np.int64)
    writer = np.array([k for k, _ in (x.source for x in links)], np.int64)
    wanted = sorted({*graph.sources, *graph.sinks, *record})
    moves = np.array([graph.beats(x) * tensors for x in range(len(links))], np.int64)
    record_at = np.full(len(links), -1, np.int64)
    record_at[wanted] = _starts([int(moves[x]) for x in wanted])[:-1]
    patterns = [
        *_patterns("source", source_stalls, len(graph.sources)),
        *_patterns("sink", sink_stalls, len(graph.sinks)),
    ]
    pattern_at = np.full(len(links), -1, np.int64)
    for i, link in enumerate((*graph.sources, *graph.sinks)):
        pattern_at[link] = i

    transfers, busy, stalled, high, slots_high, waits, cycles = cast(
        tuple[Counts, Counts, Counts, Counts, Counts, Counts, int],
        _step(
            tensors,
            _starts([len(s.steps) for s in schedules]),
            np.concatenate([s.steps for s in schedules]),
            np.concatenate([s.period for s in schedules]),
            np.concatenate([s.after for s in schedules]),
            in_start,
            _starts([s.need.shape[1] for s in schedules for _ in s.beats]),
            np.concatenate([s.need.ravel() for s in schedules]),
            np.concatenate([s.free.ravel() for s in schedules]),
            np.array([b for s in schedules for b in s.beats], np.int64),
            np.array([c for s in schedules for c in s.capacity], np.int64),
            out_start,
            np.array([n for s in schedules for n in s.slots], np.int64),
            np.array([s.results for s in schedules], np.int64),
            np.array([s.latency for s in schedules], np.int64),
            np.array([s.release for s in schedules], np.int64),
            source, target, writer, moves, record_at, int(moves[wanted].sum()),
            np.concatenate(patterns), _starts([len(p) for p in patterns]), pattern_at,
        ),
    )  # fmt: skip
    if cycles < 0:
        stuck = [(name, CAUSES[w]) for name, w in zip(graph.names, map(int, waits), strict=True) if w >= 0]
        what = ", ".join(f"{shown(name)} waits for {cause}" for name, cause in stuck)
        raise CheckError(f"the design locks up in cycle {-1 - cycles}: {what or 'every kernel is done'}")

    def of(link: int) -> Counts:
        at = int(record_at[link])
        return transfers[at : at + int(moves[link])].reshape(tensors, -1)

    return Run(
        graph, tensors, cycles,
        tuple(of(x) for x in graph.sources), tuple(of(x) for x in graph.sinks), {x: of(x) for x in record},
        busy, stalled,
        tuple(tuple(high[in_start[k] : in_start[k + 1]].tolist()) for k in range(len(schedules))), slots_high,
    )  # fmt: skip


def _starts(lengths: Sequence[int]) -> Counts:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _patterns(what: str, given: Sequence[NDArray[np.bool_]] | None, ports: int) -> Sequence[NDArray[np.bool_]]:
    given = [stalls.pattern("none", 0, "")] * ports if given is None else given
    if len(given) != ports or not all(p.any() for p in given):
        raise InputError(f"{what} stalls must be {ports} patterns that hold somewhere, not {len(given)}")
    return given


def _step_python(
    tensors: int,
    pos_start: Counts, steps: Counts, period: Counts, after: Counts,
    in_start: Counts, need_start: Counts, need: Counts, free: Counts, beats: Counts, capacity: Counts,
    out_start: Counts, slots: Counts, results: Counts, latency: Counts, release: Counts,
    source: Counts, target: Counts, writer: Counts, moves: Counts, record_at: Counts, recorded: int,
    patterns: NDArray[np.bool_], pattern_start: Counts, pattern_at: Counts,
) -> Any:  # fmt: skip
    """Interpret the graph; arrays are concatenations, ``*_start`` where each kernel's or port's part begins.

    Kernel ``k`` has positions ``pos_start[k]`` onwards, input ports ``in_start[k]`` onwards, output ports
    ``out_start[k]`` onwards. A negative ``source`` or ``target`` is a port of the graph, whose pattern is
    ``pattern_at`` of the link. Returns a negative cycle when the graph locks up.
    """
    K, L = len(results), len(source)
    received = np.zeros(len(beats), np.int64)
    released = np.zeros(len(beats), np.int64)
    high = np.zeros(len(beats), np.int64)
    arrived = np.zeros(K, np.int64)
    sent = np.zeros(len(slots), np.int64)
    outstanding = np.zeros(len(slots), np.int64)
    slots_high = np.zeros(K, np.int64)
    index = np.zeros(K, np.int64)  # tensor being stepped
    position = pos_start[:K].copy()
    at = np.zeros(K, np.int64)  # next step of the position
    wake = np.zeros(K, np.int64)  # cycle of the next decision; steps before it are issued without one
    waits = np.full(K, _RUNNING, np.int64)
    busy = np.zeros(K, np.int64)
    stalled = np.zeros((K, 3), np.int64)
    # Results under way: at most one is issued a cycle, so `latency` of them. Releases under way: likewise.
    arrive_start = np.zeros(K + 1, np.int64)
    release_start = np.zeros(K + 1, np.int64)
    for k in range(K):
        arrive_start[k + 1] = arrive_start[k] + latency[k] + 1
        release_start[k + 1] = release_start[k] + release[k] + 1
    arrive_time = np.zeros(arrive_start[K], np.int64)
    release_time = np.zeros(release_start[K], np.int64)
    release_position = np.zeros(release_start[K], np.int64)
    release_index = np.zeros(release_start[K], np.int64)
    arrive_head = np.zeros(K, np.int64)
    arrive_count = np.zeros(K, np.int64)
    release_head = np.zeros(K, np.int64)
    release_count = np.zeros(K, np.int64)
    moved = np.zeros(L, np.int64)
    offered = np.zeros(L, np.bool_)
    moving = np.zeros(L, np.bool_)
    transfers = np.zeros(recorded, np.int64)
    remaining = moves.sum()
    t = np.int64(0)
    while True:
        future = np.int64(_NEVER)
        # Registers as they stand at the start of cycle t: results that have arrived, beats that are released.
        for k in range(K):
            while arrive_count[k] > 0 and arrive_time[arrive_start[k] + arrive_head[k]] <= t:
                arrived[k] += 1
                arrive_head[k] = (arrive_head[k] + 1) % (latency[k] + 1)
                arrive_count[k] -= 1
            while release_count[k] > 0 and release_time[release_start[k] + release_head[k]] <= t:
                slot = release_start[k] + release_head[k]
                for p in range(in_start[k], in_start[k + 1]):
                    offset = need_start[p] + release_position[slot] - pos_start[k]
                    released[p] = release_index[slot] * beats[p] + free[offset]
                release_head[k] = (release_head[k] + 1) % (release[k] + 1)
                release_count[k] -= 1
        # Rules 1 and 5: which beats move. Nothing is written before the issue rules have read the same registers.
        for link in range(L):
            s, d, pattern = source[link], target[link], pattern_at[link]
            holds = True
            if pattern >= 0:
                length = pattern_start[pattern + 1] - pattern_start[pattern]
                holds = patterns[pattern_start[pattern] + t % length]
            if s >= 0:
                valid = arrived[writer[link]] > sent[s]
            elif moved[link] < moves[link]:
                offered[link] = offered[link] or holds
                valid = offered[link]
                if not valid:
                    future = t + 1
            else:
                valid = False
            ready = received[d] - released[d] < capacity[d] if d >= 0 else holds
            if d < 0 and valid and not ready:
                future = t + 1
            moving[link] = valid and ready
        # Rules 2 to 4: which kernels decide, and issue.
        for k in range(K):
            if wake[k] > t:
                future = min(future, wake[k])
                continue
            if index[k] == tensors:
                waits[k] = _FINISHED
                continue
            x = position[k]
            due = period[x]
            completes = due > 0 and (at[k] + 1) % due == 0
            wait = _RUNNING
            if at[k] == 0:
                for p in range(in_start[k], in_start[k + 1]):
                    if received[p] - index[k] * beats[p] <= need[need_start[p] + x - pos_start[k]]:
                        wait = _INPUT
                if wait == _RUNNING and after[x] > 0 and arrived[k] - index[k] * results[k] < after[x]:
                    wait = _OWN
            if wait == _RUNNING and completes:
                for o in range(out_start[k], out_start[k + 1]):
                    if outstanding[o] >= slots[o]:
                        wait = _OUTPUT
            waits[k] = wait
            if wait != _RUNNING:
                continue
            if completes:
                run = np.int64(1)
                for o in range(out_start[k], out_start[k + 1]):
                    outstanding[o] += 1
                    slots_high[k] = max(slots_high[k], outstanding[o])
                tail = (arrive_head[k] + arrive_count[k]) % (latency[k] + 1)
                arrive_time[arrive_start[k] + tail] = t + latency[k]
                arrive_count[k] += 1
            elif due > 0:
                run = due - 1 - at[k] % due  # up to the step that completes a result, which decides for itself
            else:
                run = steps[x] - at[k]
            at[k] += run
            busy[k] += run
            wake[k] = t + run
            if at[k] == steps[x]:
                tail = release_start[k] + (release_head[k] + release_count[k]) % (release[k] + 1)
                release_time[tail] = t + run - 1 + release[k]
                release_position[tail] = x
                release_index[tail] = index[k]
                release_count[k] += 1
                at[k] = 0
                position[k] = x + 1
                if position[k] == pos_start[k + 1]:
                    position[k] = pos_start[k]
                    index[k] += 1
            future = min(future, wake[k])
        for k in range(K):
            if arrive_count[k] > 0:
                future = min(future, arrive_time[arrive_start[k] + arrive_head[k]])
            if release_count[k] > 0:
                future = min(future, release_time[release_start[k] + release_head[k]])
        for link in range(L):
            if not moving[link]:
                continue
            s, d = source[link], target[link]
            if s >= 0:
                sent[s] += 1
                outstanding[s] -= 1
            offered[link] = False
            if d >= 0:
                received[d] += 1
                high[d] = max(high[d], received[d] - released[d])
            if record_at[link] >= 0:
                transfers[record_at[link] + moved[link]] = t
            moved[link] += 1
            remaining -= 1
            future = t + 1
        if remaining == 0:
            return transfers, busy, stalled, high, slots_high, waits, t + 1
        # A port that only its pattern holds back asks for the next cycle, and every pattern holds somewhere; so where
        # nothing is to come, nothing ever will.
        if future == _NEVER:
            return transfers, busy, stalled, high, slots_high, waits, -1 - t
        for k in range(K):
            if waits[k] >= 0:
                stalled[k, waits[k]] += future - t
        t = future


_step = cast(Any, numba.njit(cache=True)(_step_python))  # pyright: ignore[reportUnknownMemberType]
