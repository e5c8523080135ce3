"""Buffers that let a design reach its bound, found with the stepper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from accel import stepper
from accel.plan.design import Choice, Design
from accel.schedule import closed_form
from accel.schedule.base import LayerKernel
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
    fork_slots: Mapping[str, tuple[int, ...]]
    design: Design
    interval_cycles: float
    latency_cycles: int
    notes: tuple[str, ...] = ()


def size(
    choices: Mapping[str, Choice],
    build: Callable[[Mapping[str, Choice], Mapping[str, tuple[int, ...]]], Design],
    fits: Callable[[Design], bool],
) -> Sized:
    """Return ``choices`` with buffers at which the interval is at most `SLACK` times the bound, as far as they fit.

    A kernel that waits for room in front of a full buffer gets that buffer doubled, up to two tensors.

    Parameters
    ----------
    choices : mapping of str to Choice
        By node name.
    build : callable
        Places choices and fork queues.
    fits : callable
        Whether a design stays within what may be used.
    """
    slots: dict[str, tuple[int, ...]] = {}
    design = build(choices, slots)
    best = _measure(choices, slots, design)
    for _ in range(_MOST_ROUNDS):
        if best.interval_cycles <= SLACK * best.design.graph.bound_cycles:
            return best
        grown = _enlarged(best)
        if grown is None:
            break
        design = build(*grown)
        if not fits(design):
            break
        best = _measure(*grown, design)
    if best.interval_cycles <= SLACK * best.design.graph.bound_cycles:
        return best
    note = (
        f"the interval is {best.interval_cycles:,.0f} cycles where the slowest kernel takes "
        f"{best.design.graph.bound_cycles:,}: larger buffers do not fit"
    )
    return replace(best, notes=(*best.notes, note))


def _measure(choices: Mapping[str, Choice], slots: Mapping[str, tuple[int, ...]], design: Design) -> Sized:
    graph = design.graph
    tensors = 2 * len(design.kernels) + 4
    if graph.bound_cycles * tensors * len(design.kernels) > _MOST_KERNEL_CYCLES:
        note = "interval and latency are closed forms: the stepper would run for minutes on this network"
        interval, latency = closed_form.interval_cycles(graph), closed_form.latency_cycles(graph)
        return Sized(choices, slots, design, float(interval), latency, (note,))
    run = stepper.step(graph, tensors)
    return Sized(choices, slots, design, run.interval_cycles, run.latency_cycles)


def _enlarged(sized: Sized) -> tuple[Mapping[str, Choice], Mapping[str, tuple[int, ...]]] | None:
    """Return choices with every buffer doubled that was full while its writer waited for room, or ``None``."""
    design = sized.design
    run = stepper.step(design.graph, 4)
    choices, slots = dict(sized.choices), dict(sized.fork_slots)
    grown = False
    for link in design.links:
        (writer, out), (reader, port) = link.source, link.target
        if reader == TOP or (writer != TOP and run.stalls[writer, stepper.CAUSES.index("output")] == 0):
            continue
        kernel = design.kernels[reader]
        capacity = kernel.spec.schedule.capacity[port]
        full = run.input_high_water[reader][port] == capacity
        if full and isinstance(kernel.spec, LayerKernel) and capacity < 2 * kernel.spec.inputs[port].beats:
            choices[kernel.name] = replace(choices.get(kernel.name, Choice()), capacity=2 * capacity)
            grown = True
        if writer != TOP and not design.kernels[writer].layer:
            stream = design.kernels[writer].name.removesuffix(" fork")
            now = list(design.kernels[writer].spec.schedule.slots)
            if now[out] < 2 * kernel.spec.inputs[port].beats:
                now[out] *= 2
                slots[stream] = tuple(max(a, b) for a, b in zip(now, slots.get(stream, now), strict=True))
                grown = True
    return (choices, slots) if grown else None
