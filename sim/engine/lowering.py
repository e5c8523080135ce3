"""From a network to segments: the units of cost, each a run of flat work records.

A segment is one layer unless a machine fuses several. Records carry what `accel.work.Work` says, in float64 (exact for
counts below 2**53, and division is several times faster than on integers), with three facts only the graph knows.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.network import Network, Node
from accel.work import Kind, Work, to_records

CONTRACT, WINDOW, POINTWISE, RECURRENT, MOVE = (float(kind) for kind in Kind)

RECORD_DTYPE = np.dtype(
    [(f.name, np.float64) for f in fields(Work)]
    + [("follows", np.float64), ("outside_in", np.float64), ("outside_out", np.float64)]
)
"""A Work record as cost functions read it.

``follows`` is 1 where an element-wise operation with one input is the only reader of the contraction before it, so a
unit at that contraction's output can do it on the way; ``outside_in`` and ``outside_out`` count the elements of one
sample that come from the network's inputs or go to its outputs, which no cache can hold back from main memory.
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """A unit of cost: records ``first`` to ``last`` (exclusive) under one name."""

    name: str
    op: str
    first: int
    last: int


def lower(network: Network, batch: int) -> tuple[tuple[Segment, ...], NDArray[Any]]:
    """Return the segments of a network, one per layer that has work, and their records for ``batch`` samples."""
    readers = Counter(t for node in network for t in node.inputs)
    segments: list[Segment] = []
    works: list[Work] = []
    extras: list[tuple[float, float, float]] = []
    carries: set[str] = set()  # tensors that come straight from a contraction, element-wise operations included
    for node in network:
        own = network.work(node)
        if not own:
            continue
        follows = _follows(network, node, readers, carries)
        inside = _elements(network, node.inputs, network.inputs)
        out = _elements(network, node.outputs, network.outputs)
        segments.append(Segment(node.name, node.layer.op, len(works), len(works) + len(own)))
        for i, work in enumerate(own):
            straight = work.kind is Kind.POINTWISE and (follows if i == 0 else own[i - 1].kind is Kind.CONTRACT)
            extras.append((float(straight), float(inside * (i == 0)), float(out * (i == len(own) - 1))))
        works.extend(own)
        if follows or own[-1].kind is Kind.CONTRACT:
            carries.update(node.outputs)
    return tuple(segments), as_records(works, batch, extras)


def as_records(works: list[Work], batch: int, extras: list[tuple[float, float, float]] | None = None) -> NDArray[Any]:
    """Return Work as records of `RECORD_DTYPE` for ``batch`` samples; without ``extras`` nothing follows anything."""
    integers = to_records(works)
    records = np.zeros(len(works), dtype=RECORD_DTYPE)
    for name in integers.dtype.names or ():
        records[name] = integers[name]
    records["n"] *= batch
    for i, extra in enumerate(extras or ()):
        records[i]["follows"], records[i]["outside_in"], records[i]["outside_out"] = extra
    return records


def _elements(network: Network, tensors: tuple[str, ...], among: tuple[str, ...]) -> int:
    return sum(math.prod(network.tensors[t].shape) for t in set(tensors) if t in among)


def _follows(network: Network, node: Node, readers: Counter[str], carries: set[str]) -> bool:
    works = network.work(node)
    return (
        len(node.inputs) == 1
        and node.inputs[0] in carries
        and readers[node.inputs[0]] == 1
        and node.inputs[0] not in network.outputs
        and len(works) == 1
        and works[0].kind is Kind.POINTWISE
    )
