"""Layers of a quantised graph put in an order in which each stands between a DequantizeLinear and a QuantizeLinear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from accel.layers.arg_max import ArgMax
from accel.layers.clip import Clip
from accel.layers.moves import Move
from accel.layers.pad import Pad
from accel.layers.relu import Relu
from accel.layers.rescale import Rescale
from accel.onnx_import.lowering import Step
from accel.onnx_import.values import Activation

Fresh = Callable[[str], str]
Tensors = dict[str, Activation]


def reordered(steps: list[Step], fresh: Fresh, tensors: Tensors, outputs: Iterable[str]) -> list[Step]:
    """Return the steps with saturation behind moves, and moves in front of DequantizeLinear or behind QuantizeLinear.

    Parameters
    ----------
    steps : list of Step
    fresh : callable
        Makes a name that is not used yet.
    tensors : dict of str to Activation
        By name; gains those that are new.
    outputs : iterable of str
        Graph outputs, which keep their values.
    """
    steps = _defer_saturation(steps, fresh, tensors, outputs)
    steps = _choose_among_integers(_sink_moves(steps, fresh, tensors), tensors)
    return _hoist_rounding(steps, fresh, tensors, outputs)


def _choose_among_integers(steps: list[Step], tensors: Tensors) -> list[Step]:
    """Make an ArgMax between a DequantizeLinear and a graph output read the integers, whose order is the same."""
    writers = {tensor: step for step in steps for tensor in step.outputs}
    read = {tensor for step in steps for tensor in step.inputs}
    chosen: list[Step] = []
    for step in steps:
        layer = step.layer
        source = writers.get(step.inputs[0]) if isinstance(layer, ArgMax) and read.isdisjoint(step.outputs) else None
        if isinstance(layer, ArgMax) and source is not None and source.kind == "dequantize":
            step = replace(step, inputs=source.inputs)
            indices = layer.indices(tensors[source.inputs[0]].sample)
            tensors.update({name: replace(tensors[name], quantization=indices) for name in step.outputs})
        chosen.append(step)
    return chosen


def _defer_saturation(steps: list[Step], fresh: Fresh, tensors: Tensors, outputs: Iterable[str]) -> list[Step]:
    """Put a ReLU or Clip behind the layer that moves its output: both are monotone, so their order is free."""
    readers = Counter(tensor for step in steps for tensor in step.inputs)
    readers.update(outputs)
    writers: dict[str, Step] = {}
    ordered: list[Step] = []
    for step in steps:
        ordered.append(step)
        writers.update(dict.fromkeys(step.outputs, step))
        before = writers.get(step.inputs[0]) if isinstance(step.layer, Move) else None
        if before is None or not _passes(before, step) or readers[before.outputs[0]] != 1:
            continue
        moved = fresh(step.outputs[0])
        tensors[moved] = replace(tensors[step.outputs[0]], name=moved)
        first = replace(step, inputs=before.inputs, outputs=(moved,))
        then = replace(before, inputs=(moved,), outputs=step.outputs)
        ordered[-1] = first
        ordered.append(then)
        ordered.remove(before)
        writers[moved], writers[then.outputs[0]] = first, then
        readers[moved] = 1
    return ordered


def _passes(saturation: Step, move: Step) -> bool:
    """Whether saturating before a move is the same as after it; padding adds zeros, which must not saturate."""
    if isinstance(saturation.layer, Clip):
        return not isinstance(move.layer, Pad) or saturation.layer.low <= 0 <= saturation.layer.high
    return isinstance(saturation.layer, Relu)


def _sink_moves(steps: list[Step], fresh: Fresh, tensors: Tensors) -> list[Step]:
    """Put what is exact on integers, between a DequantizeLinear and a layer that computes, in front of the former.

    That is moving values, and a ReLU, which is then a saturation at the zero point. The layer that computes finds a
    DequantizeLinear at its input.
    """
    writers = {tensor: step for step in steps for tensor in step.outputs}
    readers: dict[str, list[Step]] = {}
    for step in steps:
        for tensor in step.inputs:
            readers.setdefault(tensor, []).append(step)
    sunk: list[Step] = []
    for step in steps:
        source = writers.get(step.inputs[0]) if step.inputs else None
        computed = any(_computes(reader) for reader in readers.get(step.outputs[0], ()))
        if not isinstance(step.layer, Move | Relu) or source is None or source.kind != "dequantize" or not computed:
            sunk.append(step)
            continue
        moved = fresh(step.outputs[0])
        quantization = tensors[source.inputs[0]].quantization
        assert quantization is not None
        layer = step.layer
        if isinstance(layer, Relu):
            layer = Rescale()
            quantization = replace(quantization, low=max(quantization.low, quantization.zero_point))
        tensors[moved] = replace(tensors[step.outputs[0]], name=moved, quantization=quantization)
        real = Step(step.node, fresh(step.name), None, (moved,), step.outputs, kind="dequantize")
        writers[step.outputs[0]] = real
        sunk += [replace(step, layer=layer, inputs=source.inputs, outputs=(moved,)), real]
    return sunk


def _computes(step: Step) -> bool:
    return step.kind == "layer" and not isinstance(step.layer, Relu | Clip)


def _hoist_rounding(steps: list[Step], fresh: Fresh, tensors: Tensors, outputs: Iterable[str]) -> list[Step]:
    """Put a QuantizeLinear in front of moves that stand between a layer that computes and itself."""
    writers = {tensor: step for step in steps for tensor in step.outputs}
    readers = Counter(tensor for step in steps for tensor in step.inputs)
    readers.update(outputs)
    hoisted: list[Step] = []
    for step in steps:
        moves: list[Step] = []
        while step.kind == "quantize":
            move = writers.get(step.inputs[0])
            before = writers.get(move.inputs[0]) if move is not None and isinstance(move.layer, Move) else None
            if move is None or before is None or before.kind != "layer" or readers[step.inputs[0]] != 1:
                break
            rounded = fresh(move.inputs[0])
            quantization = tensors[step.outputs[0]].quantization
            tensors[rounded] = replace(tensors[move.inputs[0]], name=rounded, quantization=quantization)
            moves.append(replace(move, inputs=(rounded,), outputs=step.outputs))
            step = replace(step, inputs=move.inputs, outputs=(rounded,))
        hoisted += [step, *reversed(moves)]
    return hoisted
