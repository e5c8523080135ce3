"""Fused-layer accelerator: layers computed in pyramids, so that maps between them never leave the chip (MICRO 2016).

A group of layers computes one output tile at a time, from the part of the input it depends on. Neighbouring tiles
overlap; the overlap is kept in buffers (reuse) or computed again (recompute). Layers outside a group run as on
`sim.fpga_tiled`, which the paper's baseline is.

References
----------
M. Alwani, H. Chen, M. Ferdman, P. Milder, "Fused-Layer CNN Accelerators", MICRO 2016.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from accel.errors import CapacityError, InputError, shown
from accel.network import Network
from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import CONTRACT, WINDOW, Segment, lower
from sim.engine.parameters import parameter
from sim.fpga_tiled import BRAM_PJ_PER_BYTE, ELEMENT_BYTES, MAC_PJ, Cost, FpgaTiled, cost, prepare

_REUSE, _RECOMPUTE = 0.0, 1.0


@jit
def _span(work: Any) -> tuple[float, float, float, float]:
    """Return rows and columns a window spans, and its strides."""
    rows = (work["r"] - 1) * work["dilation_h"] + 1
    columns = (work["s"] - 1) * work["dilation_w"] + 1
    return rows, columns, work["stride_h"], work["stride_w"]


@jit
def overlap_bytes(works: Any, tile: float) -> float:
    """Return the bytes that keep the overlap of neighbouring pyramids with a ``tile`` x ``tile`` output.

    For every layer but the first whose window exceeds its stride: K - S full rows of its input (BT) and K - S columns
    as high as its tile (BL). The first layer's overlap is read again from main memory.
    """
    total = 0.0
    rows = tile
    for i in range(len(works) - 1, 0, -1):
        work = works[i]
        span_r, span_s, u, v = _span(work)
        rows = (rows - 1) * u + span_r
        channels = work["ifmap"] / (work["h"] * work["w"])
        if span_r > u:
            total += (span_r - u) * work["w"] * channels * ELEMENT_BYTES
        if span_s > v:
            total += (span_s - v) * rows * channels * ELEMENT_BYTES
    return total


@jit
def _rows_computed(works: Any, layer: int, tile: float, across: int) -> float:
    """Return the output rows (columns, if ``across``) of a layer that all pyramids compute, overlaps repeated."""
    last = works[len(works) - 1]
    length = last["q"] if across else last["p"]
    total = 0.0
    for t in range(int(ceil_div(length, tile))):
        low, high = t * tile, min((t + 1) * tile, length)
        for i in range(len(works) - 1, layer, -1):
            work = works[i]
            span_r, span_s, u, v = _span(work)
            span, stride = (span_s, v) if across else (span_r, u)
            size = work["w"] if across else work["h"]
            out = work["q"] if across else work["p"]
            before = np.floor(max(0.0, (out - 1) * stride + span - size) / 2)
            low = max(0.0, low * stride - before)
            high = min(size, (high - 1) * stride + span - before)
        total += high - low
    return total


@jit
def pixels(works: Any, layer: int, tile: float, recompute: float) -> float:
    """Return the output positions layer ``layer`` of a group computes for one sample."""
    if recompute == _REUSE:
        return works[layer]["p"] * works[layer]["q"]
    return _rows_computed(works, layer, tile, 0) * _rows_computed(works, layer, tile, 1)


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
    if m["overlap"] == _RECOMPUTE:
        channels = first["ifmap"] / (first["h"] * first["w"])
        inputs = n * channels * _rows_computed(works, -1, tile, 0) * _rows_computed(works, -1, tile, 1)
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


def traffic_bytes(works: NDArray[Any]) -> float:
    """Return the bytes of feature maps one sample of a group moves: the first layer's input and the last's output."""
    return float((works[0]["ifmap"] + works[-1]["ofmap"]) * ELEMENT_BYTES)


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to cut a chain of layers into groups.

    Attributes
    ----------
    sizes : tuple of int
        Layers of each group.
    storage_bytes, traffic_bytes : float
        Overlap buffers of all groups; feature maps moved for one sample.
    """

    sizes: tuple[int, ...]
    storage_bytes: float
    traffic_bytes: float


def grouping(works: NDArray[Any], sizes: tuple[int, ...], tile: int) -> Grouping:
    """Return the grouping of a chain of layers, one record each, into groups of ``sizes``."""
    edges = np.cumsum([0, *sizes])
    groups = [works[a:b] for a, b in itertools.pairwise(edges)]
    storage = sum(float(overlap_bytes(group, float(tile))) for group in groups)
    return Grouping(sizes, storage, sum(traffic_bytes(group) for group in groups))


def front(works: NDArray[Any], tile: int, weight_bytes: float = np.inf) -> list[Grouping]:
    """Return every grouping of a chain that no other beats in both storage and traffic, least storage first.

    Groups of more than one layer whose weights exceed ``weight_bytes`` are left out. All 2**(layers - 1) groupings are
    covered: cutting a chain at any place leaves two independent problems, so dominated beginnings can be dropped.
    """
    best: list[list[Grouping]] = [[Grouping((), 0.0, 0.0)]]
    for end in range(1, len(works) + 1):
        found: list[Grouping] = []
        for start in range(end):
            group = works[start:end]
            if end - start > 1 and group["weight"].sum() * ELEMENT_BYTES > weight_bytes:
                continue
            storage, traffic = float(overlap_bytes(group, float(tile))), traffic_bytes(group)
            for g in best[start]:
                found.append(Grouping((*g.sizes, end - start), g.storage_bytes + storage, g.traffic_bytes + traffic))
        best.append(_undominated(found))
    return best[-1]


def _undominated(found: list[Grouping]) -> list[Grouping]:
    kept: list[Grouping] = []
    for g in sorted(found, key=lambda g: (g.storage_bytes, g.traffic_bytes, len(g.sizes))):
        if not kept or g.traffic_bytes < kept[-1].traffic_bytes:
            kept.append(g)
    return kept


@dataclass(frozen=True, kw_only=True)
class Fused(FpgaTiled):
    """Alwani et al.'s accelerator: the tiled baseline, and groups of layers fused."""

    name: ClassVar[str] = "fused"
    summary: ClassVar[str] = (
        "layers fused in pyramids on an FPGA, the tiled accelerator elsewhere (Alwani et al., MICRO 2016)"
    )
    buffers: ClassVar[tuple[str, ...]] = (*FpgaTiled.buffers, "storage_bytes", "fused_weight_bytes")
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
    pipeline_cycles: int = parameter(
        0, unit="cycles", low=0, high=10000, source="Alwani et al.: the baseline's cycles have none"
    )

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
        return {"layers": len(stages), "tile": self.tile, "overlap_bytes": int(overlap_bytes(stages, float(self.tile)))}

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
                f"fused groups {shown(self.groups)} need {needed:,.0f} bytes for overlaps; "
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
