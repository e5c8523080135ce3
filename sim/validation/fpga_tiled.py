"""Our figures beside those of Zhang et al., FPGA 2015: layers as ``{n, m, rc, k, s}`` in the paper's letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accel.work import Kind, Work
from sim.engine.lowering import as_records
from sim.engine.search import Grid
from sim.engine.sweep import TOTALS
from sim.fpga_tiled import Cost, FpgaTiled

Layer = Mapping[str, int]


def work(layer: Layer) -> Work:
    """Return a layer of the paper's table as Work; the input holds just the pixels its windows cover."""
    n, m, rc, k, s = (layer[letter] for letter in ("n", "m", "rc", "k", "s"))
    side = (rc - 1) * s + k
    return Work(
        kind=Kind.CONTRACT, m=m, c=n, p=rc, q=rc, r=k, s=k, stride_h=s, stride_w=s, h=side, w=side,
        macs=m * n * rc * rc * k * k, ifmap=n * side * side, weight=m * n * k * k, ofmap=m * rc * rc,
    )  # fmt: skip


def cost(layer: Layer, **parameters: float) -> Cost:
    """Return what a layer costs on the published design with ``parameters`` overridden."""
    machine = FpgaTiled().with_parameters(**parameters)
    return FpgaTiled.cost(as_records([work(layer)], 1)[0], machine.record)


def cycles(layers: Sequence[Layer], **parameters: float) -> float:
    """Return the cycles of computing ``layers``, transfers apart, as the paper's cycle table counts them."""
    return sum(cost(layer, **parameters).compute_cycles for layer in layers)


def optimal_cycles(layer: Layer, macs: int, pipeline_cycles: int) -> float:
    """Return the fewest cycles of any <Tm, Tn> with at most ``macs`` multipliers: the paper's exhaustive search."""
    return float(_computing([layer], macs, pipeline_cycles).min())


def common_optimal_cycles(
    layers: Sequence[Layer], macs: int, pipeline_cycles: int, first_pipeline_cycles: int
) -> float:
    """Return the fewest cycles any one <Tm, Tn> takes for all ``layers``; the first has a pipeline depth of its own."""
    first = _computing(layers[:1], macs, first_pipeline_cycles)
    return float((first + _computing(layers[1:], macs, pipeline_cycles)).min())


def _computing(layers: Sequence[Layer], macs: int, pipeline_cycles: int) -> NDArray[np.float64]:
    """Return the computing cycles of ``layers`` for every <Tm, Tn> within ``macs`` multipliers."""
    grid = Grid(
        FpgaTiled(pipeline_cycles=pipeline_cycles),
        {"tm": range(1, macs + 1), "tn": range(1, macs + 1)},
        (f"tm * tn <= {macs}",),
    )
    at = TOTALS.index("compute_cycles")
    records = as_records([work(layer) for layer in layers], 1)
    return np.concatenate([c.totals[c.feasible, at] for c in grid.priced(records, np.ones(len(layers)))])


def milliseconds(layers: Sequence[Layer], sets: int) -> float:
    """Return the time of ``layers``, each run ``sets`` times, in milliseconds."""
    return sum(cost(layer).cycles for layer in layers) * sets / FpgaTiled().clock_hz * 1e3


def walked_milliseconds(layers: Sequence[Layer], sets: int) -> float:
    """Return the same from the tile-level walk."""
    machine = FpgaTiled()
    records = as_records([work(layer) for layer in layers], 1)
    return sum(FpgaTiled.walk(record, machine.record).cycles for record in records) * sets / machine.clock_hz * 1e3


def gflops(layers: Sequence[Layer], sets: int) -> float:
    """Return the rate over ``layers``, a multiply and an add counted as two."""
    return sum(2 * work(layer).macs for layer in layers) * sets / milliseconds(layers, sets) * 1e-6


def bandwidth_gbs(layer: Layer) -> float:
    """Return the GB/s of main memory that keep the array busy: bytes moved over the time of computing."""
    priced = cost(layer)
    return priced.bytes_dram / (priced.compute_cycles / FpgaTiled().clock_hz) * 1e-9


def dsp_blocks() -> float:
    """Return the DSP blocks of the published design's multipliers and adders."""
    return FpgaTiled().resources["dsp"]


def watts(layers: Sequence[Layer]) -> float:
    """Return the mean power over ``layers``."""
    costs = [cost(layer) for layer in layers]
    seconds = sum(c.cycles for c in costs) / FpgaTiled().clock_hz
    return sum(c.pj_mac + c.pj_buffers + c.pj_dram + c.pj_board for c in costs) * 1e-12 / seconds
