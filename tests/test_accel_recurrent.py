"""RNN, LSTM and GRU against scalar loops written from ONNX's equations."""

import math

import numpy as np
import pytest

from accel.errors import ModelError
from accel.layers import registry
from accel.layers.base import Example
from accel.layers.gru import GRU
from accel.layers.lstm import LSTM
from accel.layers.recurrent import Activation
from accel.work import Kind

CASES = [(op, e) for op in ("RNN", "LSTM", "GRU") for e in registry()[op].examples() if not e.is_integer]

FUNCTIONS = {
    "Relu": lambda x: max(0.0, x),
    "Tanh": math.tanh,
    "Sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "HardSigmoid": lambda x: min(1.0, max(0.0, 0.2 * x + 0.5)),
}


def dot(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


class Cell:
    """One direction of a layer, one hidden unit at a time."""

    def __init__(self, layer, d: int):
        self.layer, self.d, self.size = layer, d, layer.hidden_size
        self.w, self.r = layer.weight[d], layer.recurrence[d]
        rows = len(self.w)
        bias = np.zeros(2 * rows) if layer.bias is None else layer.bias[d]
        self.wb, self.rb = bias[:rows], bias[rows:]

    def f(self, which: int, x: float) -> float:
        if self.layer.clip is not None:
            x = max(-self.layer.clip, min(self.layer.clip, x))
        count = len(self.layer.activations) // self.layer.directions
        return FUNCTIONS[self.layer.activations[self.d * count + which].name](x)

    def gate(self, g: int, j: int, x, h) -> float:
        row = g * self.size + j
        return dot(self.w[row], x) + dot(self.r[row], h) + float(self.wb[row]) + float(self.rb[row])

    def step(self, x, state):
        h = state[0]
        units = range(self.size)
        if self.layer.op == "RNN":
            return [[self.f(0, self.gate(0, j, x, h)) for j in units]]
        if self.layer.op == "GRU":
            z = [self.f(0, self.gate(0, j, x, h)) for j in units]
            r = [self.f(0, self.gate(1, j, x, h)) for j in units]
            new = []
            for j in units:
                row = 2 * self.size + j
                if self.layer.linear_before_reset:
                    inner = r[j] * (dot(self.r[row], h) + float(self.rb[row]))
                else:
                    inner = dot(self.r[row], [a * b for a, b in zip(r, h, strict=True)]) + float(self.rb[row])
                candidate = self.f(1, dot(self.w[row], x) + float(self.wb[row]) + inner)
                new.append((1 - z[j]) * candidate + z[j] * h[j])
            return [new]
        c = state[1]
        peephole = np.zeros(3 * self.size) if self.layer.peephole is None else self.layer.peephole[self.d]
        hidden, cell = [], []
        for j in units:
            pi, po, pf = (float(peephole[k * self.size + j]) for k in range(3))
            i = self.f(0, self.gate(0, j, x, h) + pi * c[j])
            f = 1 - i if self.layer.input_forget else self.f(0, self.gate(2, j, x, h) + pf * c[j])
            cell.append(f * c[j] + i * self.f(1, self.gate(3, j, x, h)))
            o = self.f(0, self.gate(1, j, x, h) + po * cell[j])
            hidden.append(o * self.f(2, cell[j]))
        return [hidden, cell]


@pytest.mark.parametrize(("op", "example"), CASES, ids=[f"{op}: {e.name}" for op, e in CASES])
def test_forward_is_close_to_its_definition(op: str, example: Example):
    layer = example.layer
    xs = example.inputs(2, seed=3)
    outputs = layer.forward(xs)
    assert [y.shape[1:] for y in outputs] == list(layer.infer(example.shapes))
    assert all(y.dtype == np.float32 for y in outputs)
    for n in range(2):
        for d in range(layer.directions):
            cell = Cell(layer, d)
            states = [[0.0] * layer.hidden_size for _ in outputs[1:]]
            if layer.initial is not None:
                states = [[float(v) for v in state] for state in layer.initial[d]]
            for i, given in enumerate(xs[1:]):
                states[i] = [float(v) for v in given[n, d]]
            times = range(len(xs[0][n]))
            backward = layer.direction == "reverse" or d == 1
            for t in reversed(times) if backward else times:
                states = cell.step(xs[0][n, t], states)
                np.testing.assert_allclose(outputs[0][n, t, d], states[0], rtol=1e-5, atol=1e-5)
            for got, want in zip(outputs[1:], states, strict=True):
                np.testing.assert_allclose(got[n, d], want, rtol=1e-5, atol=1e-5)


def test_work_counts_each_direction_and_step():
    layer = LSTM(input_size=3, hidden_size=4, direction="bidirectional")
    works = layer.work([(7, 3)])
    assert [w.kind for w in works] == [Kind.RECURRENT] * 2
    assert layer.macs([(7, 3)]) == 2 * 7 * 4 * 4 * (3 + 4)
    assert layer.parameters == 2 * (4 * 4 * (3 + 4) + 2 * 4 * 4)
    assert GRU(input_size=3, hidden_size=4).macs([(1, 3)]) == 3 * 4 * 7


@pytest.mark.parametrize(
    ("activation", "x", "want"),
    [
        (Activation("affine", 2.0, 1.0), -1.5, -2.0),
        (Activation("leakyrelu"), -2.0, -0.02),
        (Activation("ThresholdedRelu", 0.5), 0.4, 0.0),
        (Activation("ThresholdedRelu", 0.5), 0.6, 0.6),
        (Activation("ScaledTanh", 2.0, 0.5), 1.0, 2 * math.tanh(0.5)),
        (Activation("Elu", 0.5), -1.0, 0.5 * (math.exp(-1) - 1)),
        (Activation("Softsign"), -3.0, -0.75),
        (Activation("Softplus"), 0.0, math.log(2)),
        (Activation("HardSigmoid"), 1.0, 0.7),
        (Activation("Relu"), -1.0, 0.0),
    ],
    ids=lambda v: v.name if isinstance(v, Activation) else "",
)
def test_activations_take_their_parameters(activation, x, want):
    assert activation(np.array([x]))[0] == pytest.approx(want)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ModelError, match=r"must be one of Relu, .* not 'Swish'"):
        Activation("Swish")
