"""Multi-core SIMD processor: blocked GEMM under a roofline, with threads and cache levels.

Efficiencies are of libraries and frameworks, taken from published runs; they are within a factor of two, not better.

References
----------
S. Williams, A. Waterman, D. Patterson, "Roofline", CACM 2009. K. Goto, R. van de Geijn, "Anatomy of high-performance
matrix multiplication", ACM TOMS 2008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engine.caches import blocked_elements, past_cache
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import CONTRACT, RECURRENT
from sim.engine.lowering import FLOAT32_BYTES as ELEMENT_BYTES
from sim.engine.parameters import parameter

_ROWS = 6.0
"""Rows of the register block of a GEMM micro-kernel; its columns are two vectors (Goto & van de Geijn)."""
_SHORT_REDUCTION = 16.0
"""A reduction this long runs at half rate: loading and storing the register block costs as much as the products."""


class Cost(NamedTuple):
    """What `cost` returns; see `ClosedFormMachine`."""

    macs: float
    cycles: float
    compute_cycles: float
    native: float
    stall_dram: float
    stall_overhead: float
    bytes_dram: float
    bytes_llc: float
    bytes_l2: float
    bytes_l1: float
    pj_package: float


@jit
def prepare(m: Any) -> None:
    """Fill what depends on the design alone."""
    m["lanes"] = m["simd_bits"] / 32
    m["peak_macs_per_cycle"] = m["cores"] * m["lanes"] * m["fma_units"]
    m["bytes_per_cycle"] = m["bandwidth_gbs"] * 1e9 / m["clock_hz"]
    m["working_cores"] = min(m["threads"], m["cores"])
    m["overhead_cycles"] = m["dispatch_seconds"] * m["clock_hz"]
    m["package_pj_per_cycle"] = m["tdp_watts"] / m["clock_hz"] * 1e12


@jit
def _gemm_cycles(m: Any, rows: float, columns: float, depth: float, count: float, efficiency: float) -> float:
    """Return the cycles of ``count`` products of (rows x depth) by (depth x columns), blocks ragged at the edges.

    Vectors lie along whichever side wastes less; register blocks are dealt out to threads whole.
    """
    wide = 2 * m["lanes"]
    blocks = ceil_div(rows, wide) * ceil_div(columns, min(_ROWS, columns))
    flat = ceil_div(columns, wide) * ceil_div(rows, min(_ROWS, rows))
    height = min(_ROWS, columns)
    if flat * min(_ROWS, rows) < blocks * height:
        blocks, height = flat, min(_ROWS, rows)
    rounds = ceil_div(count * blocks, m["working_cores"])
    per_block = height * 2 * (depth + _SHORT_REDUCTION) / m["fma_units"]
    return rounds * per_block / efficiency


@jit
def _beyond(ifmap: float, weight: float, ofmap: float, macs: float, cache_bytes: float) -> float:
    """Return the bytes a blocked contraction moves past a cache of one core."""
    return (blocked_elements(ifmap, weight, macs, cache_bytes / ELEMENT_BYTES) + ofmap) * ELEMENT_BYTES


@jit
def cost(work: Any, m: Any) -> Cost:
    """Return what one work record costs, the samples of a batch together or one after another, whichever is less.

    What follows a contraction is done in its epilogue, for nothing.
    """
    if work["follows"] == 1:
        return Cost(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    together = _priced(work, m, work["n"], 1.0)
    apart = _priced(work, m, 1.0, work["n"])
    return together if together.cycles <= apart.cycles else apart


@jit
def _priced(work: Any, m: Any, n: float, times: float) -> Cost:
    """Return ``times`` what ``n`` samples cost: arithmetic or main memory, whichever is longer, and its regions."""
    kind, t = work["kind"], work["t"]
    macs = n * work["macs"]
    ifmap, weight, ofmap = n * work["ifmap"], work["weight"], n * work["ofmap"]
    cache = m["llc_bytes"] / ELEMENT_BYTES
    regions = 1.0 if ofmap > 0 else 0.0
    reread = weight
    computing = n * work["ops"] / (m["lanes"] * m["working_cores"])
    if kind == CONTRACT:
        depth = work["c"] * work["r"] * work["s"]
        dense = work["macs"] / (work["g"] * work["m"] * work["p"] * work["q"] * depth)  # less than 1: zeros skipped
        efficiency = m["conv_efficiency"] if depth > work["c"] else m["gemm_efficiency"]
        columns = n * work["p"] * work["q"]
        computing = dense * _gemm_cycles(m, work["m"], columns, depth, work["g"], efficiency)
        reread = blocked_elements(ifmap, weight, macs, cache) - ifmap
    elif kind == RECURRENT:
        regions = 2 * t
        computing += t * _gemm_cycles(m, work["m"], n, work["c"], 1.0, m["gemm_efficiency"])
        if weight > cache / 2:
            reread = weight * t
    dram = (past_cache(work, n, cache) + reread) * ELEMENT_BYTES
    moving = dram / (m["bytes_per_cycle"] * m["bandwidth_efficiency"])
    overhead = regions * m["overhead_cycles"]
    cycles = np.ceil(max(computing, moving) + overhead)
    l1 = (macs * (1 / _ROWS + 1 / (2 * m["lanes"])) + ifmap + reread + ofmap) * ELEMENT_BYTES
    past_l1 = _beyond(ifmap, reread, ofmap, macs, m["l1_bytes"])
    past_l2 = _beyond(ifmap, reread, ofmap, macs, m["l2_bytes"])
    return Cost(
        times * macs, times * cycles, times * computing, 1.0, times * max(0.0, moving - computing), times * overhead,
        times * dram, times * past_l2, times * past_l1, times * l1, times * cycles * m["package_pj_per_cycle"],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cpu(ClosedFormMachine):
    """A multi-core SIMD processor; the defaults are AMD's EPYC 9654."""

    name: ClassVar[str] = "cpu"
    summary: ClassVar[str] = "multi-core SIMD processor: blocked GEMM, threads, caches, roofline"
    monotone: ClassVar[tuple[str, ...]] = ("bandwidth_gbs", "fma_units", "threads")
    buffers: ClassVar[tuple[str, ...]] = ("llc_bytes",)
    limits: ClassVar[tuple[str, ...]] = ("l1_bytes <= l2_bytes",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "epyc-9654": {},
            "xeon-e5-2430": {
                "cores": 6, "threads": 6, "clock_hz": 2.2e9, "simd_bits": 256, "fma_units": 1, "l1_bytes": 32 << 10,
                "l2_bytes": 256 << 10, "llc_bytes": 15 << 20, "bandwidth_gbs": 38.4, "tdp_watts": 95.0,
                "process": 32.0,
            },
            "i7-5930k": {
                "cores": 6, "threads": 6, "clock_hz": 3.5e9, "simd_bits": 256, "fma_units": 2, "l1_bytes": 32 << 10,
                "l2_bytes": 256 << 10, "llc_bytes": 15 << 20, "bandwidth_gbs": 68.3, "tdp_watts": 140.0,
                "process": 22.0,
            },
            "xeon-e5-2690": {
                "cores": 8, "threads": 8, "clock_hz": 2.9e9, "simd_bits": 256, "fma_units": 1, "l1_bytes": 32 << 10,
                "l2_bytes": 256 << 10, "llc_bytes": 20 << 20, "bandwidth_gbs": 51.2, "tdp_watts": 135.0,
                "process": 32.0,
            },
        }
    )  # fmt: skip
    Cost: ClassVar[type[NamedTuple]] = Cost
    derived: ClassVar[tuple[str, ...]] = (
        "peak_macs_per_cycle", "bytes_per_cycle", "lanes", "working_cores", "overhead_cycles", "package_pj_per_cycle",
    )  # fmt: skip
    prepare = staticmethod(prepare)
    cost = staticmethod(cost)

    cores: int = parameter(96, unit="cores", low=1, high=4096, source="vendor: EPYC 9654")
    threads: int = parameter(96, unit="threads", low=1, high=8192, source="one a core")
    clock_hz: float = parameter(2.4e9, unit="Hz", low=1e6, high=1e10, source="vendor: base clock")
    simd_bits: int = parameter(256, unit="bits", low=32, high=4096, source="Zen 4: 512-bit instructions in two halves")
    fma_units: int = parameter(2, unit="per core", low=1, high=16, source="Zen 4; 1 = a multiplier and an adder apart")
    l1_bytes: int = parameter(32 << 10, unit="B a core", low=1024, high=2**31, source="vendor")
    l2_bytes: int = parameter(1 << 20, unit="B a core", low=1024, high=2**31, source="vendor")
    llc_bytes: int = parameter(384 << 20, unit="B", low=1024, high=2**36, source="vendor")
    bandwidth_gbs: float = parameter(460.8, unit="GB/s", low=1e-3, high=1e6, source="vendor: 12 channels of DDR5-4800")
    bandwidth_efficiency: float = parameter(0.85, unit="of peak", low=0.01, high=1, source="ours: streaming kernels")
    gemm_efficiency: float = parameter(0.75, unit="of peak", low=0.001, high=1, source="ours: library GEMM, large")
    conv_efficiency: float = parameter(
        0.45,
        unit="of peak",
        low=0.001,
        high=1,
        source="ours: framework convolutions; VGG16 in Caffe on E5-2690 is at 0.26",
    )
    dispatch_seconds: float = parameter(
        5e-6, unit="s", low=0, high=1, source="ours: a parallel region and its dispatch"
    )
    tdp_watts: float = parameter(360.0, unit="W", low=0, high=10000, source="vendor")
    process: float = parameter(5.0, unit="nm", low=1, high=250, source="vendor")

    @property
    def operands(self) -> str:
        return "float32"

    @property
    def process_nm(self) -> float | None:
        return self.process

    @property
    def notes(self) -> tuple[str, ...]:
        return ("energy is the thermal design power times the time: an upper bound of the package",)

    def mapping(self, works: NDArray[Any]) -> dict[str, Any]:
        work = works[0]
        if work["kind"] not in (CONTRACT, RECURRENT):
            return {}
        columns, depth = work["n"] * work["p"] * work["q"], work["c"] * work["r"] * work["s"]
        return {"gemm": f"{int(work['m'])} x {int(columns)} x {int(depth)}"}
