"""Buffers that let a design reach its bound, found with the stepper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from accel import stepper
from accel.plan.design import Choice, Design, Queues
from accel.schedule import closed_form
from accel.schedule.base import LayerKernel
from accel.schedule.fifo import Fifo
from accel.schedule.fork import Fork
from accel.schedule.graph import TOP

SLACK = 1.05
"""The steady-state interval is at most this times the bound."""
_MOST_KERNEL_CYCLES = 3_000_000_000
"""Beyond this the stepper would run for minutes; the plan then rests on the bound, and says so."""
_MOST_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Sized:
    """Choices with their buffers, and what the stepper measured."""

    choices: Mapping[str, Choice]
    queues: Queues
    design: Design
    interval_cycles: float
    latency_cycles: int
    notes: tuple[str, ...] = ()


def size(
    choices: Mapping[str, Choice],
    build: Callable[[Mapping[str, Choice], Queues], Design],
    fits: Callable[[Design], bool],
) -> Sized:
    """Return ``choices`` with buffers at which the interval is at most `SLACK` times the bound, as far as they fit.

    A kernel that waits for room in front of a full buffer gets that buffer doubled, up to two tensors.

    Parameters
    ----------
    choices : mapping of str to Choice
        By node name.
    build : callable
        Places choices and queues, FIFOs as deep as joins need at the least.
    fits : callable
        Whether a design stays within what may be used.
    """
    design = build(choices, Queues())
    best = _measure(choices, design)
    for _ in range(_MOST_ROUNDS):
        if best.interval_cycles <= SLACK * best.design.graph.bound_cycles:
            return best
        grown = _enlarged(best)
        if grown is None:
            break
        design = build(*grown)
        if not fits(design):
            break
        best = _measure(grown[0], design)
    if best.interval_cycles <= SLACK * best.design.graph.bound_cycles:
        return best
    note = (
        f"the interval is {best.interval_cycles:,.0f} cycles where the slowest kernel takes "
        f"{best.design.graph.bound_cycles:,}: larger buffers do not fit"
    )
    return replace(best, notes=(*best.notes, note))


def _measure(choices: Mapping[str, Choice], design: Design) -> Sized:
    graph = design.graph
    tensors = 2 * len(design.kernels) + 4
    if graph.bound_cycles * tensors * len(design.kernels) > _MOST_KERNEL_CYCLES:
        note = "interval and latency are closed forms: the stepper would run for minutes on this network"
        interval, latency = closed_form.interval_cycles(graph), closed_form.latency_cycles(graph)
        return Sized(choices, design.queues, design, float(interval), latency, (note,))
    run = stepper.step(graph, tensors)
    return Sized(choices, design.queues, design, run.interval_cycles, run.latency_cycles)


def _enlarged(sized: Sized) -> tuple[Mapping[str, Choice], Queues] | None:
    """Return choices with every buffer doubled that was full while its writer waited for room, or ``None``.

    A kernel of one input gets a larger buffer, and a fork before it longer queues; in front of a join a FIFO grows,
    because it holds a beat once, whatever the join's lanes.
    """
    design = sized.design
    run = stepper.step(design.graph, 4)
    choices, forks, fifos = dict(sized.choices), dict(design.queues.forks), dict(design.queues.fifos)
    grown = False
    for link in design.links:
        (writer, out), (reader, port) = link.source, link.target
        if reader == TOP or (writer != TOP and run.stalls[writer, stepper.CAUSES.index("output")] == 0):
            continue
        kernel = design.kernels[reader]
        before = None if writer == TOP else design.kernels[writer].spec
        if isinstance(before, Fifo):
            continue  # beats wait in a FIFO; that is what it is for
        capacity, most = kernel.spec.schedule.capacity[port], 2 * kernel.spec.inputs[port].beats
        full = run.input_high_water[reader][port] == capacity and capacity < most
        if isinstance(kernel.spec, Fifo) or len(kernel.spec.inputs) > 1:
            name, port = _join_behind(design, reader, port)
            if full:
                depths = list(fifos.get(name, (0,) * len(design.kernel(name).spec.inputs)))
                depths[port] = max(2 * depths[port], capacity)
                fifos[name] = tuple(depths)
                grown = True
            continue
        if full and isinstance(kernel.spec, LayerKernel):
            choices[kernel.name] = replace(choices.get(kernel.name, Choice()), capacity=2 * capacity)
            grown = True
        if isinstance(before, Fork):
            stream = design.kernels[writer].name.removesuffix(" fork")
            slots = list(forks[stream])
            if before.slots[out] == slots[out] < most:
                slots[out] *= 2
                forks[stream] = tuple(slots)
                grown = True
    return (choices, Queues(forks, fifos)) if grown else None


def _join_behind(design: Design, kernel: int, port: int) -> tuple[str, int]:
    """Return the join, and its input, that a link into it or into the FIFO before it leads to."""
    if isinstance(design.kernels[kernel].spec, Fifo):
        kernel, port = next(x.target for x in design.links if x.source == (kernel, 0))
    return design.kernels[kernel].name, port
