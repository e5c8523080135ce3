"""Chooses the fixed-point formats of recurrent cells from what calibration sees in them; see docs/recurrent.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx

from accel import reference
from accel.cell import CellFormats
from accel.errors import ModelError
from accel.fixedpoint import FixedPoint, Quantization
from accel.layers.gru import GRU
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.lstm import LSTM
from accel.layers.recurrent import Activation
from accel.layers.rnn import RNN
from accel.network import Network
from accel.quantize.graphs import initializers
from accel.quantize.ranges import Floats, Scale, row_integers

STATE_BITS = 16
PREACTIVATION_BITS = 16
GATE_BITS = 16
SETTLED = (8.0, 16.0)
"""A pre-activation's range is at least the first and, for functions that settle, at most the second."""
SMALLEST_RANGE = 2.0**-9
"""A format's range is at least this, so that 16 bits stay within `MAX_FRACTION`."""
TABLE_BITS = range(6, 11)
TABLE_TOLERANCE = 1.05
"""How much a smaller table may add to the error of the largest one."""
_SETTLING = frozenset({"Tanh", "Sigmoid", "HardSigmoid"})
_TRACED_SEQUENCES = 256
_TRIED_SEQUENCES = 64
_TRACED_ELEMENTS = 1 << 24


@dataclass(frozen=True, eq=False)
class TracedCell:
    """A recurrent node of a float model and what entered it.

    Attributes
    ----------
    layer : IntegerRecurrent
        In floating point.
    inputs : tuple of float32 arrays
        The sequences, then the initial states that are given; the batch axis first.
    """

    layer: IntegerRecurrent
    inputs: tuple[Floats, ...]


def traced_cells(network: Network, calibration: Mapping[str, npt.NDArray[Any]]) -> dict[str, TracedCell]:
    """Return every recurrent node of a float network by name, with what calibration sends into it."""
    nodes = [node for node in network if isinstance(node.layer, IntegerRecurrent)]
    if not nodes:
        return {}
    traced = reference.trace(network, _first_samples(network, calibration))
    return {
        node.name: TracedCell(cast(IntegerRecurrent, node.layer), tuple(traced[name] for name in node.inputs))
        for node in nodes
    }


def _first_samples(network: Network, calibration: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    elements = sum(math.prod(tensor.shape) for tensor in network.tensors.values())
    count = max(1, min(_TRACED_SEQUENCES, _TRACED_ELEMENTS // elements))
    first: dict[str, npt.NDArray[Any]] = {}
    for name in network.inputs:
        axis = network.tensors[name].batch_axis
        first[name] = calibration[name] if axis is None else calibration[name].take(range(count), axis, mode="clip")
    return first


def chosen_formats(cell: TracedCell, hidden_bits: int) -> CellFormats:
    """Return formats that hold what calibration saw in a cell, with the largest tables.

    Every format is the finest that holds the largest number seen. The cell state has one bit more, since longer
    sequences than those seen may add to it. The pre-activation holds 8 at least and, where the activations settle, 16
    at most: beyond that they no longer change.
    """
    layer = cell.layer
    seen = _seen(cell)
    functions = [_of_slot(layer, slot) for slot in range(len(layer.default_activations))]
    settles = all(activation.name in _SETTLING for activation in layer.activations)
    least, most = SETTLED
    reach = min(max(seen.preactivation, least), most) if settles else max(2 * seen.preactivation, least)
    preactivation = _holding(reach, PREACTIVATION_BITS)
    outputs = [_range(of_slot, preactivation) for of_slot in functions]
    never_negative = isinstance(layer, RNN) and all(low >= 0 for low, _ in outputs)
    hidden = _holding(seen.hidden, hidden_bits, signed=not never_negative)
    gates = tuple(_holding(max(-low, high), GATE_BITS) for low, high in outputs)
    peephole = None
    if isinstance(layer, LSTM) and layer.peephole is not None:
        peephole = _holding(float(np.abs(layer.peephole).max()), STATE_BITS)
    return CellFormats(
        preactivation=preactivation,
        activations=(hidden,) if isinstance(layer, RNN) else gates,
        hidden=hidden,
        state=_holding(2 * seen.state, STATE_BITS) if isinstance(layer, LSTM) else None,
        peephole=peephole,
        index_bits=TABLE_BITS[-1],
    )


def fixed_scales(node: onnx.NodeProto, formats: CellFormats, graph: onnx.GraphProto) -> dict[str, Scale]:
    """Return the scales of the initial states a recurrent node reads and of what it writes.

    States that enter, unless they are constants, and outputs that leave the graph or are read by nothing else, have the
    formats of the states themselves; a hidden state that other layers read is rounded to 8 bits for them.
    """
    narrow = FixedPoint(8, formats.hidden.fraction - (formats.hidden.bits - 8), formats.hidden.signed)
    scales: dict[str, Scale] = {}
    constants = initializers(graph)
    for place, form in ((5, formats.hidden), (6, formats.state)):
        name = node.input[place] if place < len(node.input) else ""
        if form is not None and name and name not in constants:
            scales[name] = _scale(form)
    read = {name for other in graph.node for name in other.input}
    for name, form in zip(node.output, (narrow, narrow, formats.state), strict=False):
        if name and form is not None:
            scales[name] = _scale(form if name in read or form is formats.state else formats.hidden)
    return scales


def _scale(form: FixedPoint) -> Scale:
    return Scale(np.float32(form.scale), 0, form.bits, form.signed)


def with_smallest_table(cell: TracedCell, formats: CellFormats, x: Quantization, weight_bits: int) -> CellFormats:
    """Return the formats with the smallest tables that add little to the hidden states' error on calibration data."""
    errors: dict[int, float] = {}
    for bits in reversed(TABLE_BITS):
        errors[bits] = _error(cell, replace(formats, index_bits=bits), x, weight_bits)
        if errors[bits] > TABLE_TOLERANCE * errors[TABLE_BITS[-1]]:
            return replace(formats, index_bits=bits + 1)
    return replace(formats, index_bits=TABLE_BITS[0])


@dataclass(frozen=True)
class _Seen:
    """The largest magnitudes in a cell."""

    preactivation: float
    hidden: float
    state: float


class _Probe:
    """An activation that remembers the largest magnitude of its inputs."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self.name = activation.name
        self.largest = 0.0

    def __call__(self, x: Floats) -> Floats:
        self.largest = max(self.largest, float(np.abs(x).max(initial=0)))
        return self.activation(x)


def _seen(cell: TracedCell) -> _Seen:
    layer = cell.layer
    probes = [_Probe(activation) for activation in layer.activations]
    probed = replace(layer, activations=cast("tuple[Activation, ...]", tuple(probes)))
    largest: dict[str, float] = {"h": 0.0, "c": 0.0}
    for name, given in zip(layer.states, cell.inputs[1:] or layer.first_states(1, np.float32), strict=False):
        largest[name] = float(np.abs(given).max(initial=0))
    fed_back = 0.0
    for d, _, states in probed.walk(cell.inputs):
        for name, value in zip(layer.states, states, strict=True):
            if not np.isfinite(value).all():
                raise ModelError(f"{layer.op} states must be finite on the calibration data")
            largest[name] = max(largest[name], float(np.abs(value).max(initial=0)))
        if isinstance(layer, GRU) and layer.linear_before_reset:
            assert layer.recurrence is not None
            rows = slice(2 * layer.hidden_size, None)
            bias = np.split(layer.bias[d], 2)[1][rows] if layer.bias is not None else np.float32(0)
            fed_back = max(fed_back, float(np.abs(states[0] @ layer.recurrence[d, rows].T + bias).max(initial=0)))
    return _Seen(max(fed_back, *(probe.largest for probe in probes)), largest["h"], largest["c"])


def _of_slot(layer: IntegerRecurrent, slot: int) -> list[Activation]:
    """Return one of a direction's activations, for every direction."""
    return list(layer.activations[slot :: len(layer.default_activations)])


def _range(activations: list[Activation], source: FixedPoint) -> tuple[float, float]:
    """Return the least and the greatest output of some activations over a format's range."""
    x = np.arange(source.low, source.high + 1) * source.scale
    values = np.concatenate([activation(x) for activation in activations])
    return float(values.min()), float(values.max())


def _holding(largest: float, bits: int, signed: bool = True) -> FixedPoint:
    """Return the finest format in which ``largest`` is at most one step too large."""
    significand, exponent = math.frexp(max(largest, SMALLEST_RANGE))
    exponent -= significand == 0.5  # a power of two saturates, one step below it
    return FixedPoint(bits, bits - signed - exponent, signed)


def _error(cell: TracedCell, formats: CellFormats, x: Quantization, weight_bits: int) -> float:
    """Return the root mean square error of the integer cell's hidden states."""
    layer = cell.layer
    assert layer.weight is not None
    assert layer.recurrence is not None
    reals = [given[:_TRIED_SEQUENCES] for given in cell.inputs]
    forms = layer.state_formats(formats)[1:]
    quantizations = [x, *(form.quantization for form, _ in zip(forms, reals[1:], strict=False))]
    matrices = [row_integers(matrix, weight_bits) for matrix in (layer.weight, layer.recurrence)]
    weight, recurrence = (
        (integers.astype(np.int64), np.broadcast_to(scales.astype(np.float64), integers.shape[:2]))
        for integers, scales in matrices
    )
    integer = layer.in_formats(formats, quantizations, None, weight, recurrence, weight_bits)
    stored = [q.quantize(real) for q, real in zip(quantizations, reals, strict=True)]
    got = integer.integer(stored, quantizations)[0] * formats.hidden.scale
    return float(np.sqrt(np.mean(np.square(got - layer.forward(reals)[0]))))
