"""DianNao: 256 16-bit multipliers and adder trees behind three split buffers (Chen et al., ASPLOS 2014).

Each cycle the NFU multiplies Ti inputs by Tn x Ti weights and adds them into Tn partial sums. NBin holds inputs, SB
weights, NBout partial sums; each has its own DMA, which prefetches the next block while the NFU works.

References
----------
T. Chen, Z. Du, N. Sun, J. Wang, C. Wu, Y. Chen, O. Temam, "DianNao: A Small-Footprint High-Throughput Accelerator for
Ubiquitous Machine-Learning", ASPLOS 2014. Power and area by block are its Table 6, at 65 nm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engine.closed_form import ClosedFormMachine
from sim.engine.dram import DRAM, PJ_PER_BYTE
from sim.engine.energy import SRAM_EXPONENT, sram_growth
from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import CONTRACT, MOVE, RECURRENT, WINDOW
from sim.engine.lowering import INT16_BYTES as ELEMENT_BYTES
from sim.engine.parameters import parameter
from sim.walks.diannao import walk_repeats

BLOCK_MILLIWATTS: Mapping[str, float] = MappingProxyType(
    {"sb": 105, "nbin": 91, "nbout": 92, "nfu": 132, "cp": 31, "aximux": 8, "other": 26}
)
"""Power of each block at 0.98 GHz, Table 6."""
BLOCK_UM2: Mapping[str, int] = MappingProxyType(
    {
        "sb": 1_153_814, "nbin": 427_992, "nbout": 433_906, "nfu": 846_563, "cp": 141_809, "aximux": 9_767,
        "other": 9_226,
    }
)  # fmt: skip
"""Area of each block in square micrometres, Table 6."""
PUBLISHED_CLOCK_HZ = 0.98e9
_PJ_PER_CYCLE = 1e9 / PUBLISHED_CLOCK_HZ  # picojoules a cycle of one milliwatt
_NFU_PJ, _SB_PJ = BLOCK_MILLIWATTS["nfu"] * _PJ_PER_CYCLE, BLOCK_MILLIWATTS["sb"] * _PJ_PER_CYCLE
_NBIN_PJ, _NBOUT_PJ = BLOCK_MILLIWATTS["nbin"] * _PJ_PER_CYCLE, BLOCK_MILLIWATTS["nbout"] * _PJ_PER_CYCLE
_CONTROL_PJ = sum(BLOCK_MILLIWATTS[b] for b in ("cp", "aximux", "other")) * _PJ_PER_CYCLE
_NBIN_BYTES, _SB_BYTES, _NBOUT_BYTES = 2048.0, 32768.0, 2048.0
_EXPONENT = SRAM_EXPONENT[65]


class Cost(NamedTuple):
    """What `cost` returns; see `ClosedFormMachine`."""

    macs: float
    cycles: float
    compute_cycles: float
    native: float
    stall_fill: float
    stall_dram: float
    bytes_dram: float
    bytes_nbin: float
    bytes_sb: float
    bytes_nbout: float
    pj_nfu: float
    pj_nbin: float
    pj_sb: float
    pj_nbout: float
    pj_control: float
    pj_dram: float


@jit
def prepare(m: Any) -> None:
    """Fill what depends on the design alone.

    Energies are the published design's, per cycle and unit: in proportion to the units for the NFU, to the bytes
    accessed and a power of the size for the buffers.
    """
    m["peak_macs_per_cycle"] = m["tn"] * m["ti"]
    m["bytes_per_cycle"] = m["bandwidth_gbs"] * 1e9 / m["clock_hz"]
    m["cycles_per_byte"] = 1 / m["bytes_per_cycle"]
    m["nbin_positions"] = np.floor(m["nbin_bytes"] / (ELEMENT_BYTES * m["ti"]))
    m["nbout_positions"] = np.floor(m["nbout_bytes"] / (ELEMENT_BYTES * m["tn"]))
    m["nfu_pj"] = _NFU_PJ / 256 * m["tn"] * m["ti"]
    m["nfu_pj_per_output"] = m["nfu_pj"] / m["tn"]
    m["nbin_pj_per_byte"] = _NBIN_PJ / 32 * sram_growth(m["nbin_bytes"], _NBIN_BYTES, _EXPONENT)
    m["sb_pj_per_byte"] = _SB_PJ / 512 * sram_growth(m["sb_bytes"], _SB_BYTES, _EXPONENT)
    m["nbout_pj_per_byte"] = _NBOUT_PJ / 32 * sram_growth(m["nbout_bytes"], _NBOUT_BYTES, _EXPONENT)
    m["dram_pj_per_byte"] = PJ_PER_BYTE[int(m["memory"])]


@jit
def _strip(work: Any, m: Any, chunks: float) -> tuple[float, bool, bool]:
    """Return output columns computed at a time, and whether rows slide and columns are shared in NBin.

    A strip is as wide as NBin holds its input columns (for one kernel row, Ti channels) and NBout its partial sums. An
    input row is fetched again for every kernel row it serves, unless NBin holds the strip's whole window for all
    ``chunks`` of Ti channels, so that rows slide.
    """
    p, q, u, v = work["p"], work["q"], work["stride_h"], work["stride_w"]
    span_r, span_s = _spans(work)
    positions = m["nbin_positions"]
    columns = max(1.0, min(q, m["nbout_positions"], np.floor((positions - span_s) / v) + 1))
    strips = ceil_div(q, columns)
    slide = chunks * span_r * ((columns - 1) * v + span_s) <= positions and (p - 1) * u + span_r < p * work["r"]
    share = positions >= span_s and (q - strips) * v + strips * span_s < q * work["s"]
    return columns, slide, share


@jit
def _spans(work: Any) -> tuple[float, float]:
    """Return the rows and columns a window spans."""
    return (work["r"] - 1) * work["dilation_h"] + 1, (work["s"] - 1) * work["dilation_w"] + 1


@jit
def _fetched(work: Any, columns: float, slide: bool, share: bool) -> float:
    """Return the input elements one channel needs for one output map."""
    span_r, span_s = _spans(work)
    strips = ceil_div(work["q"], columns)
    rows = (work["p"] - 1) * work["stride_h"] + span_r if slide else work["p"] * work["r"]
    across = (work["q"] - strips) * work["stride_w"] + strips * span_s if share else work["q"] * work["s"]
    return rows * across


@jit
def _held(work: Any, m: Any, columns: float, blocks: float, block_bytes: float) -> tuple[float, float]:
    """Return the output blocks of a pass and how often their weights are loaded (-1: a part for every position).

    A pass is what NBout's partial sums cover. Its weights are loaded once if SB holds them, else for every strip.
    Private kernels, one weight for every MAC, are loaded a part at a time whatever SB holds.
    """
    p, q = work["p"], work["q"]
    together = max(1.0, min(blocks, np.floor(m["nbout_positions"] / columns)))
    products = work["r"] * work["s"] * work["c"] * work["m"] * work["g"] * p * q
    if p * q > 1 and products <= work["weight"] * 1.5:
        return together, -1.0
    uses = work["n"] * work["t"] * p * ceil_div(q, columns)
    if work["kind"] == RECURRENT:
        return together, 1.0 if work["g"] * blocks * block_bytes <= m["sb_bytes"] else uses
    if block_bytes > m["sb_bytes"]:
        return together, uses
    if uses > 1:
        together = min(together, np.floor(m["sb_bytes"] / block_bytes))
    return together, 1.0


@jit
def cost(work: Any, m: Any) -> Cost:
    """Return what one work record costs on the NFU, the buffers and main memory.

    Cycles are those of the NFU or of main memory, whichever is more (the DMAs prefetch), and the first fill of NBin
    and SB.
    """
    kind = work["kind"]
    if kind in (CONTRACT, RECURRENT):
        return _contracted(work, m)
    if kind == WINDOW:
        return _pooled(work, m)
    return _streamed(work, m)


@jit
def _contracted(work: Any, m: Any) -> Cost:
    """Return the cost of CONV and CLASS layers: passes outside, then samples, strips, input chunks."""
    n, g, p, q, kernel = work["n"], work["g"], work["p"], work["q"], work["r"] * work["s"]
    blocks = ceil_div(work["m"], m["tn"])
    chunks = ceil_div(work["c"], m["ti"])
    steps = work["t"] * n * g
    computing = steps * p * q * kernel * blocks * chunks
    columns, slide, share = _strip(work, m, chunks)
    block_bytes = chunks * m["ti"] * m["tn"] * kernel * ELEMENT_BYTES
    together, loads = _held(work, m, columns, blocks, block_bytes)
    passes = ceil_div(blocks, together)
    if chunks * m["ti"] * work["h"] * work["w"] * ELEMENT_BYTES <= m["nbin_bytes"]:
        passes = 1.0
    weights = work["weight"] * (n if loads < 0 else loads)
    inputs = steps * work["c"] * _fetched(work, columns, slide, share) * passes
    outputs = steps * work["m"] * p * q
    dram = (inputs + weights + outputs) * ELEMENT_BYTES
    first = min(m["sb_bytes"], block_bytes) + min(m["nbin_bytes"], chunks * m["ti"] * ELEMENT_BYTES)
    filling = first * m["cycles_per_byte"]
    waiting = max(0.0, dram * m["cycles_per_byte"] - computing)
    revisits = chunks * work["r"] if columns > 1 else 1.0
    return _dressed(m, n * work["macs"], computing, filling, waiting, inputs, weights, outputs, revisits)


@jit
def walk(work: Any, m: Any) -> Cost:
    """Return what one work record costs by `sim.walks.diannao`."""
    return logged_walk(work, m, np.zeros((1, 3)))


@jit
def logged_walk(work: Any, m: Any, log: Any) -> Cost:
    """As `walk`, noting slices of time in ``log``; samples and steps after the second take as long as it."""
    if work["kind"] not in (CONTRACT, RECURRENT):
        return cost(work, m)
    blocks = ceil_div(work["m"], m["tn"])
    chunks = ceil_div(work["c"], m["ti"])
    columns, slide, share = _strip(work, m, chunks)
    block_bytes = chunks * m["ti"] * m["tn"] * work["r"] * work["s"] * ELEMENT_BYTES
    together, loads = _held(work, m, columns, blocks, block_bytes)
    refetch = chunks * m["ti"] * work["h"] * work["w"] * ELEMENT_BYTES > m["nbin_bytes"]
    repeats = work["n"] * work["t"]
    total = walk_repeats(work, m, columns, slide, share, together, loads, refetch, 1, log)
    if repeats > 1:
        log[0, 0] = 0.0  # the longer walk notes everything again
        two = walk_repeats(work, m, columns, slide, share, together, loads, refetch, 2, log)
        total += (repeats - 1) * (two - total)
    total *= work["g"]
    products = work["t"] * work["g"] * work["m"] * work["c"] * work["p"] * work["q"] * work["r"] * work["s"]
    macs = total[3] * work["macs"] / products
    waiting = total[0] - total[1] - total[2]
    inputs, weights, outputs = total[4] / ELEMENT_BYTES, total[5] / ELEMENT_BYTES, total[6] / ELEMENT_BYTES
    revisits = chunks * work["r"] if columns > 1 else 1.0
    return _dressed(m, macs, total[1], total[2], waiting, inputs, weights, outputs, revisits)


@jit
def _dressed(
    m: Any,
    macs: float,
    computing: float,
    filling: float,
    waiting: float,
    inputs: float,
    weights: float,
    outputs: float,
    revisits: float,
) -> Cost:
    """Return the Cost of work on the NFU from its cycles, elements moved and visits of a partial sum."""
    cycles = np.ceil(computing + filling + waiting)
    dram = (inputs + weights + outputs) * ELEMENT_BYTES
    nbin = (computing * m["ti"] + inputs) * ELEMENT_BYTES
    sb = (computing * m["tn"] * m["ti"] + weights) * ELEMENT_BYTES
    nbout = 2 * outputs * revisits * ELEMENT_BYTES
    return Cost(
        macs, cycles, computing, 1.0, filling, waiting, dram, nbin, sb, nbout,
        computing * m["nfu_pj"], nbin * m["nbin_pj_per_byte"], sb * m["sb_pj_per_byte"],
        nbout * m["nbout_pj_per_byte"], cycles * _CONTROL_PJ, dram * m["dram_pj_per_byte"],
    )  # fmt: skip


@jit
def _pooled(work: Any, m: Any) -> Cost:
    """Return the cost of a POOL layer: NFU-2 takes Ti inputs a cycle, NFU-1 is bypassed."""
    n = work["n"]
    channels = work["ofmap"] / (work["p"] * work["q"])
    computing = n * work["p"] * work["q"] * work["r"] * work["s"] * ceil_div(channels, m["ti"])
    columns, slide, share = _strip(work, m, 1.0)
    inputs = n * channels * _fetched(work, columns, slide, share)
    return _vector(work, m, computing, inputs, 1.0)


@jit
def _streamed(work: Any, m: Any) -> Cost:
    """Return the cost of element-wise work and moves.

    NFU-3 interpolates a function a result as it leaves NBout, so what follows a CONV or CLASS layer is free.
    Otherwise Ti operations a cycle; more than two an element are not what NFU-3 was made for.
    """
    n = work["n"]
    simple = work["ops"] <= 2 * work["ofmap"]
    if work["follows"] == 1:
        return Cost(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return _vector(work, m, n * work["ops"] / m["ti"], n * (work["ifmap"] + work["weight"]), 1.0 if simple else 0.0)


@jit
def _vector(work: Any, m: Any, computing: float, inputs: float, native: float) -> Cost:
    outputs = work["n"] * work["ofmap"]
    dram = (inputs + outputs) * ELEMENT_BYTES
    cycles = np.ceil(max(computing, dram * m["cycles_per_byte"]))
    nbin = 2 * inputs * ELEMENT_BYTES
    nbout = 2 * outputs * ELEMENT_BYTES
    return Cost(
        0.0, cycles, computing, native, 0.0, cycles - computing, dram, nbin, 0.0, nbout,
        computing * m["nfu_pj_per_output"], nbin * m["nbin_pj_per_byte"], 0.0,
        nbout * m["nbout_pj_per_byte"], cycles * _CONTROL_PJ, dram * m["dram_pj_per_byte"],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Diannao(ClosedFormMachine):
    """DianNao with its parameters free."""

    name: ClassVar[str] = "diannao"
    summary: ClassVar[str] = "Tn x Ti 16-bit MACs behind three split buffers (Chen et al., ASPLOS 2014)"
    monotone: ClassVar[tuple[str, ...]] = ("bandwidth_gbs", "clock_hz")
    buffers: ClassVar[tuple[str, ...]] = ("nbin_bytes", "sb_bytes", "nbout_bytes")
    Cost: ClassVar[type[NamedTuple]] = Cost
    derived: ClassVar[tuple[str, ...]] = (
        "peak_macs_per_cycle", "bytes_per_cycle", "cycles_per_byte", "nbin_positions", "nbout_positions", "nfu_pj",
        "nfu_pj_per_output",         "nbin_pj_per_byte", "sb_pj_per_byte", "nbout_pj_per_byte", "dram_pj_per_byte",
    )  # fmt: skip
    prepare = staticmethod(prepare)
    cost = staticmethod(cost)
    walk = staticmethod(walk)
    logged_walk = staticmethod(logged_walk)
    fidelities: ClassVar[tuple[str, ...]] = ("closed", "tile")

    tn: int = parameter(16, unit="output neurons", low=1, high=1024, source="Chen et al., section 5.1")
    ti: int = parameter(16, unit="inputs", low=1, high=1024, source="Chen et al., section 5.1")
    nbin_bytes: int = parameter(2048, unit="B", low=32, high=2**31, source="Chen et al.: 64 entries of 16 x 16 bits")
    sb_bytes: int = parameter(32768, unit="B", low=32, high=2**31, source="Chen et al.: 64 entries of 256 x 16 bits")
    nbout_bytes: int = parameter(2048, unit="B", low=32, high=2**31, source="Chen et al.: as NBin")
    clock_hz: float = parameter(PUBLISHED_CLOCK_HZ, unit="Hz", low=1e6, high=1e10, source="Chen et al., section 7.1")
    bandwidth_gbs: float = parameter(250.0, unit="GB/s", low=1e-3, high=1e6, source="Chen et al., simulated (recalled)")
    memory: str = parameter("ddr3-1600", choices=tuple(DRAM), source="ours: a main memory of the time")

    @property
    def operands(self) -> str:
        return "int16"

    @property
    def process_nm(self) -> float | None:
        return 65.0

    @cached_property
    def area_mm2(self) -> float | None:
        """Table 6's blocks in proportion to their multipliers and bytes."""
        scale = {
            "sb": self.sb_bytes / _SB_BYTES, "nbin": self.nbin_bytes / _NBIN_BYTES,
            "nbout": self.nbout_bytes / _NBOUT_BYTES, "nfu": self.tn * self.ti / 256,
        }  # fmt: skip
        return sum(um2 * scale.get(block, 1.0) for block, um2 in BLOCK_UM2.items()) * 1e-6

    @property
    def ops_per_cycle(self) -> int:
        """Multiplications and additions of NFU-1 and NFU-2."""
        return self.tn * self.ti + self.tn * (self.ti - 1)

    def mapping(self, works: NDArray[Any]) -> dict[str, Any]:
        work = works[0]
        if work["kind"] == MOVE:
            return {"unit": "dma"}
        if work["kind"] not in (CONTRACT, RECURRENT):
            return {"unit": "nfu-2" if work["kind"] == WINDOW else "nfu-3"}
        columns, _, _ = _strip(work, self.record, float(np.ceil(work["c"] / self.ti)))
        return {"tn": self.tn, "ti": self.ti, "strip_columns": int(columns)}
