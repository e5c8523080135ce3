"""A network of the same integers for kernels: layers that several compute in parts, moves that one does in one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from accel.errors import UnsupportedError, shown
from accel.network import Network, Node, Tensor
from accel.plan.moves import moves_as_one


def in_parts(network: Network) -> Network:
    """Return the network with the parts of every layer that has some in its place, and every row of moves as one.

    Tensors keep their names; a part and what it writes are called after the node, and what nothing reads is left out.
    It is the network itself if there is nothing of either.

    Raises
    ------
    UnsupportedError
        If a layer has no parts that do what it does.
    """
    read = {name for node in network for name in node.inputs} | set(network.outputs)
    done = _Parts(dict(network.tensors), {node.name for node in network}, read)
    for node in network:
        done.add(node)
    if not done.made:
        return moves_as_one(network)
    wanted = set(network.outputs)
    kept: list[Node] = []
    for node in reversed(done.nodes):
        if node.name in done.made and wanted.isdisjoint(node.outputs):
            continue
        kept.append(node)
        wanted.update(node.inputs)
    kept.reverse()
    there = {*network.inputs, *(name for node in kept for name in node.outputs)}
    tensors = {name: tensor for name, tensor in done.tensors.items() if name in there}
    return moves_as_one(replace(network, nodes=tuple(kept), tensors=tensors))


@dataclass(eq=False)
class _Parts:
    tensors: dict[str, Tensor]
    names: set[str]
    read: set[str]
    nodes: list[Node] = field(default_factory=list[Node])
    made: set[str] = field(default_factory=set[str])

    def add(self, node: Node) -> None:
        """Append a node, or its parts."""
        read = [i for i, name in enumerate(node.outputs) if name in self.read]
        try:
            parts = node.layer.parts([self.tensors[name].shape for name in node.inputs], read) if read else ()
        except UnsupportedError as error:
            raise UnsupportedError(f"node {shown(node.name)}: {error}", op=node.layer.op) from None
        if not parts:
            self.nodes.append(node)
            return
        outputs = {part.name: node.outputs[i] for part, i in zip(parts[-len(read) :], read, strict=True)}
        written: dict[str, str] = {}
        for part in parts:
            inputs = tuple(node.inputs[i] if isinstance(i, int) else written[i] for i in part.inputs)
            name = self._unique(f"{node.name} {part.name}")
            self.made.add(name)
            written[part.name] = outputs.get(part.name, name)
            written |= {more: self._unique(f"{node.name} {more}") for more, _ in part.further}
            made = [(part.name, part.quantization or self.tensors[inputs[0]].quantization), *part.further]
            shapes = part.layer.infer([self.tensors[i].shape for i in inputs])
            for (output, quantization), shape in zip(made, shapes, strict=True):
                if output not in outputs:
                    self.tensors[written[output]] = Tensor(written[output], shape, quantization)
            names = tuple(written[output] for output, _ in made)
            self.read.update(names)
            self.add(Node(name, part.layer, inputs, names))

    def _unique(self, name: str) -> str:
        while name in self.names or name in self.tensors:
            name += "'"
        self.names.add(name)
        return name
