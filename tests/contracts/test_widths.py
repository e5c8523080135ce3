"""Kernels at every width of numbers and weights, both signs, zero points at both ends and in the middle."""

from dataclasses import replace

import numpy as np
import pytest

from accel import schedule
from accel.cell import CellFormats
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.arg_max import ArgMax
from accel.layers.average_pool import AveragePool
from accel.layers.base import Example
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.global_average_pool import GlobalAveragePool
from accel.layers.gru import GRU
from accel.layers.lstm import LSTM
from accel.layers.max_pool import MaxPool
from accel.layers.mul import Mul
from accel.layers.prelu import PRelu
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, STATE, recurrent_example
from accel.layers.rnn import RNN
from accel.layers.sigmoid import Sigmoid
from accel.layers.transpose import Transpose
from accel.schedule.fold import Fold
from hdl.bench.cases import layer_case
from hdl.bench.contract import differences_in_amaranth

TENSORS = 3
IMAGE = (3, 4, 3)
WIDTHS = range(2, 9)
CENTERED_BITS = 9
"""Of a stored 8-bit weight less a zero point at an end of its range."""

CONTRACTIONS = {
    "conv2d": (Conv(in_channels=3, out_channels=3, kernel=(2, 2), padding=(1, 1, 0, 0)), IMAGE),
    "depthwise": (Conv(in_channels=3, out_channels=3, kernel=(2, 2), groups=3), IMAGE),
    "convtranspose": (ConvTranspose(in_channels=3, out_channels=2, kernel=(2, 2), stride=(2, 2)), IMAGE),
    "dense": (Dense(in_features=6, out_features=4), (6,)),
    "prelu": (PRelu(slope_shape=(3, 1, 1)), IMAGE),
}
OF_ONE = {
    "averagepool": AveragePool(kernel=(2, 2), padding=(1, 0, 0, 0)),
    "globalaverage": GlobalAveragePool(),
    "lookup": Sigmoid(),
}
OF_TWO = {"add": Add(), "mul": Mul(), "concat": Concat()}
UNCHANGED = {"maxpool": MaxPool(kernel=(2, 2)), "rearrange": Transpose(axes=(0, 2, 1))}
CHOOSING = {"argmax": ArgMax()}
CELLS = {
    "LSTM": (LSTM(input_size=3, hidden_size=3), 3),
    "GRU": (GRU(input_size=3, hidden_size=3), 2),
    "RNN": (RNN(input_size=3, hidden_size=3), 1),
}


def numbers(bits, signed, place, scale=0.5):
    """Return the quantisation with its zero point at the lowest (0), middle (1) or highest (2) integer."""
    low = -(1 << bits - 1) if signed else 0
    high = low + (1 << bits) - 1
    return Quantization(scale, (low, (low + high) // 2, high)[place], bits, signed)


def turns(bits):
    """Return signs and places of zero points for a width, so that every place comes with both signs in turn."""
    return [(False, bits % 3), (True, (bits + 1) % 3)]


def weights(layer, bits, rng):
    """Return ``layer`` with weights of the whole range of ``bits``, both ends among them."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if bits < CENTERED_BITS else (-255, 0)
    drawn = {}
    for name, shape in layer.weight_shapes().items():
        if name == "bias":
            drawn[name] = rng.integers(-20, 21, shape)
        else:
            drawn[name] = rng.integers(low, high + 1, shape).astype(np.int16)
            drawn[name].flat[:2] = low, high
    return replace(layer, **drawn)


def assert_exact(kind, example):
    """Assert that every value and every transfer of a kernel is right, and that not all values are the same."""
    kernel = schedule.registry()[kind]
    lanes = [1] * len(example.shapes)
    space = kernel.fold_space(example.layer, example.shapes, lanes)
    fold = Fold(space.pe or min(2, space.channels), min(3, space.reduction))
    case = layer_case(kernel, example.layer.op, example, lanes, fold, "serial", TENSORS, seed=0)
    always = np.ones(1, np.bool_)
    assert not differences_in_amaranth(case, [always] * len(case.inputs), [always] * len(case.outputs)), example
    assert len(np.unique(case.outputs[0])) > 1, example


@pytest.mark.parametrize("bits", [*WIDTHS, CENTERED_BITS])
@pytest.mark.parametrize("kind", CONTRACTIONS)
def test_kernels_with_weights(kind, bits):
    turn = list(CONTRACTIONS).index(kind)
    layer, shape = CONTRACTIONS[kind]
    layer = weights(layer, bits, np.random.default_rng([bits, turn]))
    element = WIDTHS[(bits + turn) % len(WIDTHS)]
    for signed, place in turns(bits):
        x = numbers(element, signed, place)
        out = numbers(WIDTHS[-1 - (bits + place) % len(WIDTHS)], not signed, (place + 1) % 3)
        scale = 2.0 ** (out.bits - element - bits - (0 if kind == "prelu" else 1))
        made = layer.quantized((shape,), (x,), out, scale)
        assert_exact(kind, Example(name="widths", layer=made, shapes=(shape,), quantizations=(x,), output=out))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("kind", [*OF_ONE, *OF_TWO, *UNCHANGED, *CHOOSING])
def test_kernels_without(kind, bits):
    for signed, place in turns(bits):
        x = numbers(bits, signed, place)
        y = numbers(10 - bits, not signed, (place + 1) % 3, 0.75)
        shapes, given = ((IMAGE, IMAGE), (x, y)) if kind in OF_TWO else ((IMAGE,), (x,))
        if kind in UNCHANGED:
            layer, out = UNCHANGED[kind], x
        elif kind in CHOOSING:
            layer, out = CHOOSING[kind], CHOOSING[kind].indices(IMAGE)
        else:
            out = numbers(WIDTHS[(bits + place) % len(WIDTHS)], not signed, place)
            layer = (OF_ONE | OF_TWO)[kind].quantized(shapes, given, out)
        assert_exact(kind, Example(name="widths", layer=layer, shapes=shapes, quantizations=given, output=out))


@pytest.mark.parametrize("interpolate", [True, False])
@pytest.mark.parametrize("weight_bits", range(4, 9))
@pytest.mark.parametrize("op", CELLS)
def test_cells(op, weight_bits, interpolate):
    layer, activations = CELLS[op]
    formats = CellFormats(
        preactivation=PREACTIVATION, activations=(HIDDEN if op == "RNN" else GATE,) * activations, hidden=HIDDEN,
        state=STATE if op == "LSTM" else None, index_bits=8, interpolate=interpolate,
    )  # fmt: skip
    x = numbers(weight_bits - 2, bool(weight_bits % 2), weight_bits % 3)
    example = recurrent_example(f"{op}, {weight_bits} bits", layer, 4, formats, input=x, weight_bits=weight_bits)
    assert_exact("recurrent", example)
