"""The graph of a model, checked and in execution order: what every later step of the import stands on."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from accel.cell import METADATA_PREFIX
from accel.errors import AccelError, ModelError, shown
from accel.limits import MAX_NODES
from accel.onnx_import.attributes import Attributes, checked_text, text_of
from accel.onnx_import.reading import Source, opset_of
from accel.onnx_import.tensors import TensorReader, element_type

CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
DOMAINS = {"": "", "ai.onnx": "", "com.microsoft": "com.microsoft."}
"""Supported operator domains, each with the prefix its operators carry here."""


@dataclass(slots=True)
class RawNode:
    """One ONNX node.

    Attributes
    ----------
    name : str
        Unique in the graph; made from the operator where the model gives none.
    op : str
        The operator, with its domain in front unless that is the default one.
    inputs, outputs : list of str
        Tensor names; empty for an optional one that is left out.
    attributes : Attributes
    """

    name: str
    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: Attributes

    def __str__(self) -> str:
        return f"node {shown(self.name)} ({self.op})"


@dataclass(frozen=True, slots=True)
class GraphInput:
    """A graph input as declared: its name, element type and dimensions, an int or a symbolic name each."""

    name: str
    dtype: np.dtype[Any]
    bits: int
    dims: tuple[int | str, ...]


@dataclass(slots=True)
class Graph:
    """A checked graph: every name unique, every read written, nodes in execution order, only live ones.

    Attributes
    ----------
    name : str
    opset : int
    inputs : list of GraphInput
    outputs : list of str
    constants : dict of str to (array, bits)
        The initialisers.
    nodes : list of RawNode
    reader : TensorReader
        For tensors in attributes.
    cells : dict of str to str
        What the metadata says of recurrent nodes, by their names; see `accel.cell`.
    dropped : int
        Nodes left out because no output depends on them.
    """

    name: str
    opset: int
    inputs: list[GraphInput]
    outputs: list[str]
    constants: dict[str, tuple[NDArray[Any], int]]
    nodes: list[RawNode]
    reader: TensorReader
    cells: dict[str, str] = field(default_factory=dict[str, str])
    dropped: int = 0


@contextmanager
def naming(node: object) -> Generator[None]:
    """Put the node in front of every refusal raised inside."""
    try:
        yield
    except AccelError as error:
        raise type(error)(f"{node}: {error}") from None


def graph_of(source: Source) -> Graph:
    """Return the checked graph of a model.

    Raises
    ------
    ModelError
        If the model has functions, subgraphs, unknown domains, repeated, dangling or unusable names, cycles, or more
        nodes than the limit.
    """
    model = source.model
    proto = model.graph
    if len(proto.node) > MAX_NODES:
        raise ModelError(
            f"a graph must have at most {MAX_NODES:,} nodes (accel.limits.MAX_NODES), not {len(proto.node):,}"
        )
    if model.functions:
        raise ModelError("a model must not define functions of its own; inline them with onnx.inliner")
    if proto.sparse_initializer:
        raise ModelError("sparse initialisers are not supported; store the tensors dense")
    opset = opset_of(model)
    reader = TensorReader(source.folder)
    constants: dict[str, tuple[NDArray[Any], int]] = {}
    for tensor in proto.initializer:
        name = text_of(tensor, "name", "an initialiser's name")
        if not name or name in constants:
            raise ModelError(f"initialiser names must be unique and not empty, not {shown(name)} twice")
        constants[name] = reader.read(tensor, f"initialiser {shown(name)}")
    inputs = _inputs(proto, constants)
    outputs = [text_of(value, "name", "a graph output's name") for value in proto.output]
    if not inputs or not outputs:
        raise ModelError("a graph must have at least one input and one output")
    if len(set(outputs)) != len(outputs):
        raise ModelError("graph outputs must have different names")
    nodes = _nodes(proto)
    known = {i.name for i in inputs} | constants.keys()
    ordered = _ordered(nodes, known, outputs)
    live = _live(ordered, outputs)
    name = source.name or text_of(proto, "name", "the graph's name") or "network"
    keyed = [entry for entry in model.metadata_props if entry.key.startswith(METADATA_PREFIX)]
    cells = {text_of(entry, "key", "a metadata key").removeprefix(METADATA_PREFIX): entry.value for entry in keyed}
    return Graph(name, opset, inputs, outputs, constants, live, reader, cells, len(ordered) - len(live))


def _inputs(proto: onnx.GraphProto, constants: dict[str, Any]) -> list[GraphInput]:
    inputs: list[GraphInput] = []
    seen: set[str] = set()
    for value in proto.input:
        name = text_of(value, "name", "a graph input's name")
        if not name or name in seen:
            raise ModelError(f"graph inputs must have different names, not {shown(name)} twice")
        seen.add(name)
        if name in constants:
            continue
        if value.type.WhichOneof("value") != "tensor_type":
            raise ModelError(f"graph input {shown(name)} must be a tensor")
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            raise ModelError(f"graph input {shown(name)} must declare its shape")
        element = element_type(tensor.elem_type, f"graph input {shown(name)}")
        dims = tuple(_dim(d, name, axis) for axis, d in enumerate(tensor.shape.dim))
        inputs.append(GraphInput(name, element.dtype, element.bits, dims))
    return inputs


def _dim(dim: onnx.TensorShapeProto.Dimension, name: str, axis: int) -> int | str:
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return dim.dim_value
    if dim.HasField("dim_value") and dim.dim_value < -1:
        raise ModelError(f"graph input {shown(name)} must have positive dimensions, not {dim.dim_value}")
    # 0 and -1 are what some exporters write for a dimension that is not known.
    symbol = text_of(dim, "dim_param", f"a dimension of graph input {shown(name)}")
    return symbol or f"{name}.{axis}"


def _nodes(proto: onnx.GraphProto) -> list[RawNode]:
    nodes: list[RawNode] = []
    names: set[str] = set()
    copies: Counter[str] = Counter()
    for index, raw in enumerate(proto.node):
        op = text_of(raw, "op_type", f"the operator of node {index}")
        name = text_of(raw, "name", f"the name of node {index}") or f"{op.lower()}_{index}"
        unique = name
        while unique in names:
            copies[name] += 1
            unique = f"{name}_{copies[name] + 1}"
        names.add(unique)
        if not op.isidentifier():
            raise ModelError(f"the operator of node {index} must be a word, not {shown(op)}")
        domain = text_of(raw, "domain", f"the domain of node {shown(name)}")
        label = f"node {shown(unique)} ({op})"
        if op in CONTROL_FLOW:
            raise ModelError(f"{label}: control flow is not supported; export the model without it")
        if domain not in DOMAINS:
            raise ModelError(f"{label}: operator domain {shown(domain)} is not supported, only ai.onnx, com.microsoft")
        with naming(label):
            nodes.append(
                RawNode(
                    unique,
                    DOMAINS[domain] + op,
                    _names(raw, "input"),
                    _names(raw, "output"),
                    Attributes(raw.attribute),
                )
            )
    return nodes


def _names(raw: onnx.NodeProto, side: str) -> list[str]:
    return [checked_text(name, "a tensor's name") for name in getattr(raw, side)]


def _ordered(nodes: list[RawNode], known: Iterable[str], outputs: list[str]) -> list[RawNode]:
    """Return the nodes in execution order (Kahn's algorithm), refusing what has none."""
    writer: dict[str, int] = {}
    known = set(known)
    for index, node in enumerate(nodes):
        for tensor in filter(None, node.outputs):
            if tensor in writer or tensor in known:
                raise ModelError(f"{node}: tensor {shown(tensor)} must be written once")
            writer[tensor] = index
    waiting = [0] * len(nodes)
    readers: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for tensor in filter(None, node.inputs):
            if tensor in writer:
                waiting[index] += 1
                readers[writer[tensor]].append(index)
            elif tensor not in known:
                raise ModelError(f"{node}: input {shown(tensor)} is written by no node and is no graph input")
    for tensor in outputs:
        if tensor not in writer and tensor not in known:
            raise ModelError(f"graph output {shown(tensor)} is written by no node")
    ready = [index for index, count in enumerate(waiting) if not count]  # sorted, so already a heap
    ordered: list[RawNode] = []
    while ready:
        index = heapq.heappop(ready)  # the model's own order wherever it is one
        ordered.append(nodes[index])
        for reader in readers[index]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    if len(ordered) != len(nodes):
        stuck = next(node for node, count in zip(nodes, waiting, strict=True) if count)
        raise ModelError(f"{stuck}: the graph must not have cycles, and this node waits on one")
    return ordered


def _live(ordered: list[RawNode], outputs: list[str]) -> list[RawNode]:
    """Return the nodes some output depends on, in the same order."""
    needed = set(outputs)
    live: list[RawNode] = []
    for node in reversed(ordered):
        if needed.intersection(filter(None, node.outputs)):
            live.append(node)
            needed.update(filter(None, node.inputs))
    return live[::-1]
