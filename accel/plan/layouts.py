"""Which tensors are sequences: what travels step by step with its channels last, and what travels pixel by pixel.

A tensor of two axes is a sequence (t, c) or a signal (c, l). Both travel alike, so a transposition between them costs
nothing, but a kernel must know which axis has the channels. Some kernels say what they read; the others pass it on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from accel import schedule
from accel.errors import UnsupportedError, shown
from accel.layers.base import Layer
from accel.layers.moves import LAYOUT_ONLY, Move
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


def only_moves(layer: Layer) -> bool:
    """Return whether a layer puts every element of its input in some place of its output, and does no more."""
    return isinstance(layer, Move) and layer.keeps_elements and layer.requantize is None


def swaps_axes(network: Network, node: Node) -> bool:
    """Return whether a node turns a sequence into a signal of the same stream, or back."""
    shape = network.tensors[node.inputs[0]].shape
    return only_moves(node.layer) and len(shape) == 2 and node.layer.transposes(shape)


def reshapes(network: Network, node: Node) -> bool:
    """Return whether a node gives the same elements in the same order another shape."""
    return only_moves(node.layer) and network.work(node) == LAYOUT_ONLY


def sequences(network: Network, nodes: Iterable[Node]) -> frozenset[str]:
    """Return the tensors that are sequences; what no node decides is none.

    What a reshape makes of a sequence is one too if nothing says otherwise.

    Raises
    ------
    UnsupportedError
        If nodes disagree about a tensor, or a layer has no kernel.
    """
    nodes = tuple(nodes)
    found = _Answers()
    said: list[tuple[Node, str, bool]] = []
    for node in nodes:
        for name, answer in _relations(network, node):
            if isinstance(answer, bool):
                said.append((node, name, answer))
            else:
                other, same = answer
                found.relate(node, name, other, same=same)
    for node, name, answer in said:
        found.learn(node, name, answer)
    _guess(network, nodes, found)
    for node in nodes:
        if swaps_axes(network, node) and node.inputs[0] not in found.known:
            found.learn(node, node.inputs[0], False)
    _guess(network, nodes, found)
    return frozenset(name for name, answer in found.known.items() if answer)


def _guess(network: Network, nodes: Iterable[Node], found: _Answers) -> None:
    """Take for a sequence, or not, what is reshaped from or to a tensor that is, or is not."""
    reshaped = [node for node in nodes if reshapes(network, node)]
    for node in (*reshaped, *reversed(reshaped)):
        ends = [name for name in (*node.inputs, *node.outputs) if len(network.tensors[name].shape) > 1]
        answers = [found.known[name] for name in ends if name in found.known]
        if len(ends) == 2 and len(answers) == 1:
            for name in ends:
                found.learn(node, name, answers[0])


class _Answers:
    """Which tensors are known to be sequences or not, and which are if others are.

    Attributes
    ----------
    known : dict of str to bool
    """

    def __init__(self) -> None:
        self.known: dict[str, bool] = {}
        self._related: dict[str, list[tuple[Node, str, bool]]] = defaultdict(list)

    def relate(self, node: Node, name: str, other: str, *, same: bool) -> None:
        """Say that a node makes two tensors alike, or not."""
        self._related[name].append((node, other, same))
        self._related[other].append((node, name, same))

    def learn(self, node: Node, name: str, answer: bool) -> None:
        """Say what a node takes a tensor for, and so all that are related to it.

        Raises
        ------
        UnsupportedError
            If one of them is known to be something else.
        """
        waiting = [(node, name, answer)]
        while waiting:
            node, name, answer = waiting.pop()
            if name not in self.known:
                self.known[name] = answer
                waiting += [(by, other, answer == same) for by, other, same in self._related[name]]
            elif self.known[name] != answer:
                what = ("a signal (c, l)", "a sequence (t, c)")
                raise UnsupportedError(
                    f"node {shown(node.name)} takes {shown(name)} for {what[answer]}; "
                    f"elsewhere it is {what[not answer]}",
                    op=node.layer.op,
                )


def _relations(network: Network, node: Node) -> Iterator[tuple[str, bool | tuple[str, bool]]]:
    """Yield what a node says of its tensors: that one is a sequence or not, or is so if another is, or is not."""
    shapes = {name: network.tensors[name].shape for name in (*node.inputs, *node.outputs)}
    if swaps_axes(network, node):
        yield node.outputs[0], (node.inputs[0], False)
        return
    if only_moves(node.layer):
        if not reshapes(network, node):
            for name in (node.inputs[0], node.outputs[0]):
                if len(shapes[name]) > 2:
                    yield name, False
        return
    axed = [name for name in node.inputs if len(shapes[name]) > 1]
    kernel = kernel_of(node)
    for name in list(axed):
        reads = kernel.reads_sequence(node.layer, shapes[name])
        if reads is not None and (len(shapes[name]) == 2 or not reads):
            yield name, reads
            axed.remove(name)
            for output in node.outputs:
                if len(shapes[output]) > 1:
                    yield output, reads
    for output in node.outputs:
        if len(shapes[output]) > 1:
            for name in axed:
                yield output, (name, True)
