"""Report and LayerReport: what a machine says about a network, in total and per layer, under the same names.

A figure a machine cannot state is ``None``, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 1
"""Changes whenever a field of the JSON form changes its name or meaning."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is stated of a whole network and of one layer alike; counts are for the whole batch.

    Attributes
    ----------
    macs : int
        Multiply-accumulates of the loop nest.
    utilization : float, optional
        MACs done over MACs the peak rate would do in ``cycles``; ``None`` where there are no MACs.
    cycles : int, optional
        Latency of the whole batch at the machine's clock.
    seconds : float
        ``cycles`` at the clock, and what no clock counts (kernel launches).
    latency_cycles, interval_cycles : int, optional
        From the first input of a sample to its last output; between the completions of two samples.
    roofline_seconds : float, optional
        The least time peak rate and peak bandwidth allow.
    bound : str, optional
        What holds it back: "compute", "dram", "overhead", "host", or a unit's own name.
    compute_cycles, stall_cycles : int, optional
        Cycles the arithmetic is at work, and the rest of ``cycles``.
    stalls : mapping of str to int
        Cause of stalled cycles, in cycles; the values sum to ``stall_cycles``.
    dram_bytes, sram_bytes : int, optional
        Bytes moved at main memory and at all on-chip memories.
    bytes : mapping of str to int
        Bytes moved at each memory level.
    joules : float, optional
    energy : mapping of str to float
        Joules of each component; the values sum to ``joules``.
    watts : float, optional
        ``joules / seconds``.
    resources : mapping of str to int
        Of an FPGA: ``lut``, ``ff``, ``dsp``, ``bram``.
    notes : tuple of str
        What a reader must know to read the figures aright.
    """

    macs: int
    seconds: float
    utilization: float | None = None
    cycles: int | None = None
    latency_cycles: int | None = None
    interval_cycles: int | None = None
    roofline_seconds: float | None = None
    bound: str | None = None
    compute_cycles: int | None = None
    stall_cycles: int | None = None
    stalls: Mapping[str, int] = field(default_factory=dict[str, int])
    dram_bytes: int | None = None
    sram_bytes: int | None = None
    bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    joules: float | None = None
    energy: Mapping[str, float] = field(default_factory=dict[str, float])
    watts: float | None = None
    resources: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayerReport(Figures):
    """The figures of one segment: a layer, or a fused group named after its layers.

    Attributes
    ----------
    name, op : str
        As in the network.
    native : bool
        Whether the machine's own datapath did it, not a host or scalar path.
    mapping : mapping
        How it was mapped: tile sizes, passes, the unit.
    """

    name: str
    op: str
    native: bool = True
    mapping: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Report(Figures):
    """The figures of one network on one machine.

    Attributes
    ----------
    network, machine : str
    parameters : mapping
        The machine's parameters by name.
    fidelity : str
        "closed", "tile" or "cycle".
    precision : str
        Of operands, such as "int16" or "float32".
    clock_hz : float, optional
    node_nm : float, optional
        Process node of the energies and areas.
    batch : int
    inferences_per_second : float, optional
    peak_macs_per_second : float, optional
    area_mm2 : float, optional
        Only where a source gives it.
    status : mapping of str to str
        "modelled", "measured" or "published" for each figure stated.
    layers : tuple of LayerReport
    """

    network: str
    machine: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fidelity: str = "closed"
    precision: str = ""
    clock_hz: float | None = None
    node_nm: float | None = None
    batch: int = 1
    inferences_per_second: float | None = None
    peak_macs_per_second: float | None = None
    area_mm2: float | None = None
    status: Mapping[str, str] = field(default_factory=dict[str, str])
    layers: tuple[LayerReport, ...] = ()
    schema_version: int = SCHEMA_VERSION
