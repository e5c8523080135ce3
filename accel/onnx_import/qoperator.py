"""QOperator form to QDQ form: each QLinear operator becomes DequantizeLinear, the float operator, QuantizeLinear.

ONNX and onnxruntime define the quantised operators by exactly that, so one lowering serves both forms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from accel.errors import ModelError
from accel.onnx_import.attributes import Attributes
from accel.onnx_import.graph import Graph, RawNode, naming

ACCUMULATORS = "accel.Accumulators"
"""Stands behind an operator on integers without scales, where a QuantizeLinear stands behind others."""


@dataclass(slots=True)
class Rewriter:
    """Collects the nodes that replace one quantised operator.

    Attributes
    ----------
    node : RawNode
        The operator.
    taken : set of str
        Names that exist.
    nodes : list of RawNode
        Its replacement.
    """

    node: RawNode
    taken: set[str]
    nodes: list[RawNode] = field(default_factory=list[RawNode])

    def input(self, index: int) -> str:
        """Return the name of an input, empty if it is left out."""
        return self.node.inputs[index] if index < len(self.node.inputs) else ""

    def need(self, index: int) -> str:
        """Return the name of an input that must be there."""
        name = self.input(index)
        if not name:
            raise ModelError(f"input {index + 1} must be given")
        return name

    def add(self, op: str, inputs: list[str], suffix: str, attributes: Attributes | None = None) -> str:
        """Append a node and return its output."""
        name, number = f"{self.node.outputs[0]}.{suffix}", 1
        while name in self.taken:
            name, number = f"{self.node.outputs[0]}.{suffix}{number}", number + 1
        self.taken.add(name)
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        self.nodes.append(RawNode(f"{self.node.name}.{suffix}", op, inputs, [name], attributes or Attributes()))
        return name

    def dequantized(self, first: int, suffix: str, axis: int | None = None) -> str:
        """Return the real numbers of the input ``first``, whose scale and zero point are the next two."""
        names = [self.need(first), self.need(first + 1), self.input(first + 2)]
        return self.add("DequantizeLinear", names, suffix, None if axis is None else Attributes.of(axis=axis))

    def product(self, a: str, b: str, suffix: str) -> str:
        """Return the product of two scales."""
        return self.add("Mul", [a, b], suffix)

    def operator(self, op: str, inputs: list[str], scale: str, zero_point: str) -> None:
        """Append the float operator, under the node's own name and attributes, and the QuantizeLinear behind it."""
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        if not scale:
            self.nodes.append(RawNode(self.node.name, op, inputs, self.node.outputs, self.node.attributes))
            return
        self._rounded(op, inputs, "QuantizeLinear", [scale] + ([zero_point] if zero_point else []))

    def accumulators(self, op: str, inputs: list[str]) -> None:
        """Append the float operator, and what says that its results are integers of 32 bits."""
        self._rounded(op, inputs, ACCUMULATORS, [])

    def _rounded(self, op: str, inputs: list[str], rounding: str, parameters: list[str]) -> None:
        real = self.add(op, inputs, "real", self.node.attributes)
        self.nodes[-1].name = self.node.name
        self.nodes.append(
            RawNode(f"{self.node.name}.q", rounding, [real, *parameters], self.node.outputs, Attributes())
        )


def _conv(r: Rewriter) -> None:
    x, w = r.dequantized(0, "x"), r.dequantized(3, "w", axis=0)
    bias = ""
    if r.input(8):
        scale = r.product(r.need(1), r.need(4), "bias_scale")
        bias = r.add("DequantizeLinear", [r.input(8), scale], "bias", Attributes.of(axis=0))
    r.operator("Conv", [x, w, bias], r.need(6), r.input(7))


def _matmul(r: Rewriter) -> None:
    a, b = r.dequantized(0, "a"), r.dequantized(3, "b", axis=-1)
    r.operator("MatMul", [a, b], r.need(6), r.input(7))


def _gemm(r: Rewriter) -> None:
    rows = 0 if r.node.attributes.flag("transB", False) else 1
    a, b = r.dequantized(0, "a"), r.dequantized(3, "b", axis=rows)
    bias = ""
    if r.input(6):
        scale = r.product(r.need(1), r.need(4), "bias_scale")
        bias = r.add("DequantizeLinear", [r.input(6), scale], "bias", Attributes.of(axis=0))
    r.operator("Gemm", [a, b, bias], r.input(7), r.input(8))


def _binary(op: str) -> Callable[[Rewriter], None]:
    def rewrite(r: Rewriter) -> None:
        r.operator(op, [r.dequantized(0, "a"), r.dequantized(3, "b")], r.need(6), r.input(7))

    return rewrite


def _unary(op: str) -> Callable[[Rewriter], None]:
    def rewrite(r: Rewriter) -> None:
        if "channels_last" in r.node.attributes and r.node.attributes.flag("channels_last", False):
            raise ModelError("channels_last must be 0")
        r.node.attributes.ignore("opset")
        r.operator(op, [r.dequantized(0, "x")], r.need(3), r.input(4))

    return rewrite


def _concat(r: Rewriter) -> None:
    if len(r.node.inputs) < 5 or (len(r.node.inputs) - 2) % 3:
        raise ModelError("it must have the output's scale and zero point, then three inputs per tensor")
    parts = [r.dequantized(first, f"x{first}") for first in range(2, len(r.node.inputs), 3)]
    r.operator("Concat", parts, r.need(0), r.input(1))


def _integer(op: str, axis: int) -> Callable[[Rewriter], None]:
    """Return the rewrite of an operator on integers without scales, whose results are its accumulators."""

    def rewrite(r: Rewriter) -> None:
        real = [
            r.add(
                "DequantizeLinear", [r.need(i), _ones(r, r.input(i + 2), n), r.input(i + 2)], n, Attributes.of(axis=a)
            )
            for i, n, a in ((0, "x", axis), (1, "w", axis))
        ]
        r.accumulators(op, real)

    return rewrite


def _ones(r: Rewriter, zero_point: str, suffix: str) -> str:
    """Return scales of one, as many as there are zero points."""
    one = r.add("Constant", [], f"{suffix}.one", Attributes.of(value_float=1.0))
    if not zero_point:
        return one
    nought = r.add("Constant", [], f"{suffix}.nought", Attributes.of(value_float=0.0))
    points = r.add("Cast", [zero_point], f"{suffix}.points", Attributes.of(to=1))
    return r.add("Add", [r.add("Mul", [points, nought], f"{suffix}.noughts"), one], f"{suffix}.ones")


REWRITES: dict[str, Callable[[Rewriter], None]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "ConvInteger": _integer("Conv", 0),
    "MatMulInteger": _integer("MatMul", -1),
    "com.microsoft.QGemm": _gemm,
    "com.microsoft.QLinearAdd": _binary("Add"),
    "com.microsoft.QLinearMul": _binary("Mul"),
    "com.microsoft.QLinearConcat": _concat,
    "com.microsoft.QLinearSigmoid": _unary("Sigmoid"),
    "com.microsoft.QLinearLeakyRelu": _unary("LeakyRelu"),
    "com.microsoft.QLinearSoftmax": _unary("Softmax"),
    "com.microsoft.QLinearAveragePool": _unary("AveragePool"),
    "com.microsoft.QLinearGlobalAveragePool": _unary("GlobalAveragePool"),
}
"""How each quantised operator is rewritten."""


def as_qdq(graph: Graph) -> None:
    """Rewrite every quantised operator of ``graph``, in place."""
    taken = {name for node in graph.nodes for name in node.outputs}
    taken.update(graph.constants, (i.name for i in graph.inputs))
    rewritten: list[RawNode] = []
    for node in graph.nodes:
        rewrite = REWRITES.get(node.op)
        if rewrite is None:
            rewritten.append(node)
            continue
        with naming(node):
            if len(node.outputs) != 1 or not node.outputs[0]:
                raise ModelError(f"it must have one output, not {len(node.outputs)}")
            rewriter = Rewriter(node, taken)
            rewrite(rewriter)
            rewritten += rewriter.nodes
    graph.nodes = rewritten
