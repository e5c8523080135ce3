"""Networks and their builder: what they accept, count and refuse."""

import numpy as np
import pytest

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.flatten import Flatten
from accel.layers.gru import GRU
from accel.layers.max_pool import MaxPool
from accel.layers.relu import Relu
from accel.network import Builder, Network, Node, Tensor


def small() -> Network:
    b = Builder("small")
    x = b.input("x", (1, 6, 6))
    y = b.add(Conv(in_channels=1, out_channels=2, kernel=(3, 3)), x)
    y = b.add(MaxPool(kernel=(2, 2), stride=(2, 2)), b.add(Relu(), y))
    b.output(b.add(Dense(in_features=8, out_features=3), b.add(Flatten(), y), name="scores"))
    return b.build()


def test_counts_come_from_shapes_alone():
    network = small()
    assert network.macs == 2 * 4 * 4 * 9 + 8 * 3
    assert network.parameters == 2 * 9 + 2 + 8 * 3 + 3
    assert not network.has_weights
    assert not network.is_integer
    assert [node.name for node in network] == ["conv_0", "relu_1", "maxpool_2", "flatten_3", "scores"]
    assert network.shapes(network.nodes[-1]) == ((8,),)
    assert sum(w.macs for node in network for w in network.work(node)) == network.macs


def test_random_weights_depend_on_the_seed_alone():
    first, same, other = (small().with_random_weights(seed).nodes[0].layer for seed in (1, 1, 2))
    assert np.array_equal(first.weight, same.weight)
    assert not np.array_equal(first.weight, other.weight)
    assert first.weight.dtype == np.float32
    assert small().with_random_weights().has_weights


def test_significand_bits_reach_every_layer_that_rounds():
    q = Quantization(0.3)
    b = Builder("integer")
    add = Add().quantized([(3,), (3,)], [q, q], Quantization(0.4))
    b.output(b.add(add, b.input("x", (3,), q), b.input("y", (3,), q), quantization=Quantization(0.4)))
    network = b.build()
    assert network.is_integer
    coarse = network.with_significand_bits(8).nodes[0].layer.requantize
    assert coarse.significand_bits == 8
    assert coarse.multipliers.max() < 2**8


def test_a_layer_of_several_outputs_names_them():
    b = Builder("recurrent")
    first = b.add(GRU(input_size=3, hidden_size=4), b.input("x", (5, 3)), name="g")
    assert first == "g"
    assert b.shape("g") == (5, 1, 4)
    assert b.shape("g.1") == (1, 4)


X, Y = Tensor("x", (3,)), Tensor("y", (3,))
RELU = Node("r", Relu(), ("x",), ("y",))


def built(nodes=(RELU,), tensors=(X, Y), inputs=("x",), outputs=("y",)) -> Network:
    return Network("n", {t.name: t for t in tensors}, tuple(nodes), inputs, outputs)


REFUSED = {
    "no inputs": (lambda: built(inputs=()), "must have inputs and outputs"),
    "no outputs": (lambda: built(outputs=()), "must have inputs and outputs"),
    "same node twice": (lambda: built([RELU, RELU]), "node names must be unique, not 'r' twice"),
    "reads what comes later": (
        lambda: built([Node("r", Relu(), ("y",), ("z",))], (X, Y, Tensor("z", (3,)))),
        "reads 'y', which nothing before it writes",
    ),
    "written twice": (
        lambda: built([RELU, Node("s", Relu(), ("x",), ("y",))]),
        "'y' must be written once, not again by 's'",
    ),
    "another shape": (lambda: built(tensors=(X, Tensor("y", (4,)))), r"writes 'y' with shape \(3,\), not \(4,\)"),
    "output nobody writes": (lambda: built(outputs=("z",)), "'z' is written by no node"),
    "input twice": (lambda: [b := Builder("b"), b.input("x", (3,)), b.input("x", (3,))], "unique, not 'x' twice"),
    "input of no size": (lambda: Builder("b").input("x", (3, 0)), "must have positive dimensions"),
    "layer on nothing": (lambda: Builder("b").add(Relu(), "x"), "reads 'x', which nothing before it writes"),
    "layer that does not fit": (
        lambda: [b := Builder("b"), b.add(Dense(in_features=4, out_features=1), b.input("x", (3,)), name="d")],
        "node 'd': Dense input must have 4 features",
    ),
    "tensor named twice": (
        lambda: [b := Builder("b"), b.add(Relu(), b.input("x", (3,)), outputs=("x",))],
        "tensor names must be unique, not 'x' twice",
    ),
    "a name with a newline": (lambda: Builder("b").add(Relu(), "a\nb"), r"'a\\nb'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_network_is_refused_in_one_line(what):
    build, why = REFUSED[what]
    with pytest.raises(ModelError, match=why) as refusal:
        build()
    assert "\n" not in str(refusal.value)
