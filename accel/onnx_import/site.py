"""What an operator's handler sees of its node, and the walk that calls one handler after the other."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from onnx import defs

from accel.errors import ModelError, did_you_mean, shown
from accel.fixedpoint import Quantization
from accel.layers.base import Layer
from accel.layers.reshape import Reshape
from accel.onnx_import.constants import folded
from accel.onnx_import.folding import FOLDS, Call
from accel.onnx_import.graph import RawNode, naming
from accel.onnx_import.lowering import Lowering, Step
from accel.onnx_import.values import Activation, Codes, Const, Value, with_batch

Handler = Callable[["Site"], None]
_handlers: dict[str, Handler] = {}


def lowers(*ops: str) -> Callable[[Handler], Handler]:
    """Register the handler of operators."""

    def register(handler: Handler) -> Handler:
        for op in ops:
            if op in _handlers:
                raise ValueError(f"{op} has two handlers")
            _handlers[op] = handler
        return handler

    return register


@cache
def handlers() -> dict[str, Handler]:
    """Return every handler by operator, discovered from the files of ``accel/onnx_import/ops``."""
    from accel.onnx_import import ops

    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{module.name}")
    return _handlers


def lower(lowering: Lowering) -> None:
    """Lower every node.

    Raises
    ------
    ModelError
        Naming the first node that cannot be.
    """
    for node in lowering.graph.nodes:
        with naming(node):
            _lower(lowering, node)


def _lower(lowering: Lowering, node: RawNode) -> None:
    site = Site(lowering, node)
    if site.is_constant and node.op in FOLDS:
        first = site.optional(0)
        consts = folded(node, site.call(), first if isinstance(first, Const) else None)
        for name, const in zip(node.outputs, consts, strict=False):
            lowering.define(name, const)
        node.attributes.finish()
        return
    handler = handlers().get(node.op)
    if handler is None:
        known = sorted(op for op in handlers() if not op.startswith("accel."))
        raise ModelError(f"this operator is not supported{did_you_mean(node.op, known)}")
    if not node.inputs:
        raise ModelError("input 1 must be given")
    most = _most_inputs(node.op, site.opset)
    if len(node.inputs) > most:
        raise ModelError(f"it must have at most {most} input{'s' * (most > 1)}, not {len(node.inputs)}")
    handler(site)
    node.attributes.finish()
    for name in node.outputs:
        if lowering.readers[name] and name not in lowering.values:
            raise ModelError(f"its output {shown(name)} is not supported")


@cache
def _most_inputs(op: str, opset: int) -> int:
    """Return the most inputs that ONNX gives one of its own operators; no limit is known of others."""
    try:
        return defs.get_schema(op, opset).max_input
    except defs.SchemaError:
        return sys.maxsize


@dataclass(frozen=True, slots=True)
class Site:
    """One node as its handler sees it."""

    lowering: Lowering
    node: RawNode

    @property
    def opset(self) -> int:
        """The model's opset."""
        return self.lowering.graph.opset

    @property
    def is_constant(self) -> bool:
        """Whether every input is a constant."""
        return all(not name or isinstance(self.lowering.values[name], Const) for name in self.node.inputs)

    def call(self) -> Call:
        """Return the node as a call on constants; inputs that are computed are left out."""
        operands = [self.optional(i) for i in range(len(self.node.inputs))]
        arrays = [o.array if isinstance(o, Const) else None for o in operands]
        return Call(arrays, self.node.attributes, self.opset, len(self.node.outputs), self.lowering.graph.reader)

    def optional(self, index: int) -> Value | None:
        """Return an input, or ``None`` if it is left out."""
        name = self.node.inputs[index] if index < len(self.node.inputs) else ""
        return self.lowering.values[name] if name else None

    def value(self, index: int) -> Value:
        """Return an input that must be there."""
        value = self.optional(index)
        if value is None:
            raise ModelError(f"input {index + 1} must be given")
        return value

    def activation(self, index: int = 0) -> Activation:
        """Return an input that must be computed, not constant."""
        value = self.value(index)
        if isinstance(value, Const):
            raise ModelError(f"input {index + 1} must not be constant")
        return value

    def constant(self, index: int, what: str) -> Const:
        """Return an input that must be constant."""
        value = self.value(index)
        if not isinstance(value, Const):
            raise ModelError(f"{what} must be constant, not computed by the network")
        return value

    def maybe_constant(self, index: int, what: str) -> Const | None:
        """Return an input that must be constant if it is there."""
        return None if self.optional(index) is None else self.constant(index, what)

    def weights(self, index: int, what: str, rank: int | None = None) -> Const:
        """Return a constant of finite real numbers, of ``rank`` axes."""
        const = self.constant(index, what)
        if const.array.dtype.kind != "f":
            raise ModelError(f"{what} must be real numbers or come through DequantizeLinear, not {const.array.dtype}")
        if rank is not None and const.array.ndim != rank:
            raise ModelError(f"{what} must have {rank} axes, not shape {const.array.shape}")
        if not const.array.size or not np.isfinite(const.array).all():
            raise ModelError(f"{what} must be finite numbers")
        return const

    def emit(
        self,
        layer: Layer,
        *inputs: Activation,
        batch_axis: int | None,
        codes: dict[str, Codes | None] | None = None,
        output: int | None = 0,
        keeps_values: bool = False,
    ) -> Activation:
        """Append a layer and return its output.

        Parameters
        ----------
        layer : Layer
        *inputs : Activation
        batch_axis : int, optional
            Of the output, in the model's shape.
        codes : dict of str to Codes, optional
            The integers behind weight fields.
        output : int, optional
            Which of the node's outputs it is; ``None`` if it is a value between two layers of one node.
        keeps_values : bool
            Whether the layer only moves or selects values, so that it may read integers without a DequantizeLinear.
        """
        if not isinstance(layer, Reshape) and not all(a.sample for a in inputs):
            raise ModelError("its input must have an axis besides the batch")
        quantization = self._common_quantization(inputs) if keeps_values else self._no_integers(inputs)
        shape = layer.infer([a.sample for a in inputs])[0]
        name = self.node.outputs[output] if output is not None else self.lowering.fresh(self.node.outputs[0])
        result = Activation(name, with_batch(shape, batch_axis, self.lowering.batch), batch_axis, quantization)
        step_name = self.node.name if output == 0 else self.lowering.fresh(self.node.name)
        known = {k: v for k, v in (codes or {}).items() if v is not None}
        step = Step(self.node, step_name, layer, tuple(a.name for a in inputs), (name,), known)
        self.lowering.append(step, result)
        if keeps_values and any(a.name in self.lowering.unscaled for a in inputs):
            self.lowering.unscaled.add(name)
        if output is not None:
            self.lowering.values[name] = result
        return result

    def emit_all(
        self,
        layer: Layer,
        inputs: tuple[Activation, ...],
        batch_axes: Sequence[int],
        codes: dict[str, Codes | None],
        inner: Collection[int] = (),
    ) -> list[Activation]:
        """Append a layer with several outputs, of which the node may leave some out, and return them.

        Those in ``inner`` are values between two layers of one node.
        """
        self._no_integers(inputs)
        lowering = self.lowering
        shapes = layer.infer([a.sample for a in inputs])
        if len(self.node.outputs) > len(shapes):
            raise ModelError(f"it must have at most {len(shapes)} outputs, not {len(self.node.outputs)}")
        results: list[Activation] = []
        for index, (shape, axis) in enumerate(zip(shapes, batch_axes, strict=True)):
            given = self.node.outputs[index] if index < len(self.node.outputs) and index not in inner else ""
            name = given or lowering.fresh(self.node.name)
            results.append(Activation(name, with_batch(shape, axis, lowering.batch), axis))
        known = {k: v for k, v in codes.items() if v is not None}
        names = tuple(r.name for r in results)
        lowering.append(Step(self.node, self.node.name, layer, tuple(a.name for a in inputs), names, known), *results)
        for result in results:
            lowering.values[result.name] = result
        return results

    def emit_border(self, kind: str, source: Activation, quantization: Quantization | None) -> None:
        """Append a QuantizeLinear or DequantizeLinear."""
        name = self.node.outputs[0]
        result = replace(source, name=name, quantization=quantization)
        self.lowering.append(Step(self.node, self.node.name, None, (source.name,), (name,), kind=kind), result)
        self.lowering.values[name] = result

    def alias(
        self, value: Activation, *, output: int = 0, shape: tuple[int, ...] | None = None, batch_axis: int | None = None
    ) -> None:
        """Make an output of the node another view of ``value``, with no layer between."""
        if shape is not None:
            value = replace(value, shape=shape, batch_axis=batch_axis)
        self.lowering.values[self.node.outputs[output]] = value

    def define(self, value: Const, output: int = 0) -> None:
        """Make an output a constant."""
        self.lowering.define(self.node.outputs[output], value)

    def note(self, text: str) -> None:
        """Add a line to the network's notes."""
        self.lowering.notes.append(f"{self.node}: {text}")

    def _no_integers(self, inputs: Sequence[Activation]) -> None:
        for value in inputs:
            if value.quantization is not None:
                raise ModelError(
                    f"its input {shown(value.name)} holds integers; a layer that computes must stand between "
                    "DequantizeLinear and QuantizeLinear"
                )

    def _common_quantization(self, inputs: Sequence[Activation]) -> Quantization | None:
        if inputs[0].quantization is None and all(value.quantization is None for value in inputs):
            return None
        if any(value.quantization is None for value in inputs):
            raise ModelError("its inputs must all hold real numbers, or all integers")
        first = self.lowering.quantization(inputs[0])
        if any(self.lowering.quantization(value) != first for value in inputs):
            raise ModelError("its inputs must have the same scale and zero point, or pass through DequantizeLinear")
        return first
