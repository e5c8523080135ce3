"""A Report's timeline in Chrome's trace-event format, which Perfetto and ``chrome://tracing`` open."""

from __future__ import annotations

import json
from typing import Any

from accel.display import plain
from accel.network import Network
from accel.report import LayerReport, Report
from sim.engine.machine import Machine
from sim.engine.timeline import timeline

MOST_SLICES = 100_000
"""Slices of tiles a trace holds at most; those beyond it are counted in its ``otherData``."""


def trace(report: Report, machine: Machine, network: Network) -> str:
    """Return the timeline of ``network`` on ``machine`` as JSON text, times in microseconds.

    References
    ----------
    "Trace Event Format", the Chromium project: complete events (``X``) and metadata (``M``).
    """
    made = timeline(report, machine, network, MOST_SLICES)
    threads = {track: i for i, track in enumerate(dict.fromkeys(s.track for s in made.slices))}
    events: list[dict[str, Any]] = [_named("process_name", 0, f"{report.network} on {report.machine}")]
    for track, thread in threads.items():
        events += [_named("thread_name", thread, track), _metadata("thread_sort_index", thread, sort_index=thread)]
    for s in made.slices:
        event: dict[str, Any] = {
            "name": plain(s.name), "ph": "X", "pid": 0, "tid": threads[s.track], "ts": s.start_seconds * 1e6,
            "dur": s.seconds * 1e6,
        }  # fmt: skip
        events.append(event if s.layer is None else event | {"args": _figures(s.layer)})
    about = {
        "network": plain(report.network), "machine": plain(report.machine), "batch": report.batch,
        "training": report.training, "fidelity": report.fidelity, "tile_slices_at_most": MOST_SLICES,
        "tile_slices_left_out": made.left_out,
    }  # fmt: skip
    return json.dumps({"displayTimeUnit": "ns", "otherData": about, "traceEvents": events}, allow_nan=False)


def _figures(layer: LayerReport) -> dict[str, Any]:
    figures = {
        "op": layer.op, "bound": layer.bound, "native": layer.native, "macs": layer.macs, "cycles": layer.cycles,
        "compute_cycles": layer.compute_cycles, "utilization": layer.utilization, "joules": layer.joules,
    }  # fmt: skip
    return (
        {name: value for name, value in figures.items() if value is not None}
        | {f"stall {cause} cycles": n for cause, n in layer.stalls.items()}
        | {f"{level} bytes": n for level, n in layer.bytes.items()}
        | {name: plain(str(value)) for name, value in layer.mapping.items()}
    )


def _named(what: str, thread: int, name: str) -> dict[str, Any]:
    return _metadata(what, thread, name=plain(name))


def _metadata(what: str, thread: int, **arguments: Any) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": 0, "tid": thread, "args": arguments}
