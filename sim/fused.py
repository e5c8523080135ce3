"""Fused-layer accelerator: layers computed in pyramids, so that maps between them never leave the chip (MICRO 2016).

A group of layers computes one output tile at a time, from the part of the input it depends on. Neighbouring tiles
overlap; the overlap is kept in buffers (reuse) or computed again (recompute). Layers outside a group run as on
`sim.fpga_tiled`, which the paper's baseline is.

References
----------
M. Alwani, H. Chen, M. Ferdman, P. Milder, "Fused-Layer CNN Accelerators", MICRO 2016.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from accel.errors import CapacityError, InputError, shown
from accel.network import Network
from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import CONTRACT, WINDOW, Segment, lower
from sim.engine.lowering import FLOAT32_BYTES as ELEMENT_BYTES
from sim.engine.parameters import parameter
from sim.engine.pyramids import RECOMPUTE, front, grouping, pixels, rows_computed, storage_bytes
from sim.fpga_tiled import BRAM_PJ_PER_BYTE, MAC_PJ, Cost, FpgaTiled, cost, prepare


@jit
def _units_for(work: Any, passes: float) -> float:
    """Return the fewest multipliers that compute a pixel and kernel position in at most ``passes`` cycles.

    Output and input channels are unrolled; of a depthwise convolution, groups.
    """
    outputs = work["g"] if work["c"] == 1 and work["m"] == 1 else work["m"]
    fewest = outputs * work["c"]
    for tm in range(1, int(outputs) + 1):
        left = np.floor(passes / ceil_div(outputs, tm))
        if left >= 1:
            fewest = min(fewest, tm * ceil_div(work["c"], left))
    return fewest


@jit
def _serial(work: Any) -> float:
    """Return the steps of a pixel that are not unrolled: kernel positions, and groups that are not depthwise."""
    groups = 1.0 if work["c"] == 1 and work["m"] == 1 else work["g"]
    return groups * work["r"] * work["s"]


@jit
def _bottleneck(works: Any, tile: float, recompute: float, multipliers: float) -> float:
    """Return the cycles of the slowest layer of a group whose layers share ``multipliers`` as evenly as can be."""
    longest = 0.0
    for layer in range(len(works)):
        work = works[layer]
        if work["kind"] == CONTRACT:
            each = pixels(works, layer, tile, recompute) * work["g"] * work["r"] * work["s"]
            longest = max(longest, each * work["m"] * work["c"])
    low, high = 0.0, longest * len(works)
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        needed = 0.0
        for layer in range(len(works)):
            work = works[layer]
            if work["kind"] == CONTRACT:
                each = pixels(works, layer, tile, recompute) * _serial(work)
                if middle < each:
                    needed = multipliers + 1
                    break
                needed += _units_for(work, np.floor(middle / each))
        if needed <= multipliers:
            high = middle
        else:
            low = middle
    return np.floor(high)


@jit
def group_cost(works: Any, m: Any) -> Cost:
    """Return what a fused group costs: a pipeline of layers, one pyramid after another.

    Weights of the whole group stay on chip if they fit, else every pyramid loads them again. The first pyramid fills
    the pipeline, and its input and the last pyramid's output cannot be overlapped.
    """
    first, last = works[0], works[len(works) - 1]
    n, tile = first["n"], m["tile"]
    pyramids = ceil_div(last["p"], tile) * ceil_div(last["q"], tile)
    slowest = n * _bottleneck(works, tile, m["overlap"], m["tm"] * m["tn"])
    computing = slowest + (len(works) - 1) * slowest / (n * pyramids)

    macs, weights = 0.0, 0.0
    for layer in range(len(works)):
        macs += n * works[layer]["macs"]
        weights += works[layer]["weight"]
    if weights * ELEMENT_BYTES > m["fused_weight_bytes"]:
        weights *= n * pyramids
    inputs = n * first["ifmap"]
    if m["overlap"] == RECOMPUTE:
        channels = first["ifmap"] / (first["h"] * first["w"])
        inputs = n * channels * rows_computed(works, -1, tile, 0) * rows_computed(works, -1, tile, 1)
    outputs = n * last["ofmap"]
    dram = (inputs + weights + outputs) * ELEMENT_BYTES
    moving = dram / m["bytes_per_cycle"]
    filling = (inputs + outputs) / (n * pyramids) * ELEMENT_BYTES / m["bytes_per_cycle"]
    cycles = np.ceil(max(computing, moving) + filling)
    buffers = (2 * macs / m["tn"] + macs) * ELEMENT_BYTES
    return Cost(
        macs, cycles, computing, 1.0, filling, cycles - computing - filling, dram, buffers,
        macs * MAC_PJ, buffers * BRAM_PJ_PER_BYTE, dram * m["dram_pj_per_byte"], cycles * m["board_pj_per_cycle"],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fused(FpgaTiled):
    """Alwani et al.'s accelerator: the tiled baseline, and groups of layers fused."""

    name: ClassVar[str] = "fused"
    summary: ClassVar[str] = (
        "layers fused in pyramids on an FPGA, the tiled accelerator elsewhere (Alwani et al., MICRO 2016)"
    )
    buffers: ClassVar[tuple[str, ...]] = (*FpgaTiled.buffers, "storage_bytes", "fused_weight_bytes")
    trains: ClassVar[bool] = False  # the backward pass needs the maps that never leave the chip
    sweepable: ClassVar[bool] = False
    limits: ClassVar[tuple[str, ...]] = (
        *FpgaTiled.limits[:2],
        "input_buffer_bytes + weight_buffer_bytes + output_buffer_bytes + storage_bytes + fused_weight_bytes"
        " <= bram * 2304",
    )
    prepare = staticmethod(prepare)
    cost = staticmethod(cost)
    fidelities: ClassVar[tuple[str, ...]] = ("closed",)

    tn: int = parameter(9, unit="channels", low=1, high=4096, source="Alwani et al.: <64, 9> for VGG (recalled)")
    dsp: int = parameter(3600, unit="DSP48E1", low=1, high=10**6, source="Virtex-7 VX690T")
    bram: int = parameter(2940, unit="18 Kbit blocks", low=1, high=10**6, source="Virtex-7 VX690T")
    groups: str = parameter(
        "auto",
        unit="layers",
        source="auto: least traffic within storage_bytes; none; or sizes such as 3,1,2,1 for every chain",
    )
    tile: int = parameter(
        1, unit="rows and columns", low=1, high=4096, source="Alwani et al., section IV: the pyramid's tip"
    )
    overlap: str = parameter("reuse", choices=("reuse", "recompute"), source="Alwani et al., section III-C")
    storage_bytes: int = parameter(524288, unit="B", low=0, high=2**31, source="ours, within the bram")
    fused_weight_bytes: int = parameter(3 << 20, unit="B", low=0, high=2**31, source="ours, within the bram")

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.group_sizes

    @property
    def group_sizes(self) -> tuple[int, ...] | None:
        """The sizes `groups` lists, or ``None`` for a word."""
        if self.groups in ("auto", "none"):
            return None
        try:
            sizes = tuple(int(part) for part in self.groups.split(","))
        except ValueError:
            sizes = ()
        if not sizes or min(sizes) < 1:
            raise InputError(f"fused groups must be auto, none or sizes such as 3,1,2,1, not {shown(self.groups)}")
        return sizes

    @property
    def resources(self) -> dict[str, int]:
        kept = self.storage_bytes + self.fused_weight_bytes
        given = super().resources
        return given | {"bram": given["bram"] + -(-kept // 2304)}

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"overlap of pyramids by {self.overlap}, groups: {self.groups}",)

    def segments(self, network: Network, batch: int) -> tuple[tuple[Segment, ...], NDArray[Any]]:
        segments, works = lower(network, batch)
        merged: list[Segment] = []
        for chain in _chains(network, segments, works):
            at = 0
            for size in self._cut(works, chain):
                group = [segment for stage in chain[at : at + size] for segment in stage]
                at += size
                if size == 1:
                    merged += group
                else:
                    name = f"{group[0].name}..{group[-1].name}"
                    merged.append(Segment(name, "Fused", group[0].first, group[-1].last))
        return tuple(merged), works

    def priced(self, works: NDArray[Any], fidelity: str) -> list[Any]:
        stages = _stages(works)
        return [group_cost(stages, self.record)] if len(stages) > 1 else super().priced(works, fidelity)

    def mapping(self, works: NDArray[Any]) -> dict[str, Any]:
        stages = _stages(works)
        if len(stages) < 2:
            return super().mapping(works)
        return {"layers": len(stages), "tile": self.tile, "storage_bytes": int(storage_bytes(stages, float(self.tile)))}

    def _cut(self, works: NDArray[Any], chain: list[list[Segment]]) -> tuple[int, ...]:
        """Return the sizes of the groups a chain is cut into."""
        own = works[[stage[0].first for stage in chain]]
        sizes = self.group_sizes
        if self.groups == "none" or len(chain) == 1:
            return (1,) * len(chain)
        if sizes is None:
            within = [
                g for g in front(own, self.tile, self.fused_weight_bytes) if g.storage_bytes <= self.storage_bytes
            ]
            return min(within, key=lambda g: g.traffic_bytes).sizes
        sizes = sizes + (1,) * (len(chain) - sum(sizes))
        if sum(sizes) > len(chain):
            raise InputError(
                f"fused groups {shown(self.groups)} must cover at most the {len(chain)} layers from "
                f"{shown(chain[0][0].name)} to {shown(chain[-1][0].name)}, not {sum(sizes)}"
            )
        needed = grouping(own, sizes, self.tile).storage_bytes
        if self.overlap == "reuse" and needed > self.storage_bytes:
            raise CapacityError(
                f"fused groups {shown(self.groups)} need {needed:,.0f} bytes between their layers; "
                f"storage_bytes holds {self.storage_bytes:,}"
            )
        return sizes


def _stages(works: NDArray[Any]) -> NDArray[Any]:
    """Return the convolutions and pools of a segment if there is nothing else in it that costs anything."""
    windows = np.isin(works["kind"], (CONTRACT, WINDOW))
    return works[windows] if np.all(windows | (works["follows"] == 1)) else works[:0]


def _chains(network: Network, segments: tuple[Segment, ...], works: NDArray[Any]) -> list[list[list[Segment]]]:
    """Return runs of stages that can be fused; a stage is a convolution or pool and what is done on its way out.

    A stage joins the run before it if it reads only that run's output and is its only reader. Any other segment is a
    run of its own.
    """
    nodes = {node.name: node for node in network}
    readers = Counter(t for node in network for t in node.inputs)
    chains: list[list[list[Segment]]] = []
    fusable = False  # whether the last run may be joined
    for segment in segments:
        node, work = nodes[segment.name], works[segment.first]
        image = segment.last - segment.first == 1 and work["kind"] in (CONTRACT, WINDOW) and work["h"] * work["w"] > 1
        linked = False
        if fusable:
            link = nodes[chains[-1][-1][-1].name].outputs[0]
            linked = node.inputs == (link,) and readers[link] == 1 and link not in network.outputs
        if linked and image:
            chains[-1].append([segment])
        elif linked and work["follows"] == 1:
            chains[-1][-1].append(segment)
        else:
            chains.append([[segment]])
            fusable = bool(image)
    return chains
