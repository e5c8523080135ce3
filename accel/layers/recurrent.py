"""What RNN, LSTM and GRU share: shapes, directions, activations, the loop over time; no layer type lives here."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from accel.errors import ModelError, shown
from accel.layers.base import Array, Layer, Shape, positive
from accel.layers.unary import logistic
from accel.work import Kind, Work

DIRECTIONS = {"forward": (1,), "reverse": (-1,), "bidirectional": (1, -1)}
"""Steps through time of each direction."""

_ACTIVATIONS: dict[str, tuple[float, float, Callable[[Array, float, float], Array]]] = {
    "Relu": (0.0, 0.0, lambda x, a, b: np.maximum(x, 0)),
    "Tanh": (0.0, 0.0, lambda x, a, b: np.tanh(x)),
    "Sigmoid": (0.0, 0.0, lambda x, a, b: logistic(x)),
    "Affine": (1.0, 0.0, lambda x, a, b: a * x + b),
    "LeakyRelu": (0.01, 0.0, lambda x, a, b: np.where(x >= 0, x, a * x)),
    "ThresholdedRelu": (1.0, 0.0, lambda x, a, b: np.where(x >= a, x, 0)),
    "ScaledTanh": (1.0, 1.0, lambda x, a, b: a * np.tanh(b * x)),
    "HardSigmoid": (0.2, 0.5, lambda x, a, b: np.clip(a * x + b, 0, 1)),
    "Elu": (1.0, 0.0, lambda x, a, b: np.where(x >= 0, x, a * np.expm1(np.minimum(x, 0)))),
    "Softsign": (0.0, 0.0, lambda x, a, b: x / (1 + np.abs(x))),
    "Softplus": (0.0, 0.0, lambda x, a, b: np.logaddexp(0, x)),
}
"""ONNX's activations of recurrent operators: default alpha, default beta, function."""


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation of a recurrent cell.

    Attributes
    ----------
    name : str
        As in ONNX: Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign,
        Softplus; capitals do not matter.
    alpha, beta : float, optional
        Its parameters; by default ONNX's.
    """

    name: str
    alpha: float | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        known = {name.lower(): name for name in _ACTIVATIONS}
        if self.name.lower() not in known:
            raise ModelError(f"activation must be one of {', '.join(_ACTIVATIONS)}, not {shown(self.name)}")
        object.__setattr__(self, "name", known[self.name.lower()])

    def __call__(self, x: Array) -> Array:
        """Return the activation of ``x``."""
        alpha, beta, function = _ACTIVATIONS[self.name]
        alpha = alpha if self.alpha is None else self.alpha
        return function(x, alpha, beta if self.beta is None else self.beta).astype(x.dtype)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recurrent(Layer):
    """A recurrent layer over a sequence ``(t, c)``, in one direction or both.

    Inputs are the sequence and, optionally, an initial value of each state, ``(directions, hidden)``; without, states
    begin with `initial`, or at zero.
    Outputs are every step's hidden state ``(t, directions, hidden)``, then the last value of each state,
    ``(directions, hidden)``: ONNX's shapes less the batch axis. Of a reverse direction the last step is the first
    in time.

    Attributes
    ----------
    input_size, hidden_size : int
        Features of an input step and of the hidden state.
    direction : str
        ``forward``, ``reverse`` or ``bidirectional``.
    activations : tuple of Activation
        ONNX's order, all of the forward direction first; empty for the defaults.
    clip : float, optional
        Bound on the inputs of activations.
    has_bias : bool
    weight : array, shape (directions, gates * hidden, input), optional
    recurrence : array, shape (directions, gates * hidden, hidden), optional
    bias : array, shape (directions, 2 * gates * hidden), optional
        Of the weights, then of the recurrence.
    has_initial : bool
        Whether the states begin with constants.
    initial : array, shape (directions, states, hidden), optional
        Those constants, in the order of `states`.
    """

    gates: ClassVar[int]
    """Gate matrices."""
    states: ClassVar[tuple[str, ...]]
    """Names of the states, the hidden one first."""
    default_activations: ClassVar[tuple[str, ...]]
    """Names of one direction's activations."""
    pointwise_ops: ClassVar[int]
    """Element-wise operations of one step on one hidden unit: activations, products, sums."""

    input_size: int
    hidden_size: int
    direction: str = "forward"
    activations: tuple[Activation, ...] = ()
    clip: float | None = None
    has_bias: bool = True
    weight: Array | None = None
    recurrence: Array | None = None
    bias: Array | None = None
    has_initial: bool = False
    initial: Array | None = None

    def __post_init__(self) -> None:
        positive(f"{self.op} sizes", (self.input_size, self.hidden_size))
        if self.direction not in DIRECTIONS:
            raise ModelError(f"{self.op} direction must be one of {', '.join(DIRECTIONS)}, not {shown(self.direction)}")
        if self.clip is not None and not self.clip > 0:
            raise ModelError(f"{self.op} clip must be positive, not {self.clip}")
        count = len(self.default_activations) * self.directions
        if not self.activations:
            defaults = tuple(Activation(name) for name in self.default_activations)
            object.__setattr__(self, "activations", defaults * self.directions)
        if len(self.activations) != count:
            raise ModelError(f"{self.op} must have {count} activations, not {len(self.activations)}")
        super().__post_init__()

    @property
    def directions(self) -> int:
        """One or two."""
        return len(DIRECTIONS[self.direction])

    def weight_shapes(self) -> Mapping[str, Shape]:
        rows = self.gates * self.hidden_size
        shapes: dict[str, Shape] = {
            "weight": (self.directions, rows, self.input_size),
            "recurrence": (self.directions, rows, self.hidden_size),
        }
        if self.has_bias:
            shapes["bias"] = (self.directions, 2 * rows)
        if self.has_initial:
            shapes["initial"] = (self.directions, len(self.states), self.hidden_size)
        return shapes

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        state = (self.directions, self.hidden_size)
        if not 1 <= len(shapes) <= 1 + len(self.states):
            raise ModelError(f"{self.op} must have 1 to {1 + len(self.states)} inputs, not {len(shapes)}")
        if self.has_initial and len(shapes) > 1:
            raise ModelError(f"{self.op} must have either constant initial states or given ones, not both")
        if len(shapes[0]) != 2 or shapes[0][1] != self.input_size:
            raise ModelError(f"{self.op} input must be a sequence of {self.input_size} features, not {shapes[0]}")
        for shape in shapes[1:]:
            if shape != state:
                raise ModelError(f"{self.op} initial state must have shape {state}, not {shape}")
        return ((shapes[0][0], *state), *(state for _ in self.states))

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        steps = shapes[0][0]
        rows, inner = self.gates * self.hidden_size, self.input_size + self.hidden_size
        given = sum(math.prod(shape) for shape in shapes[1:]) // self.directions
        one = Work(
            kind=Kind.RECURRENT, t=steps, m=rows, c=inner, macs=steps * rows * inner,
            ifmap=steps * self.input_size + given, weight=self.parameters // self.directions,
            ofmap=steps * self.hidden_size, ops=steps * self.hidden_size * self.pointwise_ops,
        )  # fmt: skip
        return (one,) * self.directions

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        n, steps = x.shape[:2]
        every = np.empty((n, steps, self.directions, self.hidden_size), x.dtype)
        last = [np.empty((n, self.directions, self.hidden_size), x.dtype) for _ in self.states]
        for d, t, states in self.walk(inputs):
            every[:, t, d] = states[0]
            for state, value in zip(last, states, strict=True):
                state[:, d] = value
        return (every, *last)

    def walk(self, inputs: Sequence[Array]) -> Iterator[tuple[int, int, list[Array]]]:
        """Yield direction, time and the states after that step, shape (n, hidden), in the order they are computed."""
        assert self.weight is not None
        assert self.recurrence is not None
        x = inputs[0]
        for d, step in enumerate(DIRECTIONS[self.direction]):
            bias = np.zeros(2 * self.weight.shape[1], x.dtype) if self.bias is None else self.bias[d]
            of_input, of_state = np.split(bias, 2)
            driven = x @ self.weight[d].T + of_input
            states = [state[:, d] for state in self.first_states(len(x), x.dtype)]
            for given, state in zip(inputs[1:], states, strict=False):
                state[...] = given[:, d]
            for t in range(x.shape[1])[::step]:
                states = self.step(d, driven[:, t], states, self.recurrence[d].T, of_state)
                yield d, t, states

    def first_states(self, samples: int, dtype: DTypeLike) -> list[Array]:
        """Return the states before the first step where none are given, shape (samples, directions, hidden) each."""
        states = [np.zeros((samples, self.directions, self.hidden_size), dtype) for _ in self.states]
        if self.initial is not None:
            for i, state in enumerate(states):
                state[...] = self.initial[:, i]
        return states

    @abstractmethod
    def step(self, d: int, driven: Array, states: list[Array], recurrence: Array, bias: Array) -> list[Array]:
        """Return the states after one step.

        Parameters
        ----------
        d : int
            Direction.
        driven : array, shape (n, gates * hidden)
            What the input adds to each gate, its bias included.
        states : list of arrays, shape (n, hidden)
            Before the step.
        recurrence : array, shape (hidden, gates * hidden)
        bias : array, shape (gates * hidden,)
            Of the recurrence.
        """

    def activate(self, d: int, which: int, x: Array) -> Array:
        """Return activation ``which`` of direction ``d`` of ``x``, clipped before if the layer says so."""
        if self.clip is not None:
            x = np.clip(x, -self.clip, self.clip)
        return self.activations[d * len(self.default_activations) + which](x)
