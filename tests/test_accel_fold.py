"""Folding keeps what a float network computes, and its outputs' names."""

from dataclasses import replace

import numpy as np
import pytest

from accel import reference
from accel.fold import fold
from accel.layers.add import Add
from accel.layers.batch_norm import BatchNorm
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.identity import Identity
from accel.layers.relu import Relu
from accel.network import Builder

FOLDABLE = {
    "conv": (Conv(in_channels=2, out_channels=4, kernel=(3, 3)), (2, 5, 5)),
    "grouped conv without bias": (
        Conv(in_channels=4, out_channels=4, kernel=(3,), groups=2, has_bias=False),
        (4, 6),
    ),
    "grouped transpose": (
        ConvTranspose(in_channels=4, out_channels=6, kernel=(2, 2), stride=(2, 2), groups=2),
        (4, 3, 3),
    ),
    "dense": (Dense(in_features=5, out_features=3), (5,)),
}


def chain(layer, shape):
    b = Builder("chain")
    y = b.add(layer, b.input("x", shape))
    y = b.add(BatchNorm(channels=b.shape(y)[0]), y)
    b.output(b.add(Relu(), b.add(Identity(), y), name="y"))
    return b.build()


def same(network, folded, shape):
    x = np.random.default_rng(1).standard_normal((3, *shape), dtype=np.float32)
    a, b = reference.run(network, x), reference.run(folded, x)
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("what", FOLDABLE)
def test_a_batch_norm_folds_into_the_layer_before(what):
    layer, shape = FOLDABLE[what]
    network = chain(layer, shape).with_random_weights()
    folded = fold(network)
    assert [n.layer.op for n in folded] == [layer.op, "Relu"]
    assert len(folded.notes) == 2
    same(network, folded, shape)


def test_a_network_without_weights_folds_too():
    network = chain(*FOLDABLE["grouped conv without bias"])
    folded = fold(network)
    assert [n.layer.op for n in folded] == ["Conv", "Relu"]
    assert folded.parameters == 4 * 2 * 3 + 4


def test_a_batch_norm_stays_where_another_reads_its_input():
    b = Builder("branch")
    y = b.add(Conv(in_channels=1, out_channels=2, kernel=(1, 1)), b.input("x", (1, 2, 2)))
    b.output(b.add(Add(), b.add(BatchNorm(channels=2), y), y))
    network = b.build().with_random_weights()
    assert fold(network) is network


def test_a_batch_norm_stays_where_its_input_is_an_output_or_the_features_come_last():
    b = Builder("output")
    y = b.add(Dense(in_features=2, out_features=4), b.input("x", (4, 2)))
    b.output(b.add(BatchNorm(channels=4), y))
    assert [n.layer.op for n in fold(b.build())] == ["Dense", "BatchNorm"]
    b = Builder("output")
    y = b.add(Dense(in_features=2, out_features=4), b.input("x", (2,)))
    b.output(y, b.add(BatchNorm(channels=4), y))
    assert [n.layer.op for n in fold(b.build())] == ["Dense", "BatchNorm"]


def test_outputs_keep_their_names_when_identities_go():
    b = Builder("named")
    y = b.add(Relu(), b.input("x", (3,)))
    b.output(b.add(Identity(), y, name="out"), b.add(Identity(), y, name="again"))
    network = b.build()
    folded = fold(network)
    assert folded.outputs == ("out", "again")
    assert [n.layer.op for n in folded] == ["Relu", "Identity"]
    same(network, folded, (3,))


def test_an_identity_between_input_and_output_stays():
    b = Builder("wire")
    b.output(b.add(Identity(), b.input("x", (3,))))
    network = b.build()
    assert fold(network) is network


def test_chains_of_batch_norms_fold():
    b = Builder("two")
    y = b.add(Conv(in_channels=1, out_channels=2, kernel=(1, 1)), b.input("x", (1, 2, 2)))
    b.output(b.add(BatchNorm(channels=2), b.add(BatchNorm(channels=2), y), name="y"))
    network = b.build().with_random_weights()
    folded = fold(network)
    assert len(folded.nodes) == 1
    same(network, folded, (1, 2, 2))
    assert replace(folded, notes=()).outputs == ("y",)
