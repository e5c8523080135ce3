"""Integer RNN, LSTM and GRU against scalar loops over exact fractions, written from docs/recurrent.md."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from accel.cell import BIAS_GUARD_BITS, CellFormats
from accel.curves import Curve
from accel.errors import ModelError, UnsupportedError
from accel.fixedpoint import FixedPoint, Quantization
from accel.layers import registry
from accel.layers.gru import GRU
from accel.layers.lstm import LSTM
from accel.layers.recurrent import Activation
from accel.layers.rnn import RNN

PRE = FixedPoint(16, 12)
GATE = FixedPoint(16, 15)
HIDDEN = FixedPoint(8, 7)
WIDE = FixedPoint(16, 15)
STATE = FixedPoint(16, 11)
X8 = Quantization(1 / 50, 131, signed=False)


def formats(op: str, **more) -> CellFormats:
    fields = {
        "RNN": {"activations": (HIDDEN,)},
        "LSTM": {"activations": (GATE,) * 3, "state": STATE},
        "GRU": {"activations": (GATE,) * 2},
    }[op]
    return CellFormats(**{"preactivation": PRE, "hidden": HIDDEN, "index_bits": 8, **fields, **more})


def integer_layer(layer, cell, inputs=(X8,), outputs=None, bits=8, seed=5, gain=1.0):
    """Random weights of the whole range, a scale per row, real biases and peepholes."""
    rng = np.random.default_rng(seed)
    drawn = layer.with_random_weights(rng)
    rows = layer.gates * layer.hidden_size
    half = (1 << (bits - 1)) - 1

    def matrix(size):
        scales = rng.uniform(0.5, 1.5, (layer.directions, rows)) * gain * 2 / half / math.sqrt(size)
        return rng.integers(-half, half + 1, (layer.directions, rows, size)), scales

    weight, recurrence = matrix(layer.input_size), matrix(layer.hidden_size)
    return drawn.in_formats(cell, inputs, outputs, weight, recurrence, bits)


CASES = {
    "RNN": (RNN(input_size=3, hidden_size=4), {}),
    "RNN relu": (
        RNN(input_size=3, hidden_size=4, activations=(Activation("Relu"),)),
        {"activations": (PRE,), "hidden": FixedPoint(8, 5, signed=False)},
    ),
    "RNN both ways, no bias": (RNN(input_size=1, hidden_size=3, direction="bidirectional", has_bias=False), {}),
    "RNN rounded to seven bits of address": (
        RNN(input_size=3, hidden_size=4),
        {"index_bits": 7, "interpolate": False, "activations": (WIDE,), "hidden": WIDE},
    ),
    "LSTM": (LSTM(input_size=3, hidden_size=4), {}),
    "LSTM reverse, clipped": (LSTM(input_size=3, hidden_size=4, direction="reverse", clip=0.7), {}),
    "LSTM sixteen bits": (LSTM(input_size=3, hidden_size=4), {"hidden": WIDE}),
    "LSTM peepholes": (
        LSTM(input_size=3, hidden_size=4, has_peepholes=True, direction="bidirectional"),
        {"peephole": FixedPoint(16, 13)},
    ),
    "LSTM coupled": (LSTM(input_size=3, hidden_size=4, input_forget=True), {}),
    "LSTM hard": (
        LSTM(input_size=2, hidden_size=3, activations=tuple(map(Activation, ("HardSigmoid", "Softsign", "Relu")))),
        {"activations": (GATE, GATE, PRE), "state": FixedPoint(16, 13)},
    ),
    "GRU": (GRU(input_size=3, hidden_size=4), {}),
    "GRU reset after": (GRU(input_size=3, hidden_size=4, linear_before_reset=True), {}),
    "GRU sixteen bits, both ways": (GRU(input_size=3, hidden_size=4, direction="bidirectional"), {"hidden": WIDE}),
    "GRU clipped": (GRU(input_size=3, hidden_size=4, linear_before_reset=True, clip=0.5), {}),
    "GRU eight-bit gates": (
        GRU(input_size=3, hidden_size=4),
        {"activations": (FixedPoint(8, 8, signed=False), FixedPoint(8, 7))},
    ),
}


def fit(value: Fraction, form: FixedPoint) -> int:
    """A real number in a format; Python rounds fractions half to even."""
    return max(form.low, min(form.high, round(value * Fraction(2) ** form.fraction)))


def real(q: int, form: FixedPoint) -> Fraction:
    return Fraction(int(q)) / Fraction(2) ** form.fraction


class Loops:
    """One direction, one sample, one unit at a time; every value is a Fraction."""

    def __init__(self, layer, d, x_quantization):
        self.layer, self.d, self.cell, self.x = layer, d, layer.cell, x_quantization
        self.shift = layer.requantize.shift

    def product(self, multipliers, row, terms):
        acc = sum(int(w) * int(v) for w, v in terms)
        return Fraction(acc * int(multipliers[row]), 1 << self.shift) / 2**self.cell.preactivation.fraction

    def of_x(self, row, x):
        terms = zip(self.layer.weight[self.d, row], (int(v) - self.x.zero_point for v in x), strict=True)
        return self.product(self.layer.multipliers[self.d, 0], row, terms) + self.bias(0, row)

    def of_h(self, row, h):
        terms = zip(self.layer.recurrence[self.d, row], h, strict=True)
        return self.product(self.layer.multipliers[self.d, 1], row, terms) + self.bias(1, row)

    def bias(self, which, row):
        if self.layer.bias is None:
            return Fraction(0)
        value = int(np.split(self.layer.bias[self.d], 2)[which][row])
        return Fraction(value, 2 ** (self.cell.preactivation.fraction + BIAS_GUARD_BITS))

    def pre(self, value):
        form = self.cell.preactivation
        q = fit(value, form)
        if self.layer.clip is not None:
            bound = fit(Fraction(float(self.layer.clip)), form)
            q = max(-bound, min(bound, q))
        return q

    def act(self, which, value):
        q = self.pre(value)
        count = len(self.layer.default_activations)
        activation = self.layer.activations[self.d * count + which]
        form = self.cell.activations[which]
        if activation.name == "Relu":
            return real(fit(max(Fraction(0), real(q, self.cell.preactivation)), form), form)
        curve = Curve(activation, self.cell.preactivation, form, self.cell.index_bits, self.cell.interpolate)
        return real(int(curve(np.array([q]))[0]), form)

    def step(self, x, states):
        size, hidden = self.layer.hidden_size, self.cell.hidden
        h = states[0]
        hr = [real(v, hidden) for v in h]

        def row(g, j):
            return g * size + j

        def gate(g, j):
            return self.of_x(row(g, j), x) + self.of_h(row(g, j), h)

        if self.layer.op == "RNN":
            return [[fit(self.act(0, gate(0, j)), hidden) for j in range(size)]]
        if self.layer.op == "GRU":
            z = [self.act(0, gate(0, j)) for j in range(size)]
            r = [self.act(0, gate(1, j)) for j in range(size)]
            rh = [fit(r[j] * hr[j], hidden) for j in range(size)]
            new = []
            for j in range(size):
                if self.layer.linear_before_reset:
                    pre = self.cell.preactivation
                    inner = r[j] * real(fit(self.of_h(row(2, j), h), pre), pre)
                else:
                    inner = self.of_h(row(2, j), rh)
                n = self.act(1, self.of_x(row(2, j), x) + inner)
                new.append(fit((1 - z[j]) * n + z[j] * hr[j], hidden))
            return [new]
        state = self.cell.state
        c = [real(v, state) for v in states[1]]
        new_h, new_c = [], []
        for j in range(size):
            pi, po, pf = (
                real(self.layer.peephole[self.d, k * size + j], self.cell.peephole) if self.cell.peephole else 0
                for k in range(3)
            )
            i = self.act(0, gate(0, j) + pi * c[j])
            f = 1 - i if self.layer.input_forget else self.act(0, gate(2, j) + pf * c[j])
            g = self.act(1, gate(3, j))
            new_c.append(fit(f * c[j] + i * g, state))
            seen = real(new_c[j], state)
            o = self.act(0, gate(1, j) + po * seen)
            new_h.append(fit(o * self.act(2, seen), hidden))
        return [new_h, new_c]


def some_inputs(layer, quantizations, samples=4, steps=5, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(steps, layer.input_size)] + [(layer.directions, layer.hidden_size)] * (len(quantizations) - 1)
    arrays = [
        rng.integers(q.low, q.high + 1, (samples, *s)).astype(q.dtype)
        for q, s in zip(quantizations, shapes, strict=True)
    ]
    arrays[0][0], arrays[0][1] = quantizations[0].high, quantizations[0].low
    return arrays


def loops(layer, arrays, quantizations):
    """Every hidden state, the last states, and what is the last of the states at every step."""
    n, steps = arrays[0].shape[:2]
    forms = [f for f in (layer.cell.hidden, layer.cell.state) if f is not None]
    every, cells = (np.zeros((n, steps, layer.directions, layer.hidden_size), np.int64) for _ in range(2))
    last = [np.zeros((n, layer.directions, layer.hidden_size), np.int64) for _ in forms]
    for sample in range(n):
        for d in range(layer.directions):
            cell = Loops(layer, d, quantizations[0])
            states = [[0] * layer.hidden_size for _ in forms]
            if layer.initial is not None:
                states = [[int(v) for v in state] for state in layer.initial[d]]
            if layer.keeps_state and sample:
                states = [state[sample - 1, d] for state in last]
            for k, (given, q) in enumerate(zip(arrays[1:], quantizations[1:], strict=True)):
                states[k] = [fit(Fraction(int(v)) * Fraction(q.scale), forms[k]) for v in given[sample, d]]
            backward = layer.direction == "reverse" or d == 1
            for t in reversed(range(steps)) if backward else range(steps):
                states = cell.step(arrays[0][sample, t], states)
                every[sample, t, d], cells[sample, t, d] = states[0], states[-1]
            for k, state in enumerate(states):
                last[k][sample, d] = state
    return every, last, cells


@pytest.mark.parametrize("name", CASES)
def test_integer_equals_its_definition(name):
    layer, more = CASES[name]
    integer = integer_layer(layer, formats(layer.op, **more))
    (x,) = some_inputs(layer, (X8,))
    every, last, _ = loops(integer, [x], (X8,))
    got = integer.integer([x], (X8,))
    np.testing.assert_array_equal(got[0], every)
    for state, want in zip(got[1:], last, strict=True):
        np.testing.assert_array_equal(state, want)
    assert np.ptp(every) > 10, "an example that stays in one place proves little"


@pytest.mark.parametrize("name", ["LSTM", "GRU", "GRU reset after", "RNN"])
def test_sequences_whose_states_are_kept_are_one_long_sequence(name):
    layer, more = CASES[name]
    integer = integer_layer(layer, formats(layer.op, **more))
    (x,) = some_inputs(layer, (X8,))
    whole = x.reshape(1, -1, x.shape[2])
    kept = integer.keeping_state([(5, 3)]).integer([x], (X8,))
    every, *last = integer.integer([whole], (X8,))
    assert np.array_equal(kept[0].reshape(every.shape), every)
    for state, want in zip(kept[1:], last, strict=True):
        assert np.array_equal(state[-1:], want)
    assert not np.array_equal(kept[0], integer.integer([x], (X8,))[0])


def test_states_that_are_given_are_not_kept_too():
    integer = integer_layer(GRU(input_size=3, hidden_size=4), formats("GRU"))
    with pytest.raises(UnsupportedError, match="GRU keeps its state only where none is given with the input"):
        integer.keeping_state([(5, 3), (1, 4)])


EXAMPLES = [(op, e) for op in ("RNN", "LSTM", "GRU") for e in registry()[op].examples() if e.is_integer]


@pytest.mark.parametrize(("op", "example"), EXAMPLES, ids=[f"{op}: {e.name}" for op, e in EXAMPLES])
def test_the_examples_of_the_kernels_equal_their_definition(op, example):
    layer = example.layer
    arrays = example.inputs(3, seed=7)
    every, last, cells = loops(layer, arrays, example.quantizations)
    given = [((every, *last)[layer.output], layer.state_formats(layer.cell)[layer.output], layer.outputs[layer.output])]
    if layer.with_cell:
        given.append(((cells, last[1])[layer.output], layer.cell.state, layer.outputs[2]))
    outputs = layer.integer(arrays, example.quantizations)
    for got, shape, (values, held, form) in zip(outputs, layer.infer(example.shapes), given, strict=True):
        want = [fit(real(v, held), form) for v in values.flat]
        np.testing.assert_array_equal(got, np.reshape(want, got.shape))
        assert got.shape[1:] == shape


@pytest.mark.parametrize("bits", range(4, 9))
def test_integer_equals_its_definition_at_every_weight_width(bits):
    integer = integer_layer(LSTM(input_size=5, hidden_size=3), formats("LSTM"), bits=bits)
    (x,) = some_inputs(integer, (X8,), samples=3)
    np.testing.assert_array_equal(integer.integer([x], (X8,))[0], loops(integer, [x], (X8,))[0])


@pytest.mark.parametrize("bits", [10, 16, 24])
def test_the_reference_follows_the_multipliers_width(bits):
    integer = integer_layer(GRU(input_size=5, hidden_size=3, linear_before_reset=True), formats("GRU"))
    integer = replace(integer, requantize=replace(integer.requantize, significand_bits=bits))
    (x,) = some_inputs(integer, (X8,), samples=3)
    np.testing.assert_array_equal(integer.integer([x], (X8,))[0], loops(integer, [x], (X8,))[0])


@pytest.mark.parametrize("coarse", [False, True], ids=["as the state", "eight bits"])
@pytest.mark.parametrize(
    "layer", [RNN(input_size=2, hidden_size=3), LSTM(input_size=2, hidden_size=3)], ids=["RNN", "LSTM"]
)
def test_states_enter_and_leave_in_formats_of_their_own(layer, coarse):
    cell = formats(layer.op, hidden=WIDE)
    entering = (FixedPoint(8, 6), FixedPoint(8, 4)) if coarse else (WIDE, STATE)
    quantizations = (X8, *(f.quantization for f in entering[: len(layer.states)]))
    outputs = (HIDDEN, WIDE, FixedPoint(8, 3))[: 1 + len(layer.states)]
    integer = integer_layer(layer, cell, quantizations, outputs)
    arrays = some_inputs(integer, quantizations)
    every, last, _ = loops(integer, arrays, quantizations)
    got = integer.integer(arrays, quantizations)
    forms = integer.state_formats(cell)
    for value, want, form, out in zip(got, [every, *last], forms, outputs, strict=True):
        rounded = [fit(real(v, form), out) for v in want.flat]
        np.testing.assert_array_equal(value, np.reshape(rounded, value.shape))


def test_one_sequence_is_two_halves_with_the_state_carried_over():
    layer = LSTM(input_size=3, hidden_size=4)
    cell = formats("LSTM")
    whole = integer_layer(layer, cell)
    (x,) = some_inputs(layer, (X8,), steps=8)
    together = whole.integer([x], (X8,))
    quantizations = (X8, HIDDEN.quantization, STATE.quantization)
    first = whole.integer([x[:, :5]], (X8,))
    second = whole.integer([x[:, 5:], *first[1:]], quantizations)
    np.testing.assert_array_equal(np.concatenate([first[0], second[0]], axis=1), together[0])
    np.testing.assert_array_equal(second[2], together[2])


def test_samples_do_not_see_each_other():
    integer = integer_layer(GRU(input_size=3, hidden_size=4), formats("GRU"))
    (x,) = some_inputs(integer, (X8,), samples=6)
    whole = integer.integer([x], (X8,))
    for n in range(6):
        for got, want in zip(integer.integer([x[n : n + 1]], (X8,)), whole, strict=True):
            np.testing.assert_array_equal(got, want[n : n + 1])


def test_formats_that_do_not_fit_are_refused():
    lstm, gru = LSTM(input_size=2, hidden_size=2), GRU(input_size=2, hidden_size=2)
    with pytest.raises(ModelError, match="LSTM formats must have 3 activations, not 2"):
        integer_layer(lstm, formats("GRU"))
    with pytest.raises(ModelError, match="LSTM formats must have a cell state"):
        integer_layer(lstm, formats("LSTM", state=None))
    with pytest.raises(ModelError, match="GRU formats must not have a cell state"):
        integer_layer(gru, formats("GRU", state=STATE))
    with pytest.raises(ModelError, match="LSTM formats must have one for the peepholes"):
        integer_layer(LSTM(input_size=2, hidden_size=2, has_peepholes=True), formats("LSTM"))
    with pytest.raises(ModelError, match="power of two as scale and no zero point"):
        integer_layer(gru, formats("GRU"), (X8, Quantization(0.3)))
    with pytest.raises(UnsupportedError, match="run accel quantize"):
        gru.quantized([(3, 2)], (X8,), X8)


def test_sums_that_could_overflow_are_refused():
    far = {"state": FixedPoint(16, -8), "activations": (GATE, FixedPoint(16, 24), GATE)}
    with pytest.raises(ModelError, match="LSTM sums must fit 60 bits, not 6"):
        integer_layer(LSTM(input_size=2, hidden_size=2), formats("LSTM", **far))
    with pytest.raises(ModelError, match=r"requantisation scale|sums must fit"):
        integer_layer(GRU(input_size=2, hidden_size=2), formats("GRU"), gain=1e15)
