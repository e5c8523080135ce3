"""From a network to segments: the units of cost, each a run of flat work records.

A segment is one layer unless a machine fuses several. Records carry what `accel.work.Work` says, in float64 (exact for
counts below 2**53, and division is several times faster than on integers), with three facts only the graph knows.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel import training
from accel.network import Network, Node
from accel.work import Kind, Work, to_records

CONTRACT, WINDOW, POINTWISE, RECURRENT, MOVE = (float(kind) for kind in Kind)
FLOAT32_BYTES, INT16_BYTES = 4.0, 2.0
"""Of an operand, as cost functions count them."""

RECORD_DTYPE = np.dtype(
    [(f.name, np.float64) for f in fields(Work)]
    + [("follows", np.float64), ("outside_in", np.float64), ("outside_out", np.float64)]
)
"""A Work record as cost functions read it.

``follows`` is 1 for element-wise work of at most two operations an element (an activation, a folded normalisation)
that is the only reader of the contraction before it, so a unit at that contraction's output can do it on the way.
``outside_in`` and ``outside_out`` count the elements of one sample that come from the network's inputs or go to its
outputs, which no cache can hold back from main memory; work that follows leaves them to its contraction.
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
    entering, leaving = _outside(network)
    segments: list[Segment] = []
    works: list[Work] = []
    extras: list[list[float]] = []  # follows, outside_in, outside_out
    source: dict[str, int] = {}  # tensor -> the contraction it comes straight from, work that follows included
    for node in network:
        own = network.work(node)
        if not own:
            continue
        segments.append(Segment(node.name, node.layer.op, len(works), len(works) + len(own)))
        straight = _straight_from(network, node, readers, source)
        for i, work in enumerate(own):
            if i > 0:
                straight = len(works) - 1 if own[i - 1].kind is Kind.CONTRACT else None
            follows = straight is not None and work.kind is Kind.POINTWISE and work.ops <= 2 * work.ofmap
            outside_in = _elements(network, node.inputs, entering) if i == 0 else 0
            outside_out = _elements(network, node.outputs, leaving) if i == len(own) - 1 else 0
            if follows and straight is not None:
                extras[straight][2] += outside_out
                extras.append([1.0, 0.0, 0.0])
            else:
                extras.append([0.0, outside_in, outside_out])
                straight = len(works) if work.kind is Kind.CONTRACT else None
            works.append(work)
        if straight is not None:
            source.update(dict.fromkeys(node.outputs, straight))
    return tuple(segments), as_records(works, batch, extras)


def lower_training(network: Network, batch: int) -> tuple[tuple[Segment, ...], NDArray[Any]]:
    """Return the segments of a training step, see `accel.training`, and their records for ``batch`` samples.

    What the forward pass computes goes to main memory, where the backward pass finds it.

    Raises
    ------
    UnsupportedError
        If the network holds integers.
    """
    back = training.backward(network, batch)
    segments, records = lower(network, batch)
    computed = records["follows"] == 0
    records["outside_out"][computed] = np.maximum(records["outside_out"], records["ofmap"])[computed]
    backward: list[Segment] = []
    for (node, what), steps in itertools.groupby(back, key=lambda step: (step.node, step.what)):
        first = backward[-1].last if backward else len(records)
        backward.append(Segment(f"{node.name}: {what}", node.layer.op, first, first + len(list(steps))))
    extras = [[0.0, float(step.saved), float(step.kept)] for step in back]
    return (*segments, *backward), np.concatenate([records, as_records([step.work for step in back], 1, extras)])


def as_records(works: list[Work], batch: int, extras: list[list[float]] | None = None) -> NDArray[Any]:
    """Return Work as records of `RECORD_DTYPE` for ``batch`` samples; without ``extras`` nothing follows anything."""
    integers = to_records(works)
    records = np.zeros(len(works), dtype=RECORD_DTYPE)
    for name in integers.dtype.names or ():
        records[name] = integers[name]
    records["n"] *= batch
    for i, extra in enumerate(extras or ()):
        records[i]["follows"], records[i]["outside_in"], records[i]["outside_out"] = extra
    return records


def _outside(network: Network) -> tuple[set[str], set[str]]:
    """Return the tensors that hold the network's inputs and those that hold its outputs, relabelled ones included."""
    relabelling = [node for node in network if all(w.ifmap == 0 and w.ofmap == 0 for w in network.work(node))]
    entering, leaving = set(network.inputs), set(network.outputs)
    for node in relabelling:
        if entering.issuperset(node.inputs):
            entering.update(node.outputs)
    for node in reversed(relabelling):
        if leaving.issuperset(node.outputs):
            leaving.update(node.inputs)
    return entering, leaving


def _elements(network: Network, tensors: tuple[str, ...], among: set[str]) -> int:
    return sum(math.prod(network.tensors[t].shape) for t in set(tensors) if t in among)


def _straight_from(network: Network, node: Node, readers: Counter[str], source: dict[str, int]) -> int | None:
    """Return the record of the contraction whose result ``node`` alone reads, if it reads nothing else."""
    if len(node.inputs) != 1 or readers[node.inputs[0]] != 1 or node.inputs[0] in network.outputs:
        return None
    return source.get(node.inputs[0])
