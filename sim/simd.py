"""A 128-bit SIMD core at 2 GHz: the baseline that DianNao's speedups are against (Chen et al., ASPLOS 2014).

The paper's baseline is a GEM5 out-of-order core with eight 16-bit lanes. What it sustains is one number, operations
per cycle over the paper's convolution and classifier layers, so that is the parameter here.

References
----------
T. Chen, Z. Du, N. Sun, J. Wang, C. Wu, Y. Chen, O. Temam, "DianNao: A Small-Footprint High-Throughput Accelerator for
Ubiquitous Machine-Learning", ASPLOS 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sim.engine.caches import blocked_elements, past_cache
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.jit import jit
from sim.engine.lowering import CONTRACT, RECURRENT
from sim.engine.lowering import INT16_BYTES as ELEMENT_BYTES
from sim.engine.parameters import parameter


class Cost(NamedTuple):
    """What `cost` returns; see `ClosedFormMachine`. No source gives the core's energy, so none is stated."""

    macs: float
    cycles: float
    compute_cycles: float
    native: float
    stall_dram: float
    bytes_dram: float
    bytes_cache: float


@jit
def prepare(m: Any) -> None:
    """Fill what depends on the design alone."""
    m["peak_macs_per_cycle"] = m["lanes"]
    m["bytes_per_cycle"] = m["bandwidth_gbs"] * 1e9 / m["clock_hz"]
    m["cycles_per_byte"] = 1 / m["bytes_per_cycle"]
    m["cache_elements"] = m["cache_bytes"] / ELEMENT_BYTES


@jit
def cost(work: Any, m: Any) -> Cost:
    """Return what one work record costs, the samples of a batch together or one after another, whichever is less."""
    together = _priced(work, m, work["n"], 1.0)
    apart = _priced(work, m, 1.0, work["n"])
    return together if together.cycles <= apart.cycles else apart


@jit
def _priced(work: Any, m: Any, n: float, times: float) -> Cost:
    """Return ``times`` what ``n`` samples cost: operations at the sustained rate, overlapped with main memory."""
    macs = n * work["macs"]
    computing = (2 * macs + n * work["ops"]) / m["ops_per_cycle"]
    ifmap, weight, ofmap = n * work["ifmap"], work["weight"], n * work["ofmap"]
    if work["kind"] == CONTRACT:
        reread = blocked_elements(ifmap, weight, macs, m["cache_elements"]) - ifmap
    elif work["kind"] == RECURRENT and weight > m["cache_elements"] / 2:
        reread = weight * work["t"]
    else:
        reread = weight
    dram = (past_cache(work, n, m["cache_elements"]) + reread) * ELEMENT_BYTES
    cycles = np.ceil(max(computing, dram * m["cycles_per_byte"]))
    cache = (2 * macs + ifmap + weight + ofmap) * ELEMENT_BYTES
    return Cost(
        times * macs, times * cycles, times * computing, 1.0, times * (cycles - computing), times * dram,
        times * cache,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Simd(ClosedFormMachine):
    """The SIMD baseline of the DianNao paper."""

    name: ClassVar[str] = "simd"
    summary: ClassVar[str] = (
        "128-bit SIMD core at 2 GHz, 16-bit lanes: the baseline of DianNao (Chen et al., ASPLOS 2014)"
    )
    monotone: ClassVar[tuple[str, ...]] = ("bandwidth_gbs", "clock_hz", "ops_per_cycle")
    buffers: ClassVar[tuple[str, ...]] = ("cache_bytes",)
    limits: ClassVar[tuple[str, ...]] = ("ops_per_cycle <= 2 * lanes",)
    Cost: ClassVar[type[NamedTuple]] = Cost
    derived: ClassVar[tuple[str, ...]] = (
        "peak_macs_per_cycle", "bytes_per_cycle", "cycles_per_byte", "cache_elements",
    )  # fmt: skip
    prepare = staticmethod(prepare)
    cost = staticmethod(cost)

    clock_hz: float = parameter(2e9, unit="Hz", low=1e6, high=1e10, source="Chen et al., abstract")
    lanes: int = parameter(8, unit="16-bit lanes", low=1, high=1024, source="Chen et al., abstract: 128 bits")
    ops_per_cycle: float = parameter(
        2.01,
        unit="16-bit operations",
        low=1e-3,
        high=2048,
        source="Chen et al., CONV and CLASS layers on GEM5 (recalled)",
    )
    bandwidth_gbs: float = parameter(
        250.0, unit="GB/s", low=1e-3, high=1e6, source="as diannao, so that only the core differs"
    )
    cache_bytes: int = parameter(2 << 20, unit="B", low=1024, high=2**31, source="ours: a last-level cache of the time")

    @property
    def operands(self) -> str:
        return "int16"

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"{self.ops_per_cycle:g} operations per cycle sustained, whatever the layer",)
