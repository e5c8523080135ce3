"""Where kernels go: the integer part of a network as sites for kernels, between what stays on the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from accel import schedule
from accel.errors import ModelError, UnsupportedError, shown
from accel.fixedpoint import Quantization
from accel.layers.base import Shape
from accel.layers.moves import LAYOUT_ONLY
from accel.network import Network, Node
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
    output : str
        The stream it writes.
    output_quantization : Quantization
    """

    node: Node
    kernel: type[LayerKernel]
    inputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    quantizations: tuple[Quantization, ...]
    output: str
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
        What each stream carries, by its name; a flattened tensor still travels as the image it was.
    streams : mapping of str to str
        The stream that carries each integer tensor.
    before, after : tuple of str
        Names of the nodes that the host runs, in order.
    """

    sites: tuple[Site, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: Mapping[str, Shape]
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
        return {name: -1 for name in self.inputs} | {site.output: i for i, site in enumerate(self.sites)}

    def site(self, name: str) -> int | None:
        """Return the index of the site of a node, or ``None``."""
        return next((i for i, site in enumerate(self.sites) if site.node.name == name), None)


def region(network: Network) -> Region:
    """Return the integer part of ``network`` with a kernel type for every layer.

    Raises
    ------
    ModelError
        If nothing of the network is in integers, or a layer lacks its integer form.
    UnsupportedError
        If a layer has no kernel, or floats stand between integers.
    """
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

    shapes: dict[str, Shape] = {name: network.tensors[name].shape for name in inputs}
    streams: dict[str, str] = {name: name for name in inputs}
    sites: list[Site] = []
    for node in inside:
        if _layout_only(network, node, shapes[streams[node.inputs[0]]]):
            streams[node.outputs[0]] = streams[node.inputs[0]]
            continue
        sites.append(_site(network, node, shapes, streams))
        (streams[node.outputs[0]],) = node.outputs
        shapes[node.outputs[0]] = sites[-1].kernel.stream_shape(node.layer, network.tensors[node.outputs[0]].shape)
    if not sites:
        raise ModelError(f"network {shown(network.name)} must have layers that compute in integers")
    return Region(tuple(sites), inputs, outputs, shapes, streams, before, after)


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


def _layout_only(network: Network, node: Node, carried: Shape) -> bool:
    """Whether a node changes nothing in the stream: a flatten or reshape that keeps (h, w, c) order."""
    if network.work(node) != LAYOUT_ONLY or node.layer.requantize is not None:
        return False
    before, after = network.tensors[node.inputs[0]].shape, network.tensors[node.outputs[0]].shape
    if before == after or after == carried:
        return True
    if len(after) == 1:
        return len(before) != 3 or len(carried) != 2 or carried[0] == 1  # else a sequence, whose channels come last
    # Axes of length one come and go freely; what else is reshaped would need its elements in another order.
    return [n for n in before if n != 1] == [n for n in after if n != 1] and len(after) != 2


def _site(network: Network, node: Node, shapes: Mapping[str, Shape], streams: Mapping[str, str]) -> Site:
    if len(node.outputs) != 1:
        raise UnsupportedError(f"kernels write one tensor; node {shown(node.name)} writes {len(node.outputs)}")
    inputs = tuple(streams[t] for t in node.inputs)
    found: list[Quantization] = []
    for tensor in (*node.inputs, *node.outputs):
        quantization = network.tensors[tensor].quantization
        assert quantization is not None
        if quantization.bits > 8:
            raise UnsupportedError(
                f"kernels take activations of 2 to 8 bits; tensor {shown(tensor)} has {quantization.bits}"
            )
        found.append(quantization)
    try:
        kernel = schedule.for_layer(node.layer)
    except UnsupportedError as error:
        raise UnsupportedError(f"node {shown(node.name)}: {error}", op=node.layer.op) from None
    return Site(
        node, kernel, inputs, tuple(shapes[s] for s in inputs), tuple(found[:-1]), node.outputs[0], found[-1]
    )  # fmt: skip
