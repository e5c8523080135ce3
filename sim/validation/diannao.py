"""Our figures beside those of Chen et al., ASPLOS 2014.

Layers are ``{nx, ny, kx, ky, ni, no}`` in the paper's letters, stride 1; with ``pool = stride`` a pooling layer, with
``private = 1`` kernels that are not shared between positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accel.work import Kind, Work
from sim.diannao import BLOCK_MILLIWATTS, BLOCK_UM2, Cost, Diannao
from sim.engine.lowering import as_records
from sim.simd import Simd

Layer = Mapping[str, int]


def work(layer: Layer) -> Work:
    """Return a layer of the paper's Table 1 as Work."""
    nx, ny, kx, ky, ni = (layer[name] for name in ("nx", "ny", "kx", "ky", "ni"))
    stride = layer.get("pool", 1)
    p, q = -(-(ny - ky + 1) // stride), -(-(nx - kx + 1) // stride)
    if "pool" in layer:
        return Work(
            kind=Kind.WINDOW, g=ni, p=p, q=q, r=ky, s=kx, stride_h=stride, stride_w=stride, h=ny, w=nx,
            ifmap=ni * nx * ny, ofmap=ni * p * q, ops=ni * p * q * kx * ky,
        )  # fmt: skip
    no = layer["no"]
    weights = no * ni * kx * ky * (p * q if layer.get("private") else 1)
    return Work(
        kind=Kind.CONTRACT, m=no, c=ni, p=p, q=q, r=ky, s=kx, h=ny, w=nx, macs=no * ni * p * q * kx * ky,
        ifmap=ni * nx * ny, weight=weights, ofmap=no * p * q,
    )  # fmt: skip


def _cost(layer: Layer) -> Cost:
    return Diannao.cost(as_records([work(layer)], 1)[0], Diannao().record)


def nfu_cycles(layer: Layer) -> float:
    """Return the cycles the NFU works on a layer."""
    return _cost(layer).compute_cycles


def stretch(layer: Layer) -> float:
    """Return the cycles of a layer over those the NFU works: 1 where main memory keeps up."""
    priced = _cost(layer)
    return priced.cycles / priced.compute_cycles


def synapse_mib(layer: Layer) -> float:
    """Return the MiB of a layer's weights."""
    return work(layer).weight * 2 / 2**20


def speedup(layers: Sequence[Layer]) -> float:
    """Return the mean over ``layers`` of the SIMD core's time over DianNao's."""
    core, accelerator = Simd(), Diannao()
    ratios: list[float] = []
    for layer in layers:
        record = as_records([work(layer)], 1)[0]
        slow = Simd.cost(record, core.record).cycles / core.clock_hz
        ratios.append(slow / (_cost(layer).cycles / accelerator.clock_hz))
    return sum(ratios) / len(ratios)


def dram_energy_share(layers: Sequence[Layer]) -> float:
    """Return the share of main memory in the energy of ``layers``."""
    costs = [_cost(layer) for layer in layers]
    every: Any = [sum(v for f, v in zip(c._fields, c, strict=True) if f.startswith("pj_")) for c in costs]
    return sum(c.pj_dram for c in costs) / sum(every)


def area_um2() -> float:
    """Return the sum of the blocks' areas, as the default machine states it."""
    area = Diannao().area_mm2
    assert area is not None
    assert sum(BLOCK_UM2.values()) == round(area * 1e6)
    return round(area * 1e6)


def milliwatts() -> float:
    """Return the sum of the blocks' powers."""
    return sum(BLOCK_MILLIWATTS.values())


def buffer_kib() -> float:
    """Return the size of the three buffers."""
    machine = Diannao()
    return (machine.nbin_bytes + machine.sb_bytes + machine.nbout_bytes) / 1024


def sb_gib_per_second() -> float:
    """Return the rate at which the NFU reads weights from SB when never stalled."""
    machine = Diannao()
    return machine.tn * machine.ti * 2 * machine.clock_hz / 2**30


def ops_per_cycle(nfu3: bool) -> float:
    """Return operations per cycle of NFU-1 and NFU-2, and of NFU-3's Tn multipliers and Tn adders if wanted."""
    machine = Diannao()
    return machine.ops_per_cycle + 2 * machine.tn * nfu3


def gops() -> float:
    """Return the peak rate of NFU-1 and NFU-2 in 10^9 operations a second."""
    machine = Diannao()
    return machine.ops_per_cycle * machine.clock_hz * 1e-9
