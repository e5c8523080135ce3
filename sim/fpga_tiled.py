"""Tiled FPGA accelerator: Tm x Tn floating-point MACs behind double buffers (Zhang et al., FPGA 2015).

A convolution runs as row, column, output-channel and input-channel tiles outside, kernel and pixel positions inside,
with a block of Tm output and Tn input channels unrolled: one kernel position of one output pixel a cycle.

References
----------
C. Zhang, P. Li, G. Sun, Y. Guan, B. Xiao, J. Cong, "Optimizing FPGA-based Accelerator Design for Deep Convolutional
Neural Networks", FPGA 2015. Equations and tables below are that paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engine.closed_form import ClosedFormMachine
from sim.engine.dram import DRAM, PJ_PER_BYTE
from sim.engine.energy import mac_pj, sram_pj_per_byte
from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import CONTRACT, MOVE, RECURRENT
from sim.engine.lowering import FLOAT32_BYTES as ELEMENT_BYTES
from sim.engine.parameters import parameter
from sim.walks.fpga_tiled import walk_sample

_FPGA_OVER_ASIC = 14.0
MAC_PJ = _FPGA_OVER_ASIC * mac_pj("float32_mult", "float32_add", node_nm=28, volts=0.9)
"""A float32 multiply and add at 28 nm, times the FPGA to ASIC dynamic power ratio of Kuon & Rose, IEEE TCAD 2007."""
BRAM_PJ_PER_BYTE = sram_pj_per_byte(2304, 28)
"""One 18 Kbit block RAM read as a plain RAM of that size."""


class Cost(NamedTuple):
    """What `cost` returns; see `ClosedFormMachine`."""

    macs: float
    cycles: float
    compute_cycles: float
    native: float
    stall_fill: float
    stall_dram: float
    bytes_dram: float
    bytes_buffers: float
    pj_mac: float
    pj_buffers: float
    pj_dram: float
    pj_board: float


@jit
def _tiles(work: Any, m: Any) -> tuple[float, float]:
    """Return rows and columns of the largest output tile that both the input and the output buffer hold, or 0."""
    p, q, u, v = work["p"], work["q"], work["stride_h"], work["stride_w"]
    span_r = (work["r"] - 1) * work["dilation_h"] + 1
    span_s = (work["s"] - 1) * work["dilation_w"] + 1
    channels_in = min(m["tn"], work["c"])
    channels_out = min(m["tm"], work["m"])
    in_elements = np.floor(m["input_half_elements"] / channels_in)
    out_elements = np.floor(m["output_half_elements"] / channels_out)
    rows = min(m["tr"], p)
    rows = min(rows, out_elements, np.floor((np.floor(in_elements / span_s) - span_r) / u) + 1)
    if rows < 1:
        return 0.0, 0.0
    in_rows = (rows - 1) * u + span_r
    columns = min(
        m["tc"], q, np.floor(out_elements / rows), np.floor((np.floor(in_elements / in_rows) - span_s) / v) + 1
    )
    return rows, max(columns, 0.0)


@jit
def prepare(m: Any) -> None:
    """Fill what depends on the design alone."""
    m["peak_macs_per_cycle"] = m["tm"] * m["tn"]
    m["bytes_per_cycle"] = m["bandwidth_gbs"] * 1e9 / m["clock_hz"]
    m["cycles_per_byte"] = 1 / m["bytes_per_cycle"]
    m["input_half_elements"] = m["input_buffer_bytes"] / (2 * ELEMENT_BYTES)
    m["output_half_elements"] = m["output_buffer_bytes"] / (2 * ELEMENT_BYTES)
    m["board_pj_per_cycle"] = m["board_watts"] / m["clock_hz"] * 1e12
    m["dram_pj_per_byte"] = PJ_PER_BYTE[int(m["memory"])]


@jit
def cost(work: Any, m: Any) -> Cost:
    """Return what one work record costs.

    Zhang's equations with edge tiles clipped, as his loops do: rows and columns of all tiles add up to P and Q, only
    input halos repeat. Weights are loaded once if all of them fit their buffer. Loads of the next input
    tile overlap with computing; the first load and the store of each output tile do not.
    """
    kind = work["kind"]
    n = work["n"]
    if kind not in (CONTRACT, RECURRENT):
        return _streamed(work, m)
    g, out_channels, in_channels, p, q = work["g"], work["m"], work["c"], work["p"], work["q"]
    kernel = work["r"] * work["s"]
    steps = work["t"] * n * g
    rows, columns = _tiles(work, m)
    tiles_m = ceil_div(out_channels, m["tm"])
    tiles_n = ceil_div(in_channels, m["tn"])
    tiles_r = ceil_div(p, rows)
    tiles_c = ceil_div(q, columns)
    blocks = tiles_r * tiles_c

    computing = steps * tiles_m * tiles_n * (p * q * kernel + m["pipeline_cycles"] * blocks)

    span_r = (work["r"] - 1) * work["dilation_h"] + 1
    span_s = (work["s"] - 1) * work["dilation_w"] + 1
    in_rows = (p - tiles_r) * work["stride_h"] + tiles_r * span_r
    in_columns = (q - tiles_c) * work["stride_w"] + tiles_c * span_s
    inputs = steps * tiles_m * in_channels * in_rows * in_columns
    weights = work["weight"]
    if weights * ELEMENT_BYTES > m["weight_buffer_bytes"]:
        weights *= n * work["t"] * blocks
    outputs = steps * out_channels * p * q
    loading = (inputs + weights) * ELEMENT_BYTES * m["cycles_per_byte"]
    storing = outputs * ELEMENT_BYTES * m["cycles_per_byte"]

    first_share = 1 / tiles_n
    filling = loading * first_share + storing
    waiting = max(0.0, loading - computing) * (1 - first_share)
    dram = (inputs + weights + outputs) * ELEMENT_BYTES
    return _dressed(m, n * work["macs"], computing, filling, waiting, dram)


@jit
def walk(work: Any, m: Any) -> Cost:
    """Return what one work record costs by `sim.walks.fpga_tiled`."""
    return logged_walk(work, m, np.zeros((1, 3)))


@jit
def logged_walk(work: Any, m: Any, log: Any) -> Cost:
    """As `walk`, noting slices of time in ``log``; samples and steps after the second take as long as it."""
    if work["kind"] not in (CONTRACT, RECURRENT):
        return _streamed(work, m)
    rows, columns = _tiles(work, m)
    repeats = work["n"] * work["t"]
    sums = np.zeros((int(min(repeats, 2.0)), 5))
    walk_sample(work, m, rows, columns, len(sums), sums, log)
    total = sums[0].copy()
    if repeats > 1:
        total += (repeats - 1) * (sums[1] - sums[0])
    total *= work["g"]
    dense = work["macs"] / (
        work["t"] * work["g"] * work["m"] * work["c"] * work["p"] * work["q"] * work["r"] * work["s"]
    )
    return _dressed(m, total[3] * dense, total[1], total[2], total[0] - total[1] - total[2], total[4])


@jit
def _dressed(m: Any, macs: float, computing: float, filling: float, waiting: float, dram: float) -> Cost:
    """Return the Cost of work on the array: its cycles, what it reads from the buffers, and energies."""
    cycles = np.ceil(computing + filling + waiting)
    buffers = computing * (m["tn"] + m["tm"] * m["tn"] + 2 * m["tm"]) * ELEMENT_BYTES
    return Cost(
        macs, cycles, computing, 1.0, filling, waiting, dram, buffers,
        macs * MAC_PJ, buffers * BRAM_PJ_PER_BYTE, dram * m["dram_pj_per_byte"], cycles * m["board_pj_per_cycle"],
    )  # fmt: skip


@jit
def _streamed(work: Any, m: Any) -> Cost:
    """Return what pooling, element-wise work and moves cost on the host path, straight from and to main memory.

    What follows a convolution is done as results enter the output buffer, for nothing.
    """
    n = work["n"]
    ops = n * work["ops"]
    if work["follows"] == 1:
        return Cost(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    dram = n * (work["ifmap"] + work["weight"] + work["ofmap"]) * ELEMENT_BYTES
    computing = ops / m["host_ops_per_cycle"]
    moving = dram * m["cycles_per_byte"]
    cycles = np.ceil(max(computing, moving))
    native = 1.0 if work["kind"] == MOVE else 0.0
    return Cost(
        0.0, cycles, computing, native, 0.0, cycles - computing, dram, 0.0,
        0.0, 0.0, dram * m["dram_pj_per_byte"], cycles * m["board_pj_per_cycle"],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FpgaTiled(ClosedFormMachine):
    """Zhang et al.'s accelerator with its parameters free."""

    name: ClassVar[str] = "fpga-tiled"
    summary: ClassVar[str] = "Tm x Tn float32 MACs on an FPGA behind double buffers (Zhang et al., FPGA 2015)"
    monotone: ClassVar[tuple[str, ...]] = ("bandwidth_gbs", "clock_hz")
    buffers: ClassVar[tuple[str, ...]] = ("input_buffer_bytes", "weight_buffer_bytes", "output_buffer_bytes")
    limits: ClassVar[tuple[str, ...]] = (
        "tm * tn * dsp_per_mac <= dsp",
        "2 * 4 * tm * tn <= weight_buffer_bytes",
        "input_buffer_bytes + weight_buffer_bytes + output_buffer_bytes <= bram * 2304",
    )
    Cost: ClassVar[type[NamedTuple]] = Cost
    derived: ClassVar[tuple[str, ...]] = (
        "peak_macs_per_cycle", "bytes_per_cycle", "cycles_per_byte", "input_half_elements", "output_half_elements",
        "board_pj_per_cycle", "dram_pj_per_byte",
    )  # fmt: skip
    prepare = staticmethod(prepare)
    cost = staticmethod(cost)
    walk = staticmethod(walk)
    logged_walk = staticmethod(logged_walk)
    fidelities: ClassVar[tuple[str, ...]] = ("closed", "tile")

    tm: int = parameter(64, unit="channels", low=1, high=4096, source="Zhang et al., Table 4: <64, 7>")
    tn: int = parameter(7, unit="channels", low=1, high=4096, source="Zhang et al., Table 4: <64, 7>")
    tr: int = parameter(64, unit="rows", low=1, high=65536, source="ours: bounded by the buffers, not by this")
    tc: int = parameter(64, unit="columns", low=1, high=65536, source="ours: bounded by the buffers, not by this")
    clock_hz: float = parameter(100e6, unit="Hz", low=1e6, high=2e9, source="Zhang et al., section 5.1")
    bandwidth_gbs: float = parameter(
        4.5, unit="GB/s", low=1e-3, high=1e9, source="Zhang et al., section 4.2 (recalled)"
    )
    pipeline_cycles: int = parameter(
        20,
        unit="cycles",
        low=0,
        high=10000,
        source="inferred: the one value that gives four rows of Zhang et al., Table 4",
    )
    input_buffer_bytes: int = parameter(
        393216, unit="B, both halves", low=64, high=2**31, source="ours, within the bram"
    )
    weight_buffer_bytes: int = parameter(
        524288, unit="B, both halves", low=64, high=2**31, source="ours, within the bram"
    )
    output_buffer_bytes: int = parameter(
        393216, unit="B, both halves", low=64, high=2**31, source="ours, within the bram"
    )
    dsp: int = parameter(2800, unit="DSP48E1", low=1, high=10**6, source="Virtex-7 VX485T, Zhang et al., Table 6")
    dsp_per_mac: int = parameter(
        5, unit="DSP48E1", low=1, high=100, source="Zhang et al., Table 6: 2240 DSP for 448 MACs"
    )
    bram: int = parameter(1024, unit="18 Kbit blocks", low=1, high=10**6, source="used of 2060: Zhang et al., Table 6")
    host_ops_per_cycle: float = parameter(
        1.0, unit="operations", low=1e-3, high=1e6, source="ours: pooling and element-wise work on the soft processor"
    )
    board_watts: float = parameter(
        17.48,
        unit="W",
        low=0,
        high=1000,
        source="18.61 W measured (Zhang et al., Table 7) less the energies counted beside it",
    )
    memory: str = parameter("ddr3-1600", choices=tuple(DRAM), source="VC707 board: DDR3-1600")

    @property
    def resources(self) -> dict[str, int]:
        buffers = self.input_buffer_bytes + self.weight_buffer_bytes + self.output_buffer_bytes
        return {"dsp": self.tm * self.tn * self.dsp_per_mac, "bram": -(-buffers // 2304)}

    @property
    def operands(self) -> str:
        return "float32"

    @property
    def process_nm(self) -> float | None:
        return 28.0

    def mapping(self, works: NDArray[Any]) -> dict[str, Any]:
        work = works[0]
        if work["follows"] == 1:
            return {"unit": "output buffer"}
        if work["kind"] not in (CONTRACT, RECURRENT):
            return {"unit": "dma" if work["kind"] == MOVE else "host"}
        rows, columns = _tiles(work, self.record)
        return {"tm": self.tm, "tn": self.tn, "tr": int(rows), "tc": int(columns)}

    def refusal(self, work: Any) -> str | None:
        if work["kind"] in (CONTRACT, RECURRENT) and _tiles(work, self.record)[1] < 1:
            held = f"input_buffer_bytes = {self.input_buffer_bytes}, output_buffer_bytes = {self.output_buffer_bytes}"
            return f"one pixel's window does not fit {held}"
        return None
