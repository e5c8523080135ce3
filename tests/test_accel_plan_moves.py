"""What only moves elements: in one kernel where it is not free, between images, signals, sequences and vectors."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from accel import beats, reference
from accel.errors import AccelError
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.flatten import Flatten
from accel.layers.max_pool import MaxPool
from accel.layers.prelu import PRelu
from accel.layers.rearrangement import Rearrangement
from accel.layers.reduce_mean import ReduceMean
from accel.layers.reshape import Reshape
from accel.layers.slice import Slice
from accel.layers.transpose import Transpose
from accel.network import Builder
from accel.plan.parts import in_parts
from accel.plan.sites import region
from accel.schedule.base import Stream
from accel.schedule.rearrange import Rearrange

INT8 = Quantization(0.5)
TENSORS = 2


def built(shape, *layers):
    b = Builder("net")
    x = b.input("x", shape, INT8)
    for i, layer in enumerate(layers):
        x = b.add(layer, x, name=f"n{i}", quantization=INT8)
    b.output(x)
    return b.build()


def steps_first(shape):
    """Return a layer that reads a sequence: its steps backwards."""
    return Slice(start=(shape[0] - 1, 0), count=shape, step=(-1, 1))


def conv(shape, layer=Conv):
    made = layer(in_channels=shape[0], out_channels=2, kernel=(1,) * (len(shape) - 1))
    made = made.with_random_weights(np.random.default_rng(0))
    return replace(made, weight=np.rint(made.weight * 9).astype(np.int16), bias=np.zeros(2, np.int64)).quantized(
        (shape,), (INT8,), INT8, 0.1
    )


def check_streams(network):
    """Hold what every kernel is given, and what those that move elements write, against the reference."""
    network = in_parts(network)
    found = region(network)
    (shape,) = (network.tensors[name].shape for name in network.inputs)
    x = np.random.default_rng(0).integers(-128, 128, (TENSORS, *shape)).astype(np.int8)
    tensors = {"x": x} | reference.trace(network, x)

    def travelling(name):
        channels, *pixels = found.shapes[found.streams[name]]
        stream = Stream(math.prod(pixels), channels, channels, 8, True)
        return beats.pack(tensors[name], stream, sequence=name in found.sequences)

    nodes = {node.name: node for node in network}
    for site in found.sites:
        for name, stream in zip(nodes[site.node.name].inputs, site.inputs, strict=True):
            assert np.array_equal(travelling(name), travelling(stream))
        if site.kernel is Rearrange:
            spec = Rearrange.of(site.node.layer, site.shapes, site.quantizations, site.output_quantization, [1])
            moved = travelling(site.inputs[0]).reshape(TENSORS, -1)[:, spec.source]
            assert np.array_equal(moved, travelling(site.outputs[0]))
    for name in network.outputs:
        assert np.array_equal(travelling(name), travelling(found.streams[name]))
    return found


def kinds(found):
    return [site.kernel.kind for site in found.sites]


def test_a_channel_shuffle_is_one_kernel_that_holds_a_pixel_or_two():
    shuffle = (Reshape(shape=(2, 3, 4, 5)), Transpose(axes=(1, 0, 2, 3)), Reshape(shape=(6, 4, 5)))
    found = check_streams(built((6, 4, 5), conv((6, 4, 5)), Reshape(shape=(2, 4, 5))))
    assert kinds(found) == ["conv2d"]
    found = check_streams(built((6, 4, 5), *shuffle, conv((6, 4, 5))))
    assert kinds(found) == ["rearrange", "conv2d"]
    assert isinstance(found.sites[0].node.layer, Rearrangement)
    spec = Rearrange.of(found.sites[0].node.layer, [(6, 4, 5)], [INT8], INT8, [6])
    assert spec.least_capacity <= 2


def test_columns_of_an_image_are_steps_of_a_sequence():
    columns = (Transpose(axes=(2, 0, 1)), Reshape(shape=(5, 12)))
    found = check_streams(built((3, 4, 5), MaxPool(kernel=(1, 1)), *columns, steps_first((5, 12))))
    assert kinds(found) == ["maxpool", "rearrange", "timeslice"]
    assert found.sites[-1].shapes == ((5, 12),)


def test_an_image_of_one_row_is_a_sequence_for_nothing():
    row = (Reshape(shape=(3, 5)), Transpose(axes=(1, 0)))
    read = built((3, 1, 5), conv((3, 1, 5)), Reshape(shape=(2, 5)), Transpose(axes=(1, 0)))
    assert kinds(check_streams(read)) == ["conv2d"]
    found = check_streams(built((3, 1, 5), MaxPool(kernel=(1, 1)), *row, steps_first((5, 3))))
    assert kinds(found) == ["maxpool", "timeslice"]


@pytest.mark.parametrize("shape", [(3, 2, 4), (2, 12), (1, 24)], ids=str)
def test_a_vector_becomes_an_image(shape):
    layer = conv(shape, ConvTranspose if len(shape) == 3 else Conv)
    found = check_streams(built((24,), Reshape(shape=shape), layer))
    assert kinds(found)[0] == "rearrange"
    assert found.sites[1].shapes == (shape,)


def test_a_vector_becomes_a_sequence():
    found = check_streams(built((24,), Reshape(shape=(4, 6)), steps_first((4, 6))))
    assert kinds(found) == ["rearrange", "timeslice"]


def test_steps_are_stacked():
    found = check_streams(built((8, 3), steps_first((8, 3)), Reshape(shape=(4, 6)), steps_first((4, 6))))
    assert kinds(found) == ["timeslice", "rearrange", "timeslice"]


def test_a_sequence_becomes_an_image():
    found = check_streams(built((4, 6), steps_first((4, 6)), Reshape(shape=(1, 4, 6)), conv((1, 4, 6))))
    assert kinds(found) == ["timeslice", "rearrange", "conv2d"]


def test_a_mean_over_time_reads_a_sequence_and_one_over_a_signal_does_not():
    over_time = ReduceMean(axes=(0,), keepdims=False).quantized(((4, 6),), (INT8,), INT8)
    found = check_streams(built((4, 6), over_time))
    spec = found.sites[0].kernel.of(found.sites[0].node.layer, found.sites[0].shapes, [INT8], INT8, [1])
    assert (found.sequences, spec.pixels, spec.channels) == ({"x"}, 4, 6)
    over_signal = ReduceMean(axes=(1,), keepdims=False).quantized(((4, 6),), (INT8,), INT8)
    assert not check_streams(built((4, 6), over_signal)).sequences


def test_moves_that_undo_each_other_are_free():
    there_and_back = Transpose(axes=(1, 2, 0)), Transpose(axes=(2, 0, 1))
    assert kinds(check_streams(built((3, 4, 5), *there_and_back, conv((3, 4, 5))))) == ["conv2d"]


def test_what_leaves_between_two_moves_stays():
    b = Builder("net")
    x = b.input("x", (3, 4, 5), INT8)
    b.add(Transpose(axes=(1, 2, 0)), x, name="there", quantization=INT8)
    b.output("there", b.add(Transpose(axes=(2, 0, 1)), "there", name="back", quantization=INT8))
    network = b.build()
    assert in_parts(network) is network
    assert kinds(check_streams(network)) == ["rearrange", "rearrange"]


@pytest.mark.parametrize("layer", ["add", "prelu"])
def test_a_parameter_per_channel_lies_as_the_stream_does(layer):
    """Steps of as many channels as there are steps, and an image that has been flattened."""
    values = np.array([5, 0, -7], np.int16)

    def per_channel(values):
        if layer == "add":
            return Add(constant_shape=values.shape, constant=values)
        return PRelu(slope_shape=values.shape, slope=values)

    def quantized(made, shape):
        return made.quantized((shape,), (INT8,), INT8, 0.1)

    found = check_streams(built((3, 3), steps_first((3, 3)), quantized(per_channel(values), (3, 3))))
    spec = found.sites[1].kernel.of(found.sites[1].node.layer, found.sites[1].shapes, [INT8], INT8, [1])
    assert np.array_equal(spec.slope if layer == "prelu" else spec.constant, values)
    flat = np.repeat(values, 4)
    found = check_streams(built((3, 2, 2), MaxPool(kernel=(1, 1)), Flatten(), quantized(per_channel(flat), (12,))))
    spec = found.sites[1].kernel.of(found.sites[1].node.layer, found.sites[1].shapes, [INT8], INT8, [1])
    assert np.array_equal(spec.slope if layer == "prelu" else spec.constant, values)


@st.composite
def rows_of_moves(draw):
    """Draw an input's shape and a row of reshapes and transpositions between layers that read one thing or another."""
    shape = draw(st.sampled_from([(4, 6), (2, 3, 4), (24,), (1, 24), (6, 1, 4)]))
    layers = []

    def reader():
        choices = [None]
        choices += [steps_first(shape), conv(shape)] if len(shape) == 2 else []
        choices += [conv(shape)] if len(shape) == 3 else []
        return draw(st.sampled_from(choices))

    start = shape
    for _ in range(draw(st.integers(1, 5))):
        read = reader() if draw(st.booleans()) else None
        if read is None:
            if draw(st.booleans()) and len(shape) > 1:
                read = Transpose(axes=tuple(draw(st.permutations(range(len(shape))))))
            else:
                size = math.prod(shape)
                shapes = [(size,), (1, size), (size, 1), (1, 1, size)]
                shapes += [(a, size // a) for a in (2, 3, 4, 6) if size % a == 0]
                shapes += [(2, a, size // 2 // a) for a in (1, 2, 3) if size % (2 * a) == 0]
                read = Reshape(shape=draw(st.sampled_from(shapes)))
        layers.append(read)
        (shape,) = read.infer([shape])
    layers.append(reader() or steps_first(shape) if len(shape) == 2 else conv(shape) if len(shape) == 3 else Flatten())
    return start, layers


@settings(max_examples=300, deadline=None)
@given(rows_of_moves())
def test_every_kernel_is_given_its_input_as_it_reads_it(row):
    shape, layers = row
    network = built(shape, *layers)
    if refused(network):
        reject()
    check_streams(network)


def refused(network):
    """Return whether a layer reads channels where another has time, or no layer computes."""
    try:
        region(network)
    except AccelError as error:
        return "elsewhere it is" in str(error) or "must have layers that compute" in str(error)
    return False
