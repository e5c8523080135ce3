"""Where kernels go: the integer part of a network as sites for kernels, between what stays on the host."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from accel.errors import ModelError, UnsupportedError, shown
from accel.fixedpoint import Quantization
from accel.layers.base import Array, Shape
from accel.layers.moves import Move
from accel.layers.rearrangement import Rearrangement
from accel.layers.reshape import Reshape
from accel.layers.transpose import Transpose
from accel.layers.window import as_image
from accel.network import Network, Node
from accel.plan.layouts import kernel_of, only_moves, reshapes, sequences
from accel.plan.parts import in_parts
from accel.schedule.base import LayerKernel


@dataclass(frozen=True, eq=False)
class Site:
    """A layer that a kernel will compute.

    Attributes
    ----------
    node : Node
        Its layer and its name.
    kernel : type of LayerKernel
    inputs : tuple of str
        The streams it reads, by the name of the tensor that was written first: what only changes layout in between is
        not there.
    shapes : tuple of shapes
        What those streams carry, as `LayerKernel.of` takes it.
    quantizations : tuple of Quantization
    outputs : tuple of str
        The streams it writes.
    output_quantization : Quantization
        Of the first.
    """

    node: Node
    kernel: type[LayerKernel]
    inputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    quantizations: tuple[Quantization, ...]
    outputs: tuple[str, ...]
    output_quantization: Quantization


@dataclass(frozen=True, eq=False)
class Region:
    """The integer part of a network.

    Attributes
    ----------
    sites : tuple of Site
        In execution order.
    inputs, outputs : tuple of str
        Tensors of the network at which streams enter and leave.
    shapes : mapping of str to shape
        What each stream carries, by its name, channels first; a flattened tensor still travels as the image it was.
    sequences : set of str
        Tensors whose channels come last, and what is flattened of them.
    streams : mapping of str to str
        The stream that carries each integer tensor.
    before, after : tuple of str
        Names of the nodes that the host runs, in order.
    """

    sites: tuple[Site, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: Mapping[str, Shape]
    sequences: frozenset[str]
    streams: Mapping[str, str]
    before: tuple[str, ...]
    after: tuple[str, ...]

    @cached_property
    def readers(self) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """The sites and input ports that read each stream; site -1 is the host, port its place in `outputs`."""
        found: dict[str, list[tuple[int, int]]] = {name: [] for name in self.shapes}
        for i, site in enumerate(self.sites):
            for port, name in enumerate(site.inputs):
                found[name].append((i, port))
        for port, tensor in enumerate(self.outputs):
            found[self.streams[tensor]].append((-1, port))
        return {name: tuple(readers) for name, readers in found.items()}

    @cached_property
    def writers(self) -> Mapping[str, int]:
        """The site that writes each stream; -1 for those that the host writes."""
        return {name: -1 for name in self.inputs} | {
            name: i for i, site in enumerate(self.sites) for name in site.outputs
        }

    def site(self, name: str) -> int | None:
        """Return the index of the site of a node, or ``None``."""
        return next((i for i, site in enumerate(self.sites) if site.node.name == name), None)


def region(network: Network) -> Region:
    """Return the integer part of ``network`` with a kernel type for every layer, or for every part of one.

    Raises
    ------
    ModelError
        If nothing of the network is in integers, or a layer lacks its integer form.
    UnsupportedError
        If a layer has no kernel, or floats stand between integers.
    """
    network = in_parts(network)
    integer = {name for name, t in network.tensors.items() if t.quantization is not None}
    inside = [n for n in network if integer.issuperset((*n.inputs, *n.outputs))]
    if not inside:
        raise ModelError(f"network {shown(network.name)} must have layers in integers; quantise it first")
    before, after = _host_nodes(network, inside)
    read = {t for n in inside for t in n.inputs}
    written = {t for n in inside for t in n.outputs}
    inputs = tuple(t for t in (*network.inputs, *_written(network, before)) if t in read and t not in written)
    wanted = {t for n in network if n.name in after for t in n.inputs} | set(network.outputs)
    outputs = tuple(t for t in network.tensors if t in written and t in wanted)

    found = _Streams(network, inside, inputs, sequences(network, inside))
    sites: list[Site] = []
    for node in inside:
        if found.passes(node):
            found.pass_on(node)
            continue
        if only_moves(node.layer):
            node = found.as_streams_move(node)
        sites.append(_site(network, node, found))
        found.write(sites[-1])
    if not sites:
        raise ModelError(f"network {shown(network.name)} must have layers that compute in integers")
    return Region(
        tuple(sites), inputs, outputs, found.shapes, frozenset(found.sequences), found.of_tensor, before, after
    )


def _host_nodes(network: Network, inside: list[Node]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the nodes before and after the integer part, refusing those in the midst of it."""
    inner = {n.name for n in inside}
    integers = {t for n in inside for t in n.outputs}
    downstream = set(integers)
    before: list[str] = []
    after: list[str] = []
    for node in network:
        if node.name in inner:
            late = [t for t in node.inputs if t in downstream - integers]
            if late:
                raise UnsupportedError(
                    f"node {shown(node.name)} reads {shown(late[0])}, which the host computes from integers: floats "
                    "may stand at the borders of the integer part only"
                )
        elif downstream.intersection(node.inputs):
            after.append(node.name)
            downstream.update(node.outputs)
        else:
            before.append(node.name)
    return tuple(before), tuple(after)


def _written(network: Network, names: tuple[str, ...]) -> list[str]:
    chosen = set(names)
    return [t for n in network if n.name in chosen for t in n.outputs]


class _Streams:
    """The streams known so far.

    Parameters
    ----------
    network : Network
    nodes : sequence of Node
        Those of its integer part.
    inputs : tuple of str
        Tensors at which streams enter.
    sequences : set of str
        Tensors of several axes whose channels come last.

    Attributes
    ----------
    shapes : dict of str to shape
        What each stream carries, channels first.
    sequences : set of str
        Those and what is flattened of them.
    of_tensor : dict of str to str
    """

    def __init__(
        self, network: Network, nodes: Sequence[Node], inputs: tuple[str, ...], sequences: frozenset[str]
    ) -> None:
        self.network, self.sequences = network, set(sequences)
        self.shapes: dict[str, Shape] = {}
        self.of_tensor: dict[str, str] = {}
        self._read = {name for node in nodes if not reshapes(network, node) for name in node.inputs}
        for name in inputs:
            self.add(name, network.tensors[name].shape)

    def add(self, name: str, shape: Shape) -> None:
        """Add the stream that carries a tensor first."""
        self.shapes[name] = self._channels_first(name, shape) if len(shape) > 1 else shape
        self.of_tensor[name] = name

    def pass_on(self, node: Node) -> None:
        """Let the stream of a node's input carry its output too."""
        source, target = node.inputs[0], node.outputs[0]
        self.of_tensor[target] = self.of_tensor[source]
        if self._travels_on(node):
            self.sequences.discard(target)
            self.sequences |= {target} if source in self.sequences else set()

    def write(self, site: Site) -> None:
        """Add the streams that a site writes; what it reads flattened, and writes alike, travels alike."""
        for name in site.node.outputs:
            shape = site.kernel.stream_shape(site.node.layer, self.network.tensors[name].shape, site.shapes)
            self.add(name, shape)
            for source, stream, given in zip(site.node.inputs, site.inputs, site.shapes, strict=True):
                if self._is_flat(name) and given == shape:
                    self.shapes[name] = self.shapes[stream]
                    if source in self.sequences:
                        self.sequences.add(name)

    def _is_flat(self, name: str) -> bool:
        return len(self.network.tensors[name].shape) == 1

    def passes(self, node: Node) -> bool:
        """Return whether a node changes nothing in the stream: its output's elements come in the right order."""
        return only_moves(node.layer) and (self._travels_on(node) or self._comes_in_order(node))

    def as_streams_move(self, node: Node) -> Node:
        """Return a node that only moves elements with what it does to its stream, channels first, as its layer."""
        source, target = node.inputs[0], node.outputs[0]
        carried, shape = self.shapes[self.of_tensor[source]], self.network.tensors[source].shape
        moves: list[Move] = []
        if source in self.sequences:
            moves += [Reshape(shape=(carried[0], math.prod(carried[1:]))), Transpose(axes=(1, 0))]
        assert isinstance(node.layer, Move)
        moves += [Reshape(shape=shape), node.layer]
        if target in self.sequences:
            first, *others = self.network.tensors[target].shape
            moves += [Reshape(shape=(first, math.prod(others))), Transpose(axes=(1, 0))]
        return replace(node, layer=Rearrangement(moves=tuple(moves)))

    def _travels_on(self, node: Node) -> bool:
        """Return whether the output of a reshape travels as its input did, in whatever order that is.

        Either it is flat, or no kernel reads it, and who does knows the order in which the elements of its input come.
        """
        (target,) = node.outputs
        return reshapes(self.network, node) and (self._is_flat(target) or target not in self._read)

    def _comes_in_order(self, node: Node) -> bool:
        """Return whether the elements of a move's output come in its input's stream as they would in its own."""
        carried = self.shapes[self.of_tensor[node.inputs[0]]]
        coming = np.arange(math.prod(carried)).reshape(-1, carried[0])
        (moved,) = self.as_streams_move(node).layer.forward([coming.T.reshape(1, *carried)])[0]
        return np.array_equal(coming, moved.reshape(len(moved), -1).T)

    def _channels_first(self, name: str, shape: Shape) -> Shape:
        return (math.prod(shape[1:]), shape[0]) if name in self.sequences else shape

    def given(self, node: Node, kernel: type[LayerKernel], name: str) -> Shape:
        """Return what a stream carries as `LayerKernel.of` takes it."""
        flat = self._is_flat(name)
        carried = self.shapes[self.of_tensor[name]]
        if only_moves(node.layer):
            return carried  # `as_streams_move` has made it a layer of what is carried
        if not flat:
            carried = self._channels_first(name, self.network.tensors[name].shape)
        if len(carried) != 2:
            return carried
        steps_first = carried[::-1]
        if name in self.sequences:
            reads = kernel.reads_sequence(node.layer, steps_first)
            if reads:
                return steps_first
            if flat and reads is not None and steps_first[0] > 1:
                raise UnsupportedError(
                    f"node {shown(node.name)}: kernel {kernel.kind} takes no flattened sequence", op=node.layer.op
                )
        return as_image(carried) if flat else carried

    def with_parameters(self, node: Node, given: Shape) -> Node:
        """Return a node whose layer's parameters lie as its first input does, which a kernel is ``given``."""
        name = node.inputs[0]
        shape, steps_first = self.network.tensors[name].shape, name in self.sequences
        if given == shape and not steps_first:
            return node

        def lay_out(values: Array) -> Array:
            spread = np.broadcast_to(values, shape)
            return (spread.reshape(-1, given[0]).T if steps_first else spread).reshape(given)

        return replace(node, layer=node.layer.laid_out(lay_out))


def _site(network: Network, node: Node, streams: _Streams) -> Site:
    kernel = kernel_of(node)
    found: list[Quantization] = []
    for tensor in (*node.inputs, *node.outputs):
        quantization = network.tensors[tensor].quantization
        assert quantization is not None
        if quantization.bits > kernel.most_bits:
            raise UnsupportedError(
                f"kernel {kernel.kind} takes activations of 2 to {kernel.most_bits} bits; tensor {shown(tensor)} has "
                f"{quantization.bits}"
            )
        found.append(quantization)
    shapes = tuple(streams.given(node, kernel, t) for t in node.inputs)
    return Site(
        streams.with_parameters(node, shapes[0]),
        kernel,
        tuple(streams.of_tensor[t] for t in node.inputs),
        shapes,
        tuple(found[: len(node.inputs)]),
        node.outputs,
        found[len(node.inputs)],
    )
