"""RNN, LSTM and GRU."""

from __future__ import annotations

from typing import Any

import numpy as np

from accel.cell import CellFormats
from accel.errors import ModelError
from accel.layers.base import Array, Shape
from accel.layers.gru import GRU
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.lstm import LSTM
from accel.layers.pad import Pad
from accel.layers.recurrent import DIRECTIONS, Recurrent
from accel.layers.recurrent import Activation as CellActivation
from accel.layers.rnn import RNN
from accel.layers.slice import Slice
from accel.onnx_import.attributes import Attributes
from accel.onnx_import.shape_rules import SEQUENCE_LENGTHS, common_length
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.values import Activation, Const

_FIRST_STATE, _PEEPHOLES = 5, 7
_PARAMETRISED = {"Affine": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "ScaledTanh": 2, "HardSigmoid": 2, "Elu": 1}
"""How many of alpha and beta an activation takes from the node's lists."""


@lowers("LSTM")
def lstm(site: Site) -> None:
    """Lower LSTM."""
    attributes = site.node.attributes
    peephole = None
    if site.optional(_PEEPHOLES) is not None:
        peephole = site.weights(_PEEPHOLES, "the peepholes", 2)
    more = {
        "input_forget": attributes.flag("input_forget", False),
        "has_peepholes": peephole is not None,
        "peephole": None if peephole is None else peephole.array,
    }
    _recurrent(site, LSTM, more)


@lowers("GRU")
def gru(site: Site) -> None:
    """Lower GRU."""
    _recurrent(site, GRU, {"linear_before_reset": site.node.attributes.flag("linear_before_reset", False)})


@lowers("RNN")
def rnn(site: Site) -> None:
    """Lower RNN."""
    _recurrent(site, RNN, {})


def _recurrent(site: Site, kind: type[IntegerRecurrent], more: dict[str, Any]) -> None:
    attributes = site.node.attributes
    batch_first = attributes.flag("layout", False)
    x = site.activation()
    if len(x.shape) != 3:
        raise ModelError(f"its input must be a sequence of three axes, not {len(x.shape)}")
    if x.batch_axis != (0 if batch_first else 1):
        raise ModelError(f"its input must have the batch on axis {0 if batch_first else 1}, not {x.batch_axis}")
    direction = attributes.word("direction", "forward", DIRECTIONS)
    weight = site.weights(1, "the weights", 3)
    recurrence = site.weights(2, "the recurrence", 3)
    bias = None if site.optional(3) is None else site.weights(3, "the bias", 2)
    hidden = recurrence.array.shape[2]
    declared = attributes.integer("hidden_size", hidden)
    if declared != hidden:
        raise ModelError(f"hidden_size must agree with the recurrence's {hidden}, not be {declared}")
    clip = attributes.real("clip", 0.0) if "clip" in attributes else None
    formats = site.lowering.graph.cells.get(site.node.name)
    states, constants = _initial_states(site, kind, 0 if batch_first else 1)
    initial = _stacked(constants, (len(DIRECTIONS[direction]), hidden))
    layer = kind(
        input_size=weight.array.shape[2],
        hidden_size=hidden,
        direction=direction,
        activations=_activations(attributes, kind is RNN and len(DIRECTIONS[direction]) == 1),
        clip=clip,
        has_bias=bias is not None,
        weight=weight.array,
        recurrence=recurrence.array,
        bias=None if bias is None else bias.array,
        has_initial=initial is not None,
        initial=initial,
        cell=CellFormats.from_json(formats) if formats is not None else None,
        **more,
    )
    axes = [0] * 3 if batch_first else [2, 1, 1]
    codes = {"weight": weight.codes, "recurrence": recurrence.codes, "bias": bias.codes if bias else None}
    steps, features = x.sample
    length = _length(site, steps)
    if length < steps:
        cut = Slice(start=(0, 0), count=(length, features), step=(1, 1))
        x = site.emit(cut, x, batch_axis=x.batch_axis, output=None)
    filled = length < steps and bool(site.node.outputs[0])
    states_given = site.emit_all(layer, (x, *states), axes[: 1 + len(layer.states)], codes, (0,) if filled else ())
    if filled:
        zeros = Pad(padding=(0, 0, 0, steps - length, 0, 0))
        site.alias(site.emit(zeros, states_given[0], batch_axis=axes[0], output=None))


def _activations(attributes: Attributes, single: bool) -> tuple[CellActivation, ...]:
    """Return a cell's activations; where there is but a ``single`` one, ONNX's default still names two."""
    names = attributes.words("activations") or ()
    if single and tuple(names) == ("Tanh", "Tanh"):
        names = names[:1]
    alphas, betas = (list(attributes.reals(n) or ()) for n in ("activation_alpha", "activation_beta"))
    made: list[CellActivation] = []
    for name in names:
        takes = _PARAMETRISED.get(CellActivation(name).name, 0)
        alpha = alphas.pop(0) if takes >= 1 and alphas else None
        beta = betas.pop(0) if takes >= 2 and betas else None
        made.append(CellActivation(name, alpha, beta))
    return tuple(made)


def _length(site: Site, steps: int) -> int:
    """Return the time steps that are run; ONNX fills the sequence of states up with zeros behind them."""
    lengths = site.maybe_constant(SEQUENCE_LENGTHS, "sequence_lens")
    return steps if lengths is None else common_length(lengths.array, steps)


def _initial_states(site: Site, layer: type[Recurrent], batch_axis: int) -> tuple[list[Activation], list[Array | None]]:
    """Return the initial states that are computed, and every state's constant; zeros mean what leaving it out means."""
    given = [site.optional(_FIRST_STATE + i) for i in range(len(layer.states))]
    states: list[Activation] = []
    constants: list[Array | None] = []
    for place, (name, value) in enumerate(zip(layer.states, given, strict=True)):
        if isinstance(value, Activation):
            if len(value.shape) != 3 or value.batch_axis != batch_axis:
                raise ModelError(f"the initial state {name} must have three axes, the batch on axis {batch_axis}")
            states.append(value)
        constant = None
        if isinstance(value, Const) and np.any(value.array):
            array = site.weights(_FIRST_STATE + place, f"the initial state {name}", 3).array
            constant = array.take(0, batch_axis)
            if np.any(array != np.expand_dims(constant, batch_axis)):
                raise ModelError(f"a constant initial state {name} must be the same for every sample")
        constants.append(constant)
    if states and len(states) != len(given):
        raise ModelError("initial states must be given for all of the cell's states or for none")
    return states, constants


def _stacked(constants: list[Array | None], shape: Shape) -> Array | None:
    """Return constant initial states, shape (directions, states, hidden); ``None`` if all are zero."""
    if all(constant is None for constant in constants):
        return None
    states = [np.zeros(shape, np.float32) if constant is None else constant for constant in constants]
    for state in states:
        if state.shape != shape:
            raise ModelError(f"a constant initial state must have shape {shape} but for the batch, not {state.shape}")
    return np.stack(states, axis=1)
