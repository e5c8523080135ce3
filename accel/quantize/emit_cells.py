"""Puts QuantizeLinear and DequantizeLinear pairs around recurrent nodes, which onnxruntime's quantiser leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from accel.quantize.accepted import RECURRENT
from accel.quantize.graphs import initializers, opset, reader_counts, replace_nodes
from accel.quantize.ranges import Scale, row_integers

_STATES = (5, 6)
"""Places of the initial states among a node's inputs."""
_MATRICES = {1: "weight", 2: "recurrence"}
_WIDE_OPSET = 21
"""The first opset whose QuantizeLinear knows 16 bits; before it onnxruntime's own domain has one."""
_MICROSOFT = "com.microsoft"


def put_pairs_around_cells(model: onnx.ModelProto, scales: dict[str, Scale], weight_bits: int) -> None:
    """Quantise what recurrent nodes read and write, and their matrices, where it is not yet."""
    if not any(node.op_type in RECURRENT for node in model.graph.node):
        return
    pairs = _Pairs(model, scales)
    for node in list(model.graph.node):
        if node.op_type not in RECURRENT:
            pairs.nodes.append(node)
            continue
        for place in (0, *_STATES):
            if place < len(node.input) and node.input[place] in scales:  # a constant state stays a real number
                node.input[place] = pairs.dequantized(node.input[place])
        for place, part in _MATRICES.items():
            node.input[place] = pairs.matrix(node.input[place], f"{node.name}.{part}", weight_bits)
        pairs.nodes.append(node)
        for place, name in enumerate(node.output):
            if name:
                node.output[place] = pairs.quantised(name)
    replace_nodes(model.graph, pairs.nodes)
    _drop_unread(model.graph)
    if pairs.wide and not any(entry.domain == _MICROSOFT for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Leave out the constants that nothing reads any more: the matrices as real numbers."""
    counts = reader_counts(graph)
    kept = [tensor for tensor in graph.initializer if counts[tensor.name]]
    del graph.initializer[:]
    graph.initializer.extend(kept)


class _Pairs:
    """The graph being rewritten: its nodes so far and what has a pair already."""

    def __init__(self, model: onnx.ModelProto, scales: dict[str, Scale]) -> None:
        self.graph = model.graph
        self.scales = scales
        self.nodes: list[onnx.NodeProto] = []
        self.wide = False
        self._domain = "" if opset(model) >= _WIDE_OPSET else _MICROSOFT
        self._made: dict[str, str] = {}
        self._writers = {name: node for node in model.graph.node for name in node.output}
        self._outputs = {value.name for value in model.graph.output}

    def dequantized(self, name: str) -> str:
        """Return ``name`` after a pair, adding one if a DequantizeLinear does not write it."""
        writer = self._writers.get(name)
        if writer is not None and writer.op_type in ("DequantizeLinear", *RECURRENT):
            return name  # a cell's outputs have their pairs already
        if name not in self._made:
            self._made[name] = self._pair(name, self.scales[name], f"{name}_DequantizeLinear_Output")
        return self._made[name]

    def quantised(self, name: str) -> str:
        """Return the name a recurrent node shall write instead of ``name``, which comes to stand behind a pair."""
        readers = [node for node in self.graph.node if name in node.input]
        if name not in self._outputs and all(node.op_type == "QuantizeLinear" for node in readers):
            return name
        source = f"{name}_cell_output"
        self._pair(source, self.scales[name], name)
        return source

    def matrix(self, name: str, base: str, bits: int) -> str:
        """Return the name of a matrix's integers after a DequantizeLinear, one scale per row."""
        integers, scale = row_integers(numpy_helper.to_array(initializers(self.graph)[name]), bits)
        names = [f"{base}_quantized", f"{base}_scale", f"{base}_zero_point"]
        self._constants(names, integers, scale, np.zeros(len(scale), np.int8))
        output = f"{base}_DequantizeLinear_Output"
        label = f"{base}_DequantizeLinear"
        self.nodes.append(helper.make_node("DequantizeLinear", names, [output], name=label, axis=1))
        return output

    def _pair(self, source: str, scale: Scale, output: str) -> str:
        names = [f"{source}_scale", f"{source}_zero_point"]
        self._constants(names, np.array(scale.scale), np.array(scale.zero_point, scale.quantization.dtype))
        domain = self._domain if scale.bits > 8 else ""
        self.wide = self.wide or domain == _MICROSOFT
        integers = f"{source}_QuantizeLinear_Output"
        for op, reads, writes in (("QuantizeLinear", source, integers), ("DequantizeLinear", integers, output)):
            node = helper.make_node(op, [reads, *names], [writes], name=f"{source}_{op}", domain=domain)
            self.nodes.append(node)
        return output

    def _constants(self, names: list[str], *values: npt.NDArray[Any]) -> None:
        self.graph.initializer.extend(numpy_helper.from_array(v, n) for v, n in zip(values, names, strict=True))
