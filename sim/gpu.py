"""GPU: GEMM in tiles and waves over streaming multiprocessors, tensor cores by precision, kernel launches, L2, memory.

References
----------
NVIDIA, "Matrix multiplication background: user's guide" (tile and wave quantisation). Units, clocks and bandwidths of
the presets: NVIDIA datasheets and architecture white papers. Launch overheads: V100 with CUDA 10.1, NVIDIA, "Getting
started with CUDA graphs", 2019.
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
from sim.engine.parameters import parameter

PRECISIONS = ("float32", "tf32", "float16", "int8")
_ELEMENT_BYTES = np.array([4.0, 4.0, 2.0, 1.0])
_OF_FLOAT16 = np.array([0.0, 0.5, 1.0, 2.0])
"""Tensor-core MACs a cycle in each precision over those in float16; 0 = not on tensor cores."""
_TILES = np.array([128.0, 64.0, 32.0])
_TILE_EFFICIENCY = np.array([1.0, 0.75, 0.45])
"""Of a smaller tile over that of 128 x 128: shared memory is read more often for every product."""
_SPLITS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
_SHORTEST_SPLIT = 256.0
"""A reduction is split among SMs (split-K) into parts no shorter than this: eight steps of a 32-deep tile."""
_DIRECT_EFFICIENCY = 0.25
"""Of a depthwise convolution over the float32 peak."""


class Cost(NamedTuple):
    """What `cost` returns; see `ClosedFormMachine`."""

    macs: float
    cycles: float
    compute_cycles: float
    native: float
    stall_dram: float
    stall_launch: float
    bytes_dram: float
    bytes_l2: float
    pj_board: float


@jit
def prepare(m: Any) -> None:
    """Fill what depends on the design alone."""
    precision = int(m["precision"])
    m["element_bytes"] = _ELEMENT_BYTES[precision]
    m["vector_macs"] = m["sms"] * m["cores_per_sm"]
    tensor = m["sms"] * m["tensor_macs_per_sm"] * _OF_FLOAT16[precision] * m["tensor_clock_hz"] / m["clock_hz"]
    m["peak_macs_per_cycle"] = tensor if tensor > 0 else m["vector_macs"]
    m["bytes_per_cycle"] = m["bandwidth_gbs"] * 1e9 / m["clock_hz"]
    m["launch_cycles"] = m["launch_seconds"] * m["clock_hz"]
    m["board_pj_per_cycle"] = m["tdp_watts"] / m["clock_hz"] * 1e12


@jit
def _gemm(m: Any, rows: float, columns: float, depth: float, count: float) -> tuple[float, float, float]:
    """Return cycles, L2 elements and tile side of ``count`` products in whole waves, for the best tile and split.

    Parts of a split reduction are added up by the vector units: a read and an addition for every partial sum.
    """
    best, read, side = np.inf, 0.0, 0.0
    for i in range(len(_TILES)):
        tile = _TILES[i]
        whole = count * ceil_div(rows, tile) * ceil_div(columns, tile)
        rate = m["peak_macs_per_cycle"] / m["sms"] * m["gemm_efficiency"] * _TILE_EFFICIENCY[i]
        for split in _SPLITS:
            if split > 1 and depth < split * _SHORTEST_SPLIT:
                break
            partial = split * count * rows * columns if split > 1 else 0.0
            waves = ceil_div(whole * split, m["sms"])
            cycles = waves * tile * tile * depth / split / rate + partial / m["vector_macs"]
            if cycles < best:
                best, read, side = cycles, whole * 2 * tile * depth + 2 * partial, tile
    return best, read, side


@jit
def cost(work: Any, m: Any) -> Cost:
    """Return what one work record costs, the samples of a batch together or one after another, whichever is less.

    What follows a contraction is its kernel's epilogue, for nothing.
    """
    if work["follows"] == 1:
        return Cost(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    together = _priced(work, m, work["n"], 1.0)
    apart = _priced(work, m, 1.0, work["n"])
    return together if together.cycles <= apart.cycles else apart


@jit
def _priced(work: Any, m: Any, n: float, times: float) -> Cost:
    """Return ``times`` what ``n`` samples cost: a kernel, or two for every step of a recurrence."""
    kind, t = work["kind"], work["t"]
    macs = n * work["macs"]
    ifmap, weight, ofmap = n * work["ifmap"], work["weight"], n * work["ofmap"]
    cache = m["l2_bytes"] / m["element_bytes"]
    launches = 1.0 if ofmap > 0 else 0.0
    reread = weight
    computing = n * work["ops"] / m["vector_macs"]
    l2 = ifmap + weight + ofmap
    if kind == CONTRACT:
        depth = work["c"] * work["r"] * work["s"]
        if work["m"] == 1 and work["c"] == 1 and work["g"] > 1:
            computing = macs / min(m["peak_macs_per_cycle"], m["vector_macs"] * _DIRECT_EFFICIENCY)
        else:
            dense = work["macs"] / (work["g"] * work["m"] * work["p"] * work["q"] * depth)  # below 1: zeros skipped
            computing, l2, _ = _gemm(m, work["m"], n * work["p"] * work["q"], depth, work["g"])
            computing *= dense
        reread = blocked_elements(ifmap, weight, macs, cache) - ifmap
    elif kind == RECURRENT:
        launches = 2 * t
        step, l2, _ = _gemm(m, work["m"], n, work["c"], 1.0)
        computing += t * step
        l2 *= t
        if weight > cache / 2:
            reread = weight * t
    dram = (past_cache(work, n, cache) + reread) * m["element_bytes"]
    moving = dram / (m["bytes_per_cycle"] * m["bandwidth_efficiency"])
    launching = launches * m["launch_cycles"]
    cycles = np.ceil(max(computing, moving) + launching)
    return Cost(
        times * macs, times * cycles, times * computing, 1.0, times * max(0.0, moving - computing), times * launching,
        times * dram, times * l2 * m["element_bytes"], times * cycles * m["board_pj_per_cycle"],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Gpu(ClosedFormMachine):
    """A GPU; the defaults are NVIDIA's A100 SXM with 40 GB, in float16."""

    name: ClassVar[str] = "gpu"
    summary: ClassVar[str] = "GPU: tiles and waves over SMs, tensor cores, kernel launches, L2, roofline"
    monotone: ClassVar[tuple[str, ...]] = ("bandwidth_gbs", "tensor_macs_per_sm", "tensor_clock_hz")
    buffers: ClassVar[tuple[str, ...]] = ("l2_bytes",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "k20m": {
                "sms": 13, "cores_per_sm": 192, "tensor_macs_per_sm": 0, "clock_hz": 0.706e9, "precision": "float32",
                "bandwidth_gbs": 208.0, "l2_bytes": 1280 << 10, "tdp_watts": 225.0, "process": 28.0,
            },
            "titan-x-pascal": {
                "sms": 28, "cores_per_sm": 128, "tensor_macs_per_sm": 0, "clock_hz": 1.531e9, "precision": "float32",
                "bandwidth_gbs": 480.0, "l2_bytes": 3 << 20, "tdp_watts": 250.0, "process": 16.0,
            },
            "v100": {
                "sms": 80, "cores_per_sm": 64, "tensor_macs_per_sm": 512, "clock_hz": 1.53e9,
                "tensor_clock_hz": 1.53e9, "bandwidth_gbs": 898.0, "l2_bytes": 6 << 20, "tdp_watts": 300.0,
                "process": 12.0,
            },
            "a100": {},
            "h100": {
                "sms": 132, "cores_per_sm": 128, "tensor_macs_per_sm": 2048, "clock_hz": 1.98e9,
                "tensor_clock_hz": 1.83e9, "bandwidth_gbs": 3350.0, "l2_bytes": 50 << 20, "tdp_watts": 700.0,
                "process": 4.0,
            },
        }
    )  # fmt: skip
    Cost: ClassVar[type[NamedTuple]] = Cost
    derived: ClassVar[tuple[str, ...]] = (
        "peak_macs_per_cycle", "bytes_per_cycle", "element_bytes", "vector_macs", "launch_cycles",
        "board_pj_per_cycle",
    )  # fmt: skip
    prepare = staticmethod(prepare)
    cost = staticmethod(cost)

    sms: int = parameter(108, unit="SMs", low=1, high=4096, source="vendor: A100")
    cores_per_sm: int = parameter(64, unit="float32 FMA a cycle", low=1, high=4096, source="vendor: A100")
    tensor_macs_per_sm: int = parameter(
        1024, unit="float16 MACs a cycle", low=0, high=10**6, source="vendor: A100, 4 tensor cores of 256; 0 = none"
    )
    clock_hz: float = parameter(1.41e9, unit="Hz", low=1e6, high=1e10, source="vendor: boost clock")
    tensor_clock_hz: float = parameter(1.41e9, unit="Hz", low=1e6, high=1e10, source="vendor: clock of the tensor peak")
    precision: str = parameter("float16", choices=PRECISIONS, source="ours; float32 keeps off the tensor cores")
    bandwidth_gbs: float = parameter(1555.0, unit="GB/s", low=1e-3, high=1e6, source="vendor: A100 with 40 GB")
    bandwidth_efficiency: float = parameter(0.85, unit="of peak", low=0.01, high=1, source="ours: streaming kernels")
    l2_bytes: int = parameter(40 << 20, unit="B", low=1024, high=2**36, source="vendor: A100")
    gemm_efficiency: float = parameter(0.9, unit="of peak", low=0.001, high=1, source="ours: library GEMM, large tiles")
    launch_seconds: float = parameter(
        0.9e-6,
        unit="s",
        low=0,
        high=1,
        source="V100, CUDA 10.1: 0.9 us back to back, 6.7 us with a sync, 0.5 us in a graph",
    )
    tdp_watts: float = parameter(400.0, unit="W", low=0, high=10000, source="vendor: A100 SXM")
    process: float = parameter(7.0, unit="nm", low=1, high=250, source="vendor")

    @property
    def operands(self) -> str:
        return self.precision

    @property
    def process_nm(self) -> float | None:
        return self.process

    @property
    def notes(self) -> tuple[str, ...]:
        return ("energy is the thermal design power times the time: an upper bound of the board",)

    def mapping(self, works: NDArray[Any]) -> dict[str, Any]:
        work = works[0]
        if work["kind"] not in (CONTRACT, RECURRENT):
            return {}
        columns = work["n"] * work["p"] * work["q"]
        _, _, side = _gemm(self.record, work["m"], columns, work["c"] * work["r"] * work["s"], work["g"])
        return {"tile": f"{side:g} x {side:g}"}
