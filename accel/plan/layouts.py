"""Which tensors are sequences: what travels step by step with its channels last, and what travels pixel by pixel.

A tensor of two axes is a sequence (t, c) or a signal (c, l). Both travel alike, so a transposition between them costs
nothing, but a kernel must know which axis has the channels. Some kernels say what they read; the others pass it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from accel import schedule
from accel.errors import UnsupportedError, shown
from accel.layers.moves import LAYOUT_ONLY
from accel.network import Network, Node
from accel.schedule.base import LayerKernel


def kernel_of(node: Node) -> type[LayerKernel]:
    """Return the kernel type for a node.

    Raises
    ------
    UnsupportedError
        If there is none.
    """
    try:
        return schedule.for_layer(node.layer)
    except UnsupportedError as error:
        raise UnsupportedError(f"node {shown(node.name)}: {error}", op=node.layer.op) from None


def swaps_axes(network: Network, node: Node) -> bool:
    """Return whether a node turns a sequence into a signal of the same stream, or back."""
    layer, shape = node.layer, network.tensors[node.inputs[0]].shape
    return layer.requantize is None and len(shape) == 2 and layer.transposes(shape)


def sequences(network: Network, nodes: Iterable[Node]) -> frozenset[str]:
    """Return the tensors that are sequences; what no node decides is none.

    Raises
    ------
    UnsupportedError
        If nodes disagree about a tensor, or a layer has no kernel.
    """
    relations = [relation for node in nodes for relation in _relations(network, node)]
    known: dict[str, bool] = {}
    for node, name, answer in relations:
        if isinstance(answer, bool):
            _learn(known, node, name, answer)
    settled = -1
    while settled < len(known):
        settled = len(known)
        for node, name, answer in relations:
            if not isinstance(answer, bool):
                other, same = answer
                for a, b in ((name, other), (other, name)):
                    if a in known:
                        _learn(known, node, b, known[a] == same)
    return frozenset(name for name, answer in known.items() if answer)


def _learn(known: dict[str, bool], node: Node, name: str, answer: bool) -> None:
    if known.setdefault(name, answer) != answer:
        what = ("a signal (c, l)", "a sequence (t, c)")
        raise UnsupportedError(
            f"node {shown(node.name)} takes {shown(name)} for {what[answer]}; elsewhere it is {what[not answer]}",
            op=node.layer.op,
        )


def _relations(network: Network, node: Node) -> Iterator[tuple[Node, str, bool | tuple[str, bool]]]:
    """Yield what a node says of its tensors: that one is a sequence or not, or is so if another is, or is not."""
    shapes = {name: network.tensors[name].shape for name in (*node.inputs, *node.outputs)}
    if swaps_axes(network, node):
        yield node, node.outputs[0], (node.inputs[0], False)
        return
    axed = [name for name in node.inputs if len(shapes[name]) > 1]
    if network.work(node) != LAYOUT_ONLY or node.layer.requantize is not None:
        kernel = kernel_of(node)
        for name in list(axed):
            reads = kernel.reads_sequence(node.layer, shapes[name]) if len(shapes[name]) == 2 else None
            if reads is not None:
                yield node, name, reads
                axed.remove(name)
                for output in node.outputs:
                    if len(shapes[output]) > 1:
                        yield node, output, reads
    for output in node.outputs:
        if len(shapes[output]) > 1:
            for name in axed:
                yield node, output, (name, True)
