"""The stepper: interprets any graph of schedules by the rules of docs/adr/0001, and knows no layer type.

The loop holds the counters of the contract and nothing else. It evaluates only cycles in which something can change,
and in them only what can: a kernel that waits is asked again when a beat, a result or a slot comes that may be what it
waits for, and a link when a result arrives or a beat is released. This changes no transfer by a cycle.
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
    # Whose turn it is: the cycle of the next event of every kernel's steps, its arrivals, its releases, and of every
    # link; `_NEVER` where only another event can bring one about.
    due = np.full(3 * K + L, _NEVER, np.int64)
    step_due, arrive_due, release_due, link_due = due[:K], due[K : 2 * K], due[2 * K : 3 * K], due[3 * K :]
    step_due[:] = 0
    link_due[:] = 0
    link_in = np.zeros(len(beats), np.int64)
    link_out = np.zeros(len(slots), np.int64)
    reader = np.full(L, -1, np.int64)
    for link in range(L):
        if source[link] >= 0:
            link_out[source[link]] = link
        if target[link] >= 0:
            link_in[target[link]] = link
            reader[link] = np.searchsorted(in_start, target[link], side="right") - 1
    received = np.zeros(len(beats), np.int64)
    released = np.zeros(len(beats), np.int64)
    high = np.zeros(len(beats), np.int64)
    arrived = np.zeros(K, np.int64)
    sent = np.zeros(len(slots), np.int64)
    outstanding = np.zeros(len(slots), np.int64)
    slots_high = np.zeros(K, np.int64)
    index = np.zeros(K, np.int64)  # tensor being stepped
    position = pos_start[:K].copy()
    at = np.zeros(K, np.int64)  # next step of the position: its first, or one that completes a result
    waits = np.full(K, _RUNNING, np.int64)
    since = np.zeros(K, np.int64)  # cycle from which it waits
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
    arrive_head, arrive_tail = arrive_start[:K].copy(), arrive_start[:K].copy()
    release_head, release_tail = release_start[:K].copy(), release_start[:K].copy()
    moved = np.zeros(L, np.int64)
    offered = np.zeros(L, np.bool_)
    moving = np.zeros(L, np.int64)
    transfers = np.zeros(recorded, np.int64)
    remaining = moves.sum()
    t = np.int64(0)
    while True:
        # Registers as they stand at the start of cycle t: results that have arrived, beats that are released.
        for k in range(K):
            if arrive_due[k] == t:
                arrived[k] += 1
                head = arrive_head[k] + 1
                if head == arrive_start[k + 1]:
                    head = arrive_start[k]
                arrive_head[k] = head
                arrive_due[k] = _NEVER if head == arrive_tail[k] else arrive_time[head]
                for o in range(out_start[k], out_start[k + 1]):
                    link_due[link_out[o]] = t
                if waits[k] == _OWN:
                    step_due[k] = t
            if release_due[k] == t:
                head = release_head[k]
                for p in range(in_start[k], in_start[k + 1]):
                    offset = need_start[p] + release_position[head] - pos_start[k]
                    released[p] = release_index[head] * beats[p] + free[offset]
                    link_due[link_in[p]] = t
                head += 1
                if head == release_start[k + 1]:
                    head = release_start[k]
                release_head[k] = head
                release_due[k] = _NEVER if head == release_tail[k] else release_time[head]
        # Rules 1 and 5: which beats move. Nothing is written before the issue rules have read the same registers.
        movers = 0
        for link in range(L):
            if link_due[link] != t:
                continue
            s, d, pattern = source[link], target[link], pattern_at[link]
            holds = True
            if pattern >= 0:
                length = pattern_start[pattern + 1] - pattern_start[pattern]
                holds = length == 1 or patterns[pattern_start[pattern] + t % length]
            link_due[link] = _NEVER  # until a result arrives or a beat is released
            if s >= 0:
                valid = arrived[writer[link]] > sent[s]
            else:
                offered[link] = moved[link] < moves[link] and (offered[link] or holds)
                valid = offered[link]
                if not valid and moved[link] < moves[link]:
                    link_due[link] = t + 1
            ready = received[d] - released[d] < capacity[d] if d >= 0 else holds
            if valid and ready:
                moving[movers] = link
                movers += 1
            elif valid and d < 0:
                link_due[link] = t + 1
        # Rules 2 to 4: which kernels decide, and issue. Between two decisions steps are issued without one.
        for k in range(K):
            if step_due[k] != t:
                continue
            if waits[k] >= 0:
                stalled[k, waits[k]] += t - since[k]
            x = position[k]
            completes = period[x] == 1 or (period[x] > 0 and at[k] > 0)
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
                since[k] = t
                step_due[k] = _NEVER  # until what it waits for has come
                continue
            if completes:
                for o in range(out_start[k], out_start[k + 1]):
                    outstanding[o] += 1
                    slots_high[k] = max(slots_high[k], outstanding[o])
                tail = arrive_tail[k]
                arrive_time[tail] = t + latency[k]
                if arrive_due[k] == _NEVER:
                    arrive_due[k] = t + latency[k]
                arrive_tail[k] = tail + 1 if tail + 1 < arrive_start[k + 1] else arrive_start[k]
                run = np.int64(1) if at[k] + 1 == steps[x] else period[x]  # up to the next that completes a result
            elif period[x] > 0:
                run = period[x] - 1
            else:
                run = steps[x]
            at[k] += run
            busy[k] += run
            step_due[k] = t + run
            if at[k] == steps[x]:
                tail = release_tail[k]
                ends = t + run - 1 + release[k]
                release_time[tail] = ends
                release_position[tail] = x
                release_index[tail] = index[k]
                if release_due[k] == _NEVER:
                    release_due[k] = ends
                release_tail[k] = tail + 1 if tail + 1 < release_start[k + 1] else release_start[k]
                at[k] = 0
                position[k] = x + 1
                if position[k] == pos_start[k + 1]:
                    position[k] = pos_start[k]
                    index[k] += 1
                    if index[k] == tensors:
                        waits[k] = _FINISHED
                        step_due[k] = _NEVER
        for mover in range(movers):
            link = moving[mover]
            s, d = source[link], target[link]
            if s >= 0:
                sent[s] += 1
                outstanding[s] -= 1
                if waits[writer[link]] == _OUTPUT:
                    step_due[writer[link]] = t + 1
            offered[link] = False
            if d >= 0:
                received[d] += 1
                high[d] = max(high[d], received[d] - released[d])
                if waits[reader[link]] == _INPUT:
                    step_due[reader[link]] = t + 1
            if record_at[link] >= 0:
                transfers[record_at[link] + moved[link]] = t
            moved[link] += 1
            if moved[link] < moves[link] and (s < 0 or arrived[writer[link]] > sent[s]):
                link_due[link] = t + 1
        remaining -= movers
        # A port that only its pattern holds back asks for the next cycle, and every pattern holds somewhere; so where
        # nothing is to come, nothing ever will.
        future = np.int64(_NEVER)
        for i in range(len(due)):
            future = min(future, due[i])
        if remaining == 0 or future == _NEVER:
            for k in range(K):
                if waits[k] >= 0:
                    stalled[k, waits[k]] += t - since[k]
            return transfers, busy, stalled, high, slots_high, waits, t + 1 if remaining == 0 else -1 - t
        t = future


_step = cast(Any, numba.njit(cache=True, error_model="numpy")(_step_python))  # pyright: ignore[reportUnknownMemberType]
