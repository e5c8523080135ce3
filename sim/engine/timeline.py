"""When what happens: the layers of a Report one after another, and the tiles within them.

A tile-level walk takes the first group of a layer and its first two samples (or time steps); the others take as long as
the second. So do the slices here: the rest of a layer's time has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel.network import Network
from accel.report import LayerReport, Report
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.lowering import CONTRACT, RECURRENT
from sim.engine.machine import Machine
from sim.walks.channel import COMPUTE, LOAD, STORE

LAYERS, ARITHMETIC, MEMORY = "layers", "compute", "dram"
_TRACKS = {COMPUTE: (ARITHMETIC, "compute"), LOAD: (MEMORY, "load"), STORE: (MEMORY, "store")}


@dataclass(frozen=True, slots=True)
class Slice:
    """Something that takes a while.

    Attributes
    ----------
    track : str
        `LAYERS`, `ARITHMETIC` or `MEMORY`; a layer's own name where layers work side by side.
    name : str
    start_seconds, seconds : float
    layer : LayerReport, optional
        Of the slice of a whole layer.
    """

    track: str
    name: str
    start_seconds: float
    seconds: float
    layer: LayerReport | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Slices in the order of their layers, and how many more there would be."""

    slices: tuple[Slice, ...]
    left_out: int


def timeline(report: Report, machine: Machine, network: Network, most: int) -> Timeline:
    """Return when what happened in a Report of ``network`` on ``machine``.

    At most ``most`` slices of tiles are kept: of every record of work the first in time, as many as its share of what
    the records before it left. The slices of layers are always kept.
    """
    if not isinstance(machine, ClosedFormMachine):  # its kernels work side by side
        return Timeline(tuple(Slice(layer.name, layer.name, 0.0, layer.seconds, layer) for layer in report.layers), 0)
    slices: list[Slice] = []
    at = 0.0
    for layer in report.layers:
        slices.append(Slice(LAYERS, layer.name, at, layer.seconds, layer))
        at += layer.seconds
    left_out = 0
    if report.fidelity == "tile":
        for made, missing in _tiles(report, machine, network, most):
            slices += made
            left_out += missing
    return Timeline(tuple(slices), left_out)


def _tiles(
    report: Report, machine: ClosedFormMachine, network: Network, most: int
) -> Iterator[tuple[list[Slice], int]]:
    """Yield the slices of every work record, and how many are left out."""
    segments, works = machine.lowered(network, report.batch, report.training)
    walked = np.isin(works["kind"], (CONTRACT, RECURRENT))
    waiting = int(walked.sum())
    clock_hz = float(machine.record["clock_hz"])
    at_layer = 0.0
    for segment, layer in zip(segments, report.layers, strict=True):
        at = at_layer
        for i in range(segment.first, segment.last):
            if walked[i]:
                log = np.zeros((1 + most // waiting, 3))
                cost: Any = machine.logged_walk(works[i], machine.record, log)
                count = int(log[0, 0])
                kept = min(count, len(log) - 1)
                most, waiting = most - kept, waiting - 1
                yield [_slice(segment.name, row, at, clock_hz) for row in log[1 : 1 + kept]], count - kept
                at += float(cost.cycles) / clock_hz
        at_layer += layer.seconds


def _slice(layer: str, row: Any, at: float, clock_hz: float) -> Slice:
    track, what = _TRACKS[float(row[0])]
    start, end = float(row[1]), float(row[2])
    return Slice(track, f"{what} {layer}", at + start / clock_hz, (end - start) / clock_hz)
