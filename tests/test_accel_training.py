"""Training steps as Work: what each layer's gradients ask for, against counts made here from shapes."""

import itertools
import math

import pytest

import accel
from accel import shipped, zoo
from accel.errors import UnsupportedError
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.lstm import LSTM
from accel.layers.matmul import MatMul
from accel.layers.max_pool import MaxPool
from accel.layers.relu import Relu
from accel.network import Builder
from accel.training import INPUT, UPDATE, WEIGHTS, backward
from accel.work import Kind

GEOMETRIES = [*itertools.product((1, 2, 3, 5), (1, 2, 3, 4), (1, 2), (0, 1), (1, 2))]


def after_a_layer(layer, shape):
    """The layer, with a 1x1 convolution before it, so that its input has a gradient."""
    b = Builder("two")
    x = b.add(Conv(in_channels=shape[0], out_channels=shape[0], kernel=(1, 1)), b.input("x", shape), name="first")
    b.output(b.add(layer, x, name="layer"))
    return b.build()


def steps(net, batch=1):
    return {(step.node.name, step.what): step.work for step in backward(net, batch)}


def products(work):
    return work.g * work.m * work.c * work.p * work.q * work.r * work.s


@pytest.mark.parametrize(("kernel", "stride", "dilation", "padding", "groups"), GEOMETRIES)
def test_gradients_of_a_convolution_take_its_macs_each_and_have_the_shapes_of_what_they_are_of(
    kernel, stride, dilation, padding, groups
):
    layer = Conv(
        in_channels=4, out_channels=6, kernel=(kernel, 1), stride=(stride, 2), dilation=(dilation, 1),
        padding=(padding, 0, padding, 0), groups=groups,
    )  # fmt: skip
    net = after_a_layer(layer, (4, 11, 6))
    (forward,) = net.work(net.nodes[1])
    made = steps(net, 3)
    to_input, to_weights = made["layer", INPUT], made["layer", WEIGHTS]
    assert (to_input.n, to_input.macs, to_input.ofmap) == (3, forward.macs, forward.ifmap)
    assert (to_weights.n, to_weights.macs, to_weights.ofmap) == (1, 3 * forward.macs, layer.parameters)
    assert to_input.macs <= products(to_input)
    assert to_weights.macs == products(to_weights)


@pytest.mark.parametrize(("taps", "stride", "dilation"), [*itertools.product(range(1, 8), range(1, 6), range(1, 4))])
def test_a_strided_convolution_goes_back_in_phases_that_hold_every_tap(taps, stride, dilation):
    layer = Conv(in_channels=1, out_channels=1, kernel=(taps, 1), stride=(stride, 1), dilation=(dilation, 1))
    net = after_a_layer(layer, (1, 40, 1))
    work = steps(net)["layer", INPUT]
    of_phase = {}  # the taps that reach input rows of each residue, by the definition of convolution
    for tap in range(taps):
        of_phase.setdefault(tap * dilation % stride, []).append(tap * dilation // stride)
    assert work.m == len(of_phase)
    assert work.r == max(map(len, of_phase.values()))
    assert all(later - tap == work.dilation_h for way in of_phase.values() for tap, later in itertools.pairwise(way))


def test_a_transposed_convolution_goes_back_as_a_convolution():
    layer = ConvTranspose(in_channels=3, out_channels=2, kernel=(4, 4), stride=(2, 2), padding=(1, 1, 1, 1))
    net = after_a_layer(layer, (3, 5, 5))
    made = steps(net, 2)
    work = made["layer", INPUT]
    assert (work.m, work.c, work.p, work.q, work.r, work.s, work.stride_h) == (3, 2, 5, 5, 4, 4, 2)
    assert (work.h, work.w, work.ifmap, work.ofmap) == (10, 10, 200, 75)
    assert work.macs == products(work) == 3 * 2 * 25 * 16
    assert made["layer", WEIGHTS].macs == 2 * work.macs


def test_a_recurrence_is_unrolled_in_time():
    b = Builder("lstm")
    x = b.add(Dense(in_features=7, out_features=7), b.input("x", (5, 7)), name="first")
    b.output(b.add(LSTM(input_size=7, hidden_size=3), x, name="lstm"))
    made = backward(b.build(), 4)
    through_time, to_input, to_weights, update = (step.work for step in made if step.node.name == "lstm")
    assert (through_time.kind, through_time.t, through_time.n) == (Kind.RECURRENT, 5, 4)
    assert (through_time.m, through_time.c, through_time.macs) == (3, 12, 5 * 12 * 3)
    assert (to_input.p, to_input.macs, to_input.ofmap) == (5, 5 * 12 * 7, 5 * 7)
    assert (to_weights.macs, to_weights.c) == (4 * 5 * 12 * 10, 4 * 5)
    assert to_weights.ofmap == update.ofmap == 12 * (7 + 3 + 2)


def test_a_recurrence_that_reads_the_input_itself_still_goes_back_through_time():
    b = Builder("lstm")
    b.output(b.add(LSTM(input_size=7, hidden_size=3), b.input("x", (5, 7)), name="lstm"))
    assert [step.work.macs for step in backward(b.build(), 1)] == [5 * 12 * 3, 5 * 12 * 10, 0]


def test_a_product_of_two_computed_matrices_has_two_gradients_and_no_update():
    b = Builder("product")
    x = b.input("x", (4, 6))
    y = b.add(Dense(in_features=6, out_features=6, has_bias=False), x, name="y")
    z = b.input("z", (6, 5))
    b.output(b.add(MatMul(), y, z, name="product"))
    made = steps(b.build(), 3)
    assert (made["product", INPUT].ofmap, made["product", INPUT].ifmap) == (24, 20 + 30)
    assert (made["product", WEIGHTS].ofmap, made["product", WEIGHTS].ifmap, made["product", WEIGHTS].n) == (30, 44, 3)
    assert {work.macs for (name, _), work in made.items() if name == "product"} == {4 * 6 * 5}
    assert ("product", UPDATE) not in made


def test_what_has_no_parameters_before_it_has_no_gradient():
    b = Builder("pool first")
    x = b.add(MaxPool(kernel=(2, 2), stride=(2, 2)), b.input("x", (2, 8, 8)), name="pool")
    x = b.add(Conv(in_channels=2, out_channels=3, kernel=(3, 3)), x, name="conv")
    b.output(b.add(Relu(), x, name="relu"))
    assert list(steps(b.build())) == [("relu", INPUT), ("conv", WEIGHTS), ("conv", UPDATE)]


def test_every_layer_hands_back_a_gradient_as_large_as_its_input():
    net = zoo.get("resnet18")
    for step in backward(net, 1):
        if step.what == INPUT:
            assert step.work.ofmap == sum(math.prod(shape) for shape in net.shapes(step.node)), step.node.name
        if step.what == UPDATE:
            assert step.work.ofmap == step.node.layer.parameters


def test_a_quantised_network_is_refused_by_name():
    net = accel.load(shipped.path("lenet5_qdq"))
    with pytest.raises(UnsupportedError, match=r"network of floats; .*is quantised"):
        backward(net, 1)
