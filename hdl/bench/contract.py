"""A kernel's case held to its contract: each value against the layer, each transfer against the stepper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accel import stepper
from hdl import kernels
from hdl.bench.agents import Design, Drive, Port, PortRecord
from hdl.bench.amaranth_simulator import simulate
from hdl.bench.cases import Case

SPARE_CYCLES = 200
"""Simulated beyond what the stepper predicts, so that what comes too late is seen."""


def differences(case: Case, run: stepper.Run, inputs: Sequence[PortRecord], outputs: Sequence[PortRecord]) -> list[str]:
    """Return what differs between a prediction of ``case`` and what was seen at its ports, in words."""
    found: list[str] = []
    for i, (want, got) in enumerate(zip(run.inputs, inputs, strict=True)):
        if not np.array_equal(want.ravel(), got.cycles):
            found.append(f"{case.name}: input {i} moves in other cycles")
    for o, (want, values, got) in enumerate(zip(run.outputs, case.outputs, outputs, strict=True)):
        if not np.array_equal(want.ravel(), got.cycles):
            found.append(f"{case.name}: output {o} moves in other cycles")
        if not np.array_equal(values.reshape(-1, values.shape[-1]), got.values):
            found.append(f"{case.name}: output {o} has other values")
    return found


def differences_in_amaranth(
    case: Case,
    sources: Sequence[NDArray[np.bool_]],
    sinks: Sequence[NDArray[np.bool_]],
    *,
    interrupted: int = 0,
    seed: int = 0,
) -> list[str]:
    """Return what differs where Amaranth's simulator runs the kernel of ``case``, in words.

    Parameters
    ----------
    case : Case
    sources, sinks : sequence of bool array
        The stalls of every input and output, as `accel.stalls.pattern` makes them.
    interrupted, seed : int
        Cycles of other traffic that a reset ends ahead of it, and what that is drawn from.
    """
    spec, tensors = case.spec, len(case.inputs[0])
    run = stepper.step(case.graph, tensors, source_stalls=sources, sink_stalls=sinks)
    inputs = tuple(Port(f"input_{i}", stream) for i, stream in enumerate(spec.inputs))
    outputs = tuple(Port(f"output_{o}", stream) for o, stream in enumerate(spec.outputs))
    seen = simulate(
        kernels.kernel(spec),
        Design(spec.kind, inputs, outputs),
        Drive(tensors, case.inputs, sources, sinks),
        limit_cycles=run.cycles + SPARE_CYCLES,
        interrupted=interrupted,
        seed=seed,
    )
    return differences(case, run, seen.inputs, seen.outputs)
