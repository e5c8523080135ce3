"""The state of the walk over a graph: which tensors are known, which layers were made."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.layers.base import Layer
from accel.limits import MAX_ELEMENTS, MAX_FOLDED_ELEMENTS, MAX_FOLDED_SHARE
from accel.onnx_import.graph import Graph, RawNode
from accel.onnx_import.values import Activation, Codes, Const, Value


@dataclass(slots=True, eq=False)
class Step:
    """A layer in its place, before quantised patterns are found.

    Attributes
    ----------
    node : RawNode
        Where it comes from.
    name : str
        Unique.
    layer : Layer
        With real-valued weights; ``None`` for a QuantizeLinear or DequantizeLinear.
    inputs, outputs : tuple of str
    codes : dict of str to Codes
        The integers behind weight fields that came through a DequantizeLinear.
    kind : str
        ``layer``, ``quantize`` or ``dequantize``.
    """

    node: RawNode
    name: str
    layer: Layer | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    codes: dict[str, Codes] = field(default_factory=dict[str, Codes])
    kind: str = "layer"


@dataclass(slots=True)
class Lowering:
    """The state of the walk.

    Attributes
    ----------
    graph : Graph
    batch : int
        The size the batch axis is given in shape arithmetic; a prime that occurs nowhere else if it is dynamic.
    dynamic : bool
        Whether the model leaves the batch size open.
    values : dict of str to Value
        By the model's tensor names.
    steps : list of Step
    tensors : dict of str to Activation
        Every tensor that will be in the network, by its name there.
    readers : Counter of str
        How many nodes and graph outputs read a tensor of the model.
    notes : list of str
    writers : dict of str to Step
        Which step writes a tensor of the network.
    unscaled : set of str
        Tensors of integers that are graph inputs, or moved from them, whose scale no node has given yet.
    folded : int
        Elements of the constants that folding has made so far.
    stored : int
        Elements of the constants that the model itself holds.
    """

    graph: Graph
    batch: int
    dynamic: bool
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    steps: list[Step] = field(default_factory=list[Step])
    tensors: dict[str, Activation] = field(default_factory=dict[str, Activation])
    readers: Counter[str] = field(default_factory=Counter[str])
    notes: list[str] = field(default_factory=list[str])
    writers: dict[str, Step] = field(default_factory=dict[str, Step])
    unscaled: set[str] = field(default_factory=set[str])
    folded: int = 0
    stored: int = 0
    _names: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        for name, (array, bits) in self.graph.constants.items():
            self.values[name] = Const(array, bits)
            self.stored += array.size
        for node in self.graph.nodes:
            self.readers.update(name for name in node.inputs if name)
            self._names.update(node.outputs, (node.name,))
        self.readers.update(self.graph.outputs)
        self._names.update(i.name for i in self.graph.inputs)

    def fresh(self, base: str) -> str:
        """Return a tensor name that the model does not use, made from ``base``."""
        number = 1
        while (name := f"{base}.{number}") in self._names:
            number += 1
        self._names.add(name)
        return name

    def declare(self, value: Activation) -> None:
        """Add a graph input; integers have no scale until a DequantizeLinear gives them one."""
        self.values[value.name] = self.tensors[value.name] = value
        if value.quantization is not None:
            self.unscaled.add(value.name)

    def quantization(self, value: Activation) -> Quantization:
        """Return how the integers of ``value`` stand for real numbers, as far as is known."""
        found = self.tensors[value.name].quantization
        assert found is not None
        return found

    def settle(self, name: str, quantization: Quantization) -> None:
        """Give integers without a scale theirs, back to the graph input they are."""
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in self.unscaled:
                self.unscaled.discard(name)
                self.tensors[name] = replace(self.tensors[name], quantization=quantization)
                waiting += self.writers[name].inputs if name in self.writers else ()

    def define(self, name: str, const: Const) -> None:
        """Make a tensor of the model a constant; all that folding makes is bounded, views of others excepted."""
        if const.array.base is None:
            self.folded += const.array.size
        limit = MAX_FOLDED_ELEMENTS + MAX_FOLDED_SHARE * self.stored
        if self.folded > limit:
            raise ModelError(
                f"folding must make at most {limit:,} elements in all (accel.limits.MAX_FOLDED_ELEMENTS, and "
                f"MAX_FOLDED_SHARE times those the model stores), not {self.folded:,}"
            )
        self.values[name] = const

    def append(self, step: Step, *results: Activation) -> None:
        """Append a step that writes ``results``."""
        self.steps.append(step)
        for result in results:
            elements = math.prod(result.sample)
            if elements > MAX_ELEMENTS:
                raise ModelError(
                    f"a tensor must have at most {MAX_ELEMENTS:,} elements (accel.limits.MAX_ELEMENTS), "
                    f"not {elements:,}"
                )
            self.tensors[result.name] = result
            self.writers[result.name] = step

    def remove(self, step: Step) -> None:
        """Take out a step that has become part of another."""
        index = len(self.steps) - 1
        while self.steps[index] is not step:  # it is among the last
            index -= 1
        del self.steps[index]

    def rename(self, step: Step, output: str) -> None:
        """Give the one tensor that ``step`` writes the model's name ``output``."""
        tensor = replace(self.tensors.pop(step.outputs[0]), name=output)
        del self.writers[step.outputs[0]]
        step.outputs = (output,)
        self.tensors[output] = self.values[output] = tensor
        self.writers[output] = step
