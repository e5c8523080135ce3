"""Network: an ordered, shape-checked graph of layers; float or integer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from accel.errors import ModelError, UnsupportedError, shown
from accel.fixedpoint import Quantization
from accel.layers.base import Layer, Shape
from accel.work import Work

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a network.

    Attributes
    ----------
    name : str
        As in the model; may hold any characters, so it never reaches Verilog, a shell or a path as it is.
    shape : tuple of int
        Of one sample, without the batch axis.
    quantization : Quantization, optional
        Present when the tensor holds integers.
    batch_axis : int, optional
        Where the model's own file puts the batch axis; ``None`` if it has none. Matters at graph inputs and outputs
        only: inside, the batch axis is first.
    """

    name: str
    shape: Shape
    quantization: Quantization | None = None
    batch_axis: int | None = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A layer in its place: its name and the names of the tensors it reads and writes."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """An ordered graph of layers.

    Attributes
    ----------
    name : str
    tensors : mapping of str to Tensor
        Every tensor by name.
    nodes : tuple of Node
        In execution order: a node comes after those whose tensors it reads.
    inputs, outputs : tuple of str
        Graph inputs and outputs, in the model's order.
    notes : tuple of str
        What import or construction changed: folded, dropped, left to the host.
    source : str, optional
        Path of the ONNX file it was read from.

    Raises
    ------
    ModelError
        If names repeat, a tensor is read before it is written, or shapes disagree.
    """

    name: str
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    source: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        if not self.inputs or not self.outputs:
            raise ModelError(f"network {shown(self.name)} must have inputs and outputs")
        written = set(self.inputs)
        names: set[str] = set()
        for node in self.nodes:
            if node.name in names:
                raise ModelError(f"node names must be unique, not {shown(node.name)} twice")
            names.add(node.name)
            for tensor in node.inputs:
                if tensor not in written:
                    raise ModelError(f"node {shown(node.name)} reads {shown(tensor)}, which nothing before it writes")
            shapes = node.layer.infer([self.tensors[t].shape for t in node.inputs])
            for tensor, shape in zip(node.outputs, shapes, strict=True):
                if tensor in written:
                    raise ModelError(f"tensor {shown(tensor)} must be written once, not again by {shown(node.name)}")
                if self.tensors[tensor].shape != shape:
                    raise ModelError(
                        f"node {shown(node.name)} writes {shown(tensor)} with shape {shape}, "
                        f"not {self.tensors[tensor].shape}"
                    )
                written.add(tensor)
        for tensor in self.outputs:
            if tensor not in written:
                raise ModelError(f"network output {shown(tensor)} is written by no node")

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __repr__(self) -> str:
        return (
            f"Network({shown(self.name)}, {len(self.nodes):,} layers, {self.macs:,} MACs, "
            f"{self.parameters:,} parameters)"
        )

    def __rich__(self) -> RenderableType:
        from accel.display import network_grid

        return network_grid(self)

    def _repr_html_(self) -> str:
        from accel.display import network_grid

        return network_grid(self).html()

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        """Return the input shapes of ``node``, per sample."""
        return tuple(self.tensors[t].shape for t in node.inputs)

    def work(self, node: Node) -> tuple[Work, ...]:
        """Return the Work records of ``node`` for one sample."""
        return node.layer.work(self.shapes(node))

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        return sum(node.layer.macs(self.shapes(node)) for node in self.nodes)

    @cached_property
    def parameters(self) -> int:
        """Number of parameters, whether or not they are present."""
        return sum(node.layer.parameters for node in self.nodes)

    @property
    def has_weights(self) -> bool:
        """Whether every layer's parameters are present."""
        return all(node.layer.has_weights for node in self.nodes)

    @property
    def is_integer(self) -> bool:
        """Whether any tensor holds integers; float layers, if any, then stand at the borders."""
        return any(t.quantization is not None for t in self.tensors.values())

    def with_random_weights(self, seed: int = 0) -> Network:
        """Return the network with float32 weights drawn from ``seed``, the same for the same seed."""
        rng = np.random.default_rng(seed)
        return replace(self, nodes=tuple(replace(n, layer=n.layer.with_random_weights(rng)) for n in self.nodes))

    def with_significand_bits(self, bits: int) -> Network:
        """Return an integer network whose requantisation multipliers have ``bits`` significant bits."""
        return replace(
            self,
            nodes=tuple(
                replace(n, layer=replace(n.layer, requantize=replace(n.layer.requantize, significand_bits=bits)))
                if n.layer.requantize is not None
                else n
                for n in self.nodes
            ),
        )

    def keeping_states(self) -> Network:
        """Return an integer network whose recurrent layers go on with every sample where they left off with the last.

        Raises
        ------
        UnsupportedError
            If no layer can, or one has states for which that makes no sense.
        """
        nodes: list[Node] = []
        for node in self.nodes:
            try:
                layer = node.layer.keeping_state([self.tensors[name].shape for name in node.inputs])
                nodes.append(replace(node, layer=layer))
            except UnsupportedError as error:
                raise UnsupportedError(f"node {shown(node.name)}: {error}", op=node.layer.op) from None
        made = replace(self, nodes=tuple(nodes))
        if not made.is_stateful:
            raise UnsupportedError(f"network {shown(self.name)} has no recurrent layer in integers that keeps a state")
        return made

    @property
    def is_stateful(self) -> bool:
        """Whether what it makes of a sample depends on the samples before it."""
        return any(node.layer.is_stateful for node in self.nodes)


@dataclass
class Builder:
    """Builds a `Network` layer by layer, inferring shapes.

    >>> from accel.layers.conv import Conv
    >>> b = Builder("tiny")
    >>> x = b.input("x", (1, 8, 8))
    >>> b.output(b.add(Conv(in_channels=1, out_channels=4, kernel=(3, 3)), x))
    >>> b.build().macs
    1296
    """

    name: str
    _tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    _nodes: list[Node] = field(default_factory=list[Node])
    _inputs: list[str] = field(default_factory=list[str])
    _outputs: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def input(
        self, name: str, shape: Shape, quantization: Quantization | None = None, batch_axis: int | None = 0
    ) -> str:
        """Declare a graph input and return its tensor name."""
        if name in self._tensors:
            raise ModelError(f"tensor names must be unique, not {shown(name)} twice")
        if not shape or min(shape) < 1:
            raise ModelError(f"input {shown(name)} must have positive dimensions, not {shape}")
        self._tensors[name] = Tensor(name, tuple(shape), quantization, batch_axis)
        self._inputs.append(name)
        return name

    def add(
        self,
        layer: Layer,
        *inputs: str,
        name: str | None = None,
        outputs: Sequence[str] | None = None,
        quantization: Quantization | Sequence[Quantization] | None = None,
        batch_axis: int | None = 0,
    ) -> str:
        """Append ``layer`` and return the name of its first output.

        ``name`` and ``outputs`` default to the layer's operator and a running number. ``quantization`` is that of
        the outputs, in an integer network: one for all of them, or one each.
        """
        name = name if name is not None else f"{layer.op.lower()}_{len(self._nodes)}"
        for tensor in inputs:
            if tensor not in self._tensors:
                raise ModelError(f"node {shown(name)} reads {shown(tensor)}, which nothing before it writes")
        try:
            shapes = layer.infer([self._tensors[t].shape for t in inputs])
        except ModelError as error:
            raise ModelError(f"node {shown(name)}: {error}") from None
        if outputs is None:
            outputs = [name if i == 0 else f"{name}.{i}" for i in range(len(shapes))]
        if len(outputs) != len(shapes):
            raise ModelError(f"node {shown(name)} must have {len(shapes)} outputs, not {len(outputs)}")
        each = quantization if isinstance(quantization, Sequence) else [quantization] * len(shapes)
        for tensor, shape, of_tensor in zip(outputs, shapes, each, strict=True):
            if tensor in self._tensors:
                raise ModelError(f"tensor names must be unique, not {shown(tensor)} twice")
            self._tensors[tensor] = Tensor(tensor, shape, of_tensor, batch_axis)
        self._nodes.append(Node(name, layer, tuple(inputs), tuple(outputs)))
        return outputs[0]

    def shape(self, tensor: str) -> Shape:
        """Return the shape of a tensor, of one sample."""
        return self._tensors[tensor].shape

    def output(self, *tensors: str) -> None:
        """Declare graph outputs."""
        self._outputs.extend(tensors)

    def build(self) -> Network:
        """Return the network, checked."""
        return Network(
            self.name, self._tensors, tuple(self._nodes), tuple(self._inputs), tuple(self._outputs), tuple(self.notes)
        )
