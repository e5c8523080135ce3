"""Our figures beside those of Alwani et al., MICRO 2016: layers as ``{n, m, hw, k, s, pad}``; a pool has no ``m``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from accel.work import Kind, Work
from sim.engine.lowering import as_records
from sim.engine.pyramids import front, grouping, pixels
from sim.fused import Fused, group_cost

Layer = Mapping[str, int]


def works(layers: Sequence[Layer]) -> NDArray[Any]:
    """Return a chain of layers as work records."""
    return as_records([_work(layer) for layer in layers], 1)


def _work(layer: Layer) -> Work:
    n, hw, k, s = (layer[name] for name in ("n", "hw", "k", "s"))
    rc = (hw + 2 * layer.get("pad", 0) - k) // s + 1
    if "m" not in layer:
        return Work(
            kind=Kind.WINDOW, g=n, p=rc, q=rc, r=k, s=k, stride_h=s, stride_w=s, h=hw, w=hw,
            ifmap=n * hw * hw, ofmap=n * rc * rc, ops=n * rc * rc * k * k,
        )  # fmt: skip
    m = layer["m"]
    return Work(
        kind=Kind.CONTRACT, m=m, c=n, p=rc, q=rc, r=k, s=k, stride_h=s, stride_w=s, h=hw, w=hw,
        macs=m * n * rc * rc * k * k, ifmap=n * hw * hw, weight=m * n * k * k, ofmap=m * rc * rc,
    )  # fmt: skip


def traffic_mib(layers: Sequence[Layer], groups: Sequence[int]) -> float:
    """Return the MiB of feature maps moved for one image."""
    return grouping(works(layers), tuple(groups), 1).traffic_bytes / 2**20


def storage_kib(layers: Sequence[Layer], groups: Sequence[int]) -> float:
    """Return the KiB of buffers between fused layers, pyramids ending in one pixel."""
    return grouping(works(layers), tuple(groups), 1).storage_bytes / 2**10


def on_front(layers: Sequence[Layer], groups: Sequence[int]) -> float:
    """Return 1 if no grouping beats this one in both storage and traffic, else 0."""
    ours = grouping(works(layers), tuple(groups), 1)
    return any(
        (g.storage_bytes, g.traffic_bytes) == (ours.storage_bytes, ours.traffic_bytes) for g in front(works(layers), 1)
    )


def baseline_cycles(layers: Sequence[Layer]) -> float:
    """Return the cycles of computing the convolutions one after another on the tiled baseline, pipelines full."""
    machine = Fused(pipeline_cycles=0)
    return sum(Fused.cost(work, machine.record).compute_cycles for work in works(layers) if work["macs"])


def fused_over_baseline(layers: Sequence[Layer]) -> float:
    """Return the cycles of the whole chain fused over those of the baseline, with as many multipliers."""
    return group_cost(works(layers), Fused().record).compute_cycles / baseline_cycles(layers)


def recompute_ratio(layers: Sequence[Layer], tile: int) -> float:
    """Return MACs with overlaps computed again over MACs without, all layers fused."""
    chain = works(layers)
    again = sum(
        pixels(chain, i, float(tile), 1.0) / (w["p"] * w["q"]) * w["macs"] for i, w in enumerate(chain) if w["macs"]
    )
    return float(again / sum(w["macs"] for w in chain))
