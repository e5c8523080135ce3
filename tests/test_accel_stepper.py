"""The jitted stepper against a slow reading of docs/adr/0001, rule by rule, on random graphs and stalls."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel import stalls, stepper
from accel.errors import AccelError, CheckError, InputError, ModelError
from accel.schedule.base import Schedule
from accel.schedule.graph import TOP, Link, ScheduleGraph


class Kernel:
    """One kernel's counters, by the letter of the decision record."""

    def __init__(self, schedule, tensors):
        self.s, self.tensors = schedule, tensors
        self.received = [0] * len(schedule.beats)
        self.released = [0] * len(schedule.beats)
        self.arrived, self.sent = 0, [0] * len(schedule.slots)
        self.outstanding = [0] * len(schedule.slots)
        self.index = self.position = self.step = 0
        self.events = []  # (cycle, what, values)
        self.busy, self.stalls = 0, [0, 0, 0]

    def begin(self, t):
        for cycle, what, value in list(self.events):
            if cycle == t:
                self.events.remove((cycle, what, value))
                if what == "arrive":
                    self.arrived += 1
                else:
                    self.released = list(value)

    def ready(self, port):
        return self.received[port] - self.released[port] < self.s.capacity[port]

    def valid(self, port):
        return self.arrived > self.sent[port]

    def decide(self):
        s, i = self.s, self.position
        if self.index == self.tensors:
            return None
        for port, beats in enumerate(s.beats):
            if not self.received[port] - self.index * beats > s.need[port][i]:
                return "input"
        if s.after[i] > 0 and not self.arrived - self.index * s.results >= s.after[i]:
            return "own results"
        if self.completes() and not all(n < slots for n, slots in zip(self.outstanding, s.slots, strict=True)):
            return "output"
        return "issue"

    def completes(self):
        period = self.s.period[self.position]
        return period > 0 and (self.step + 1) % period == 0

    def issue(self, t):
        s, i = self.s, self.position
        self.busy += 1
        if self.completes():
            self.outstanding = [n + 1 for n in self.outstanding]
            self.events.append((t + s.latency, "arrive", None))
        self.step += 1
        if self.step == s.steps[i]:
            freed = [self.index * beats + int(s.free[port][i]) for port, beats in enumerate(s.beats)]
            self.events.append((t + s.release, "release", tuple(freed)))
            self.step, self.position = 0, i + 1
            if self.position == len(s.steps):
                self.position, self.index = 0, self.index + 1


def interpret(graph, tensors, source_stalls, sink_stalls, quiet_limit=3000):
    """Return the transfers of every link and per-kernel counts, or None when nothing moves any more."""
    kernels = [Kernel(s, tensors) for s in graph.schedules]
    moves = [graph.beats(i) * tensors for i in range(len(graph.links))]
    cycles = [[] for _ in graph.links]
    offered = [False] * len(graph.links)
    t = quiet = 0
    while any(len(c) < n for c, n in zip(cycles, moves, strict=True)):
        for kernel in kernels:
            kernel.begin(t)
        moving = []
        for i, link in enumerate(graph.links):
            (a, out), (b, port) = link.source, link.target
            if a == TOP:
                pattern = source_stalls[out]
                offered[i] = len(cycles[i]) < moves[i] and (offered[i] or bool(pattern[t % len(pattern)]))
                valid = offered[i]
            else:
                valid = kernels[a].valid(out)
            ready = bool(sink_stalls[port][t % len(sink_stalls[port])]) if b == TOP else kernels[b].ready(port)
            if valid and ready:
                moving.append(i)
        decisions = [kernel.decide() for kernel in kernels]
        for kernel, decision in zip(kernels, decisions, strict=True):
            if decision == "issue":
                kernel.issue(t)
            elif decision is not None and not _over(cycles, moves, moving):
                kernel.stalls[stepper.CAUSES.index(decision)] += 1
        for i in moving:
            (a, out), (b, port) = graph.links[i].source, graph.links[i].target
            cycles[i].append(t)
            offered[i] = False
            if a != TOP:
                kernels[a].sent[out] += 1
                kernels[a].outstanding[out] -= 1
            if b != TOP:
                kernels[b].received[port] += 1
        busy = moving or "issue" in decisions or any(k.events for k in kernels)
        quiet = 0 if busy else quiet + 1
        if quiet > quiet_limit:
            return None
        t += 1
    return cycles, kernels


def _over(cycles, moves, moving):
    return sum(map(len, cycles)) + len(moving) == sum(moves)


def random_schedule(rng, beats, outputs, recurrent):
    positions = int(rng.integers(1, 6))
    need = np.sort(np.stack([rng.integers(0, b, positions) for b in beats]), axis=1)
    need[:, -1] = np.array(beats) - 1
    free = np.minimum(np.sort(np.stack([rng.integers(0, b + 1, positions) for b in beats]), axis=1), need + 1)
    free[:, -1] = beats
    period = rng.integers(0, 4, positions)
    steps = np.where(period > 0, period, 1) * rng.integers(1, 4, positions)
    if not (period > 0).any():
        period[-1] = steps[-1]
    done = np.concatenate([[0], np.cumsum(np.where(period > 0, steps // np.maximum(period, 1), 0))[:-1]])
    after = np.sort([int(rng.integers(0, n + 1)) for n in done]) if recurrent else np.zeros(positions, np.int64)
    after = np.minimum(after, done)
    before = np.concatenate([np.zeros((len(beats), 1), np.int64), free[:, :-1]], axis=1)
    least = (need + 1 - before).max(axis=1)
    return Schedule(
        steps.astype(np.int64), period.astype(np.int64), need.astype(np.int64), free.astype(np.int64),
        after.astype(np.int64), tuple(beats), tuple(int(n + rng.integers(0, 4)) for n in least),
        tuple(int(rng.integers(1, 5)) for _ in range(outputs)), int(rng.integers(1, 9)), int(rng.integers(1, 4)),
    )  # fmt: skip


def random_graph(seed):
    """Chains, forks and joins of any beat counts; some of them lock up, which both readings must agree on."""
    rng = np.random.default_rng(seed)
    streams = [((TOP, i), int(rng.integers(1, 9))) for i in range(int(rng.integers(1, 3)))]
    schedules, links = [], []
    for k in range(int(rng.integers(1, 6))):
        taken = [
            streams.pop(int(rng.integers(len(streams)))) for _ in range(min(len(streams), int(rng.integers(1, 3))))
        ]
        outputs = int(rng.integers(1, 3))
        schedules.append(random_schedule(rng, [beats for _, beats in taken], outputs, bool(rng.integers(2))))
        links += [Link(source, (k, port)) for port, (source, _) in enumerate(taken)]
        streams += [((k, o), schedules[-1].results) for o in range(outputs)]
    dangling = [s for s, _ in streams if s[0] != TOP]
    unused = [s for s, _ in streams if s[0] == TOP]
    links = [Link((TOP, x.source[1] - sum(u[1] < x.source[1] for u in unused)), x.target) if x.source[0] == TOP else x
             for x in links]  # fmt: skip
    links += [Link(s, (TOP, i)) for i, s in enumerate(dangling)]
    return ScheduleGraph(tuple(f"k{i}" for i in range(len(schedules))), tuple(schedules), tuple(links))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 30), tensors=st.integers(1, 4), ends=st.tuples(*[st.sampled_from(stalls.NAMES)] * 2))
def test_every_transfer_is_in_the_cycle_that_the_rules_say(seed, tensors, ends):
    graph = random_graph(seed)
    sources = [stalls.pattern(ends[0], seed, f"input {i}") for i in range(len(graph.sources))]
    sinks = [stalls.pattern(ends[1], seed, f"output {i}") for i in range(len(graph.sinks))]
    expected = interpret(graph, tensors, sources, sinks)
    every = range(len(graph.links))
    if expected is None:
        with pytest.raises(CheckError, match="locks up in cycle"):
            stepper.step(graph, tensors, source_stalls=sources, sink_stalls=sinks)
        return
    run = stepper.step(graph, tensors, source_stalls=sources, sink_stalls=sinks, record=every)
    cycles, kernels = expected
    for link in every:
        assert run.links[link].ravel().tolist() == cycles[link]
    assert run.cycles == max(c[-1] for c in cycles) + 1
    assert run.stalls.tolist() == [k.stalls for k in kernels]
    for k, s in enumerate(graph.schedules):
        assert all(h <= c for h, c in zip(run.input_high_water[k], s.capacity, strict=True))
        assert run.slots_high_water[k] <= max(s.slots)


def chain(*steps, capacity=2, latency=3):
    """One-beat-in, one-beat-out kernels of so many steps each."""
    one, zero = np.ones(1, np.int64), np.zeros(1, np.int64)
    schedules = tuple(
        Schedule(one * n, one * n, zero[None], one[None], zero, (1,), (capacity,), (8,), latency, 1) for n in steps
    )
    ends = [(TOP, 0), *((k, 0) for k in range(len(steps))), (TOP, 0)]
    return ScheduleGraph(tuple("abcdef"[: len(steps)]), schedules, tuple(map(Link, ends[:-1], ends[1:])))


def test_the_slowest_kernel_sets_the_interval_and_is_named():
    run = stepper.step(chain(3, 10, 4), 40)
    assert run.interval_cycles == 10
    assert run.graph.binding == "b"
    assert run.busy.tolist() == [120, 400, 160]


def test_latency_of_one_tensor_is_the_sum_of_the_stages():
    # Beat in at 0, received at 1, step n issued at n, offered 3 later.
    assert stepper.step(chain(5), 1).latency_cycles == 5 + 3 + 1


def test_a_design_that_locks_up_names_who_waits_for_what():
    graph = chain(1, 1)
    waiting = replace(graph.schedules[1], after=np.ones(1, np.int64))
    with pytest.raises(CheckError, match=r"locks up in cycle .*'b' waits for own results"):
        stepper.step(replace(graph, schedules=(graph.schedules[0], waiting)), 2)


def test_open_and_mismatched_ports_are_refused():
    graph = chain(1, 1)
    with pytest.raises(ModelError, match="must be linked"):
        ScheduleGraph(graph.names, graph.schedules, graph.links[:-1])
    with pytest.raises(ModelError, match="linked once"):
        ScheduleGraph(graph.names, graph.schedules, (*graph.links, graph.links[0]))


def test_patterns_are_repeatable_and_differ_between_ports():
    for name in stalls.NAMES:
        assert np.array_equal(stalls.pattern(name, 7, "input 0"), stalls.pattern(name, 7, "input 0"))
        assert stalls.pattern(name, 7, "input 0").any()
    assert not np.array_equal(stalls.pattern("random", 7, "input 0"), stalls.pattern("random", 7, "output 0"))
    with pytest.raises(InputError, match="did you mean 'random'"):
        stalls.pattern("randon", 0, "input 0")
    with pytest.raises(AccelError):
        stepper.step(chain(1), 1, source_stalls=[np.zeros(3, np.bool_)])
