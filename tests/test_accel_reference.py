"""The reference on whole networks: layouts, types, blocks, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from accel import reference
from accel.errors import InputError, ModelError
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.dequantize import Dequantize
from accel.layers.flatten import Flatten
from accel.layers.gru import GRU
from accel.layers.max_pool import MaxPool
from accel.layers.quantize import Quantize
from accel.layers.softmax import Softmax
from accel.network import Builder, Network

PIXELS = Quantization(1 / 255, 0, signed=False)
INNER = Quantization(0.05, 3)
HEAD = Quantization(0.5, -4)


def quantized_net() -> Network:
    """Float in; a convolution, a pool, a dense layer in integers; softmax out."""
    rng = np.random.default_rng(5)
    b = Builder("tiny")
    x = b.add(Quantize(quantization=PIXELS), b.input("image", (2, 6, 6)), quantization=PIXELS)
    conv = Conv(
        in_channels=2,
        out_channels=3,
        kernel=(3, 3),
        weight=rng.integers(-128, 128, (3, 2, 3, 3)).astype(np.int16),
        bias=rng.integers(-500, 500, 3),
    )
    x = b.add(conv.quantized([(2, 6, 6)], [PIXELS], INNER, np.array([0.01, 0.02, 0.03])), x, quantization=INNER)
    pool = MaxPool(kernel=(2, 2), stride=(2, 2)).quantized([(3, 4, 4)], [INNER], INNER)
    x = b.add(pool, x, quantization=INNER)
    x = b.add(Flatten().quantized([(3, 2, 2)], [INNER], INNER), x, quantization=INNER)
    dense = Dense(
        in_features=12, out_features=4, has_bias=False, weight=rng.integers(-128, 128, (4, 12)).astype(np.int16)
    )
    x = b.add(dense.quantized([(12,)], [INNER], HEAD, 0.02), x, quantization=HEAD, name="scores")
    x = b.add(Dequantize(quantization=HEAD), x)
    b.output("scores", b.add(Softmax(), x, name="probabilities"))
    return b.build()


@pytest.fixture(scope="module")
def network() -> Network:
    return quantized_net()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(6).random((7, 2, 6, 6), dtype=np.float32)


def test_outputs_have_the_models_names_and_types(network, images):
    outputs = reference.run(network, images)
    assert list(outputs) == ["scores", "probabilities"]
    assert outputs["scores"].dtype == np.int8
    assert outputs["probabilities"].dtype == np.float32
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, rtol=1e-6)
    assert np.ptp(outputs["scores"]) > 10


def test_an_array_a_list_and_a_mapping_are_the_same(network, images):
    wanted = reference.run(network, images)["scores"]
    for x in ([images], (images,), {"image": images}):
        assert np.array_equal(reference.run(network, x)["scores"], wanted)


def test_trace_holds_every_tensor_and_ends_in_what_run_returns(network, images):
    tensors = reference.trace(network, images)
    assert set(tensors) == set(network.tensors)
    for name, array in tensors.items():
        assert array.shape == (7, *network.tensors[name].shape)
    assert np.array_equal(tensors["scores"], reference.run(network, images)["scores"])


def test_blocks_do_not_show(network, images, monkeypatch):
    whole = reference.trace(network, images)
    monkeypatch.setattr(reference, "MAX_BLOCK", 3)
    for name, array in reference.trace(network, images).items():
        assert np.array_equal(array, whole[name]), name


def test_a_larger_layer_makes_smaller_blocks():
    def blocks(size: int) -> int:
        b = Builder("one")
        conv = Conv(in_channels=1, out_channels=64, kernel=(3, 3))
        b.output(b.add(conv, b.input("x", (1, size, size))))
        return reference.block_samples(b.build())

    assert blocks(8) == reference.MAX_BLOCK
    assert 1 < blocks(100) < 50
    assert blocks(1000) == 1


def test_the_batch_axis_is_where_the_model_has_it():
    b = Builder("sequence")
    gru = GRU(input_size=3, hidden_size=2)
    x = b.input("x", (5, 3), batch_axis=1)
    b.add(gru, x, outputs=("y", "last"), batch_axis=2)
    b.output("y")
    network = b.build().with_random_weights()
    x = np.random.default_rng(0).standard_normal((5, 4, 3), dtype=np.float32)
    y = reference.run(network, x)["y"]
    assert y.shape == (5, 1, 4, 2)  # ONNX's (t, directions, n, hidden)
    (wanted, _) = gru_of(network).forward([x.transpose(1, 0, 2)])
    assert np.array_equal(y, wanted.transpose(1, 2, 0, 3))


def gru_of(network: Network):
    return network.nodes[0].layer


def test_a_model_without_a_batch_axis_takes_one_sample():
    b = Builder("one sample")
    b.output(b.add(Softmax(), b.input("x", (3,), batch_axis=None), name="y", batch_axis=None))
    y = reference.run(b.build(), np.zeros(3, np.float32))["y"]
    np.testing.assert_allclose(y, [1 / 3] * 3, rtol=1e-6)


def test_an_input_without_a_batch_axis_serves_every_sample():
    b = Builder("offset")
    b.output(b.add(Add(), b.input("x", (3,)), b.input("offset", (3,), batch_axis=None), name="y"))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    y = reference.run(b.build(), [x, np.float32([10, 20, 30])])["y"]
    assert y.tolist() == [[10, 21, 32], [13, 24, 35]]


def test_integer_inputs_are_taken_in_their_own_type():
    b = Builder("integer")
    q = Quantization(0.5, 1, bits=4)
    pool = MaxPool(kernel=(2,)).quantized([(1, 3)], [q], q)
    b.output(b.add(pool, b.input("x", (1, 3), q), name="y", quantization=q))
    network = b.build()
    x = np.array([[[-8, 7, 0]]], np.int8)
    assert reference.run(network, x)["y"].tolist() == [[[7, 7]]]
    with pytest.raises(InputError, match=r"must lie in \[-8, 7\], not \[-9, 7\]"):
        reference.run(network, x - np.array([[[1, 0, 0]]], np.int8))
    with pytest.raises(InputError, match="must be int8, not uint8"):
        reference.run(network, x.astype(np.uint8))


def test_fewer_significand_bits_change_some_integers(network, images):
    exact = reference.run(network, images)["scores"]
    coarse = reference.run(network.with_significand_bits(4), images)["scores"]
    assert not np.array_equal(exact, coarse)
    assert np.abs(exact.astype(int) - coarse).max() < 16


X = np.zeros((1, 2, 6, 6), np.float32)
WRONG = {
    "unknown name": ({"imag": X}, "no input 'imag'; did you mean 'image'"),
    "unprintable name": ({"a\nb": X}, r"no input 'a\\nb'"),
    "missing": ({}, "'image' must be given"),
    "too many": ([X, X], "must be given 1 inputs"),
    "one axis less": (X[0], r"must have shape \(n, 2, 6, 6\), not \(2, 6, 6\)"),
    "other size": (X[..., :5], r"must have shape \(n, 2, 6, 6\)"),
    "double": (X.astype(np.float64), "must be float32, not float64"),
    "objects": (X.astype(object), "must be float32, not object"),
    "no samples": (X[:0], "at least one sample"),
    "nan": (X + np.float32(np.nan), "must be finite"),
    "infinite": (X - np.float32(np.inf), "must be finite"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_inputs_are_refused_in_one_line(network, what):
    x, why = WRONG[what]
    with pytest.raises(InputError, match=why) as refusal:
        reference.run(network, x)
    assert "\n" not in str(refusal.value)


def test_counts_must_agree():
    b = Builder("two")
    b.output(b.add(Add(), b.input("a", (3,)), b.input("b", (3,))))
    with pytest.raises(InputError, match="not 1 of 'a', 2 of 'b'"):
        reference.run(b.build(), [np.zeros((1, 3), np.float32), np.zeros((2, 3), np.float32)])


def test_a_network_without_weights_does_not_run(network, images):
    (conv, *_) = [n for n in network if isinstance(n.layer, Conv)]
    bare = replace(
        network, nodes=tuple(replace(n, layer=replace(n.layer, weight=None)) if n is conv else n for n in network)
    )
    with pytest.raises(InputError, match="must have weights to run; node 'conv_1' has none"):
        reference.run(bare, images)


@pytest.mark.parametrize("x", [5, None, np.float32(1), {"x": [[1], [1, 2]]}, "x"])
def test_what_is_no_array_is_refused(x):
    builder = Builder("one")
    builder.output(builder.add(Flatten(), builder.input("x", (4,))))
    with pytest.raises(InputError, match="input 'x' must"):
        reference.run(builder.build(), x)


def test_a_layer_is_given_as_many_outputs_as_it_has():
    builder = Builder("one")
    with pytest.raises(ModelError, match="must have 1 outputs, not 2"):
        builder.add(Flatten(), builder.input("x", (4,)), outputs=["a", "b"])
