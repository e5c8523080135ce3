"""Layers in parts: the same integers bit for bit; and which tensors are sequences."""

from dataclasses import replace

import numpy as np
import pytest

from accel import reference
from accel.cell import CellFormats
from accel.errors import UnsupportedError
from accel.fixedpoint import Quantization
from accel.layers.arithmetic import UINT8
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.flatten import Flatten
from accel.layers.gru import GRU
from accel.layers.lstm import LSTM
from accel.layers.max_pool import MaxPool
from accel.layers.recurrent import Activation
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, STATE, WIDE_HIDDEN, recurrent_example
from accel.layers.rnn import RNN
from accel.layers.slice import Slice
from accel.layers.transpose import Transpose
from accel.network import Builder
from accel.plan.parts import in_parts
from accel.plan.sites import region

INT8 = Quantization(0.5)
FORMATS = CellFormats(preactivation=PREACTIVATION, activations=(GATE,) * 3, hidden=HIDDEN, state=STATE, index_bits=7)
TWO_GATES = replace(FORMATS, activations=(GATE,) * 2, state=None)
RECTIFIED = replace(FORMATS, activations=(HIDDEN,), state=None)
SIZE = {"input_size": 3, "hidden_size": 4}
LAYERS = {
    "LSTM": (LSTM(**SIZE, has_peepholes=True), replace(FORMATS, peephole=STATE)),
    "GRU": (GRU(**SIZE, clip=2.0, has_initial=True), TWO_GATES),
    "RNN": (RNN(**SIZE, activations=(Activation("Relu"),)), RECTIFIED),
}
STEPS = 5


def network(cell, direction, outputs):
    """Return a network of one layer, of which it gives some outputs."""
    layer, formats = LAYERS[cell]
    ways = 2 if direction == "bidirectional" else 1
    activations = (*layer.activations, Activation("Tanh"))[:ways] if cell == "RNN" else layer.activations * ways
    layer = replace(layer, direction=direction, activations=activations)
    example = recurrent_example(f"{cell} {direction}", layer, STEPS, formats)
    b = Builder("net")
    made = replace(example.layer, output=None if len(outputs) > 1 else outputs[0])
    x = b.input("x", (STEPS, 3), UINT8)
    names = [f"y{i}" for i in range(1 + len(layer.states))] if made.output is None else ["y0"]
    formats = [form.quantization for form in made.outputs]
    formats = formats if made.output is None else formats[made.output]
    b.add(made, x, name="cell", outputs=names, quantization=formats)
    b.output(*[f"y{i}" if len(outputs) > 1 else "y0" for i in outputs])
    return b.build()


PARTS = [(cell, outputs) for cell in LAYERS for outputs in ((0,), (1,), (0, 1))]
PARTS += [("LSTM", outputs) for outputs in ((2,), (0, 2), (1, 2), (0, 1, 2))]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("cell", "outputs"), PARTS, ids=str)
def test_parts_compute_the_same_integers(cell, direction, outputs):
    whole = network(cell, direction, outputs).with_significand_bits(16)
    parts = in_parts(whole)
    assert (parts is whole) == (direction == "forward" and len(outputs) == 1)
    assert [node.layer.op for node in parts].count(cell) == (2 if direction == "bidirectional" else 1)
    x = np.random.default_rng(1).integers(0, 256, (6, STEPS, 3)).astype(np.uint8)
    want, got = reference.run(whole, x), reference.run(parts, x)
    assert list(want) == list(got)
    for name, array in want.items():
        assert np.array_equal(array, got[name])
    assert in_parts(parts) is parts
    cells = [node.layer for node in parts if node.layer.op == cell]
    assert {layer.requantize.shift for layer in cells} == {whole.nodes[0].layer.requantize.shift}
    read = {name for node in parts for name in node.inputs} | set(parts.outputs)
    assert all(read.intersection(node.outputs) for node in parts) or whole is parts


def test_directions_whose_scales_differ_much_keep_their_multipliers():
    layer = network("LSTM", "bidirectional", (0,)).nodes[0].layer
    scales = layer.requantize.scales * np.repeat([1.0, 2.0**-5], len(layer.requantize.scales) // 2)
    layer = replace(layer, requantize=replace(layer.requantize, scales=scales))
    parts = {part.name: part.layer for part in layer.parts([(STEPS, 3)], [0])}
    for d, way in enumerate(("forward", "backward")):
        assert np.array_equal(parts[f"{way} cell 0"].multipliers[0], layer.multipliers[d])


def test_outputs_of_two_formats_are_refused_together():
    whole = network("GRU", "forward", (0, 1))
    (node,) = whole.nodes
    outputs = (HIDDEN, WIDE_HIDDEN)
    made = replace(whole, nodes=(replace(node, layer=replace(node.layer, outputs=outputs)),))
    with pytest.raises(UnsupportedError, match="node 'cell': GRU has parts only where the sequence and the last state"):
        in_parts(made)


# --- which tensors are sequences -----------------------------------------------------------------------------------


def turned(*axes):
    return Transpose(axes=axes)


def test_a_transposition_between_sequence_and_signal_is_free():
    b = Builder("net")
    x = b.input("x", (8, 3), INT8)  # a sequence only because a convolution reads what it is transposed into
    b.add(turned(1, 0), x, name="signal", quantization=INT8)
    b.add(MaxPool(kernel=(2,), stride=(2,)), "signal", name="pooled", quantization=INT8)
    b.output(b.add(turned(1, 0), "pooled", name="y", quantization=INT8))
    found = region(b.build())
    assert found.sequences == {"x", "y"}
    assert [site.node.name for site in found.sites] == ["pooled"]
    assert found.sites[0].shapes == ((3, 8),)
    assert found.shapes == {"x": (3, 8), "pooled": (3, 4)}
    assert found.streams["y"] == "pooled"


def test_a_flattened_sequence_keeps_its_order():
    b = Builder("net")
    x = b.input("x", (4, 3), INT8)
    b.add(Slice(start=(3, 0), count=(4, 3), step=(-1, 1)), x, name="turned", quantization=INT8)
    b.output(b.add(Flatten(), "turned", name="flat", quantization=INT8))
    found = region(b.build())
    assert found.streams["flat"] == "turned"
    assert found.sequences == {"x", "turned", "flat"}


def test_flattened_sequences_stand_beside_each_other_in_time_which_no_kernel_does():
    b = Builder("net")
    x = b.input("x", (4, 3), INT8)
    b.add(Slice(start=(3, 0), count=(4, 3), step=(-1, 1)), x, name="turned", quantization=INT8)
    flat = b.add(Flatten(), "turned", name="flat", quantization=INT8)
    b.output(b.add(Concat(axis=0), flat, flat, name="both", quantization=INT8))
    with pytest.raises(UnsupportedError, match="node 'both': kernel concat takes no flattened sequence"):
        region(b.build())


def test_who_disagrees_about_a_tensor_is_named():
    b = Builder("net")
    x = b.input("x", (4, 4), INT8)
    b.add(MaxPool(kernel=(2,), stride=(1,), padding=(0, 1)), x, name="pooled", quantization=INT8)
    b.add(Slice(start=(3, 0), count=(4, 4), step=(-1, 1)), x, name="turned", quantization=INT8)
    b.output(b.add(Concat(axis=1), "pooled", "turned", name="both", quantization=INT8))
    with pytest.raises(UnsupportedError, match=r"takes 'x' for a sequence \(t, c\); elsewhere it is a signal \(c, l\)"):
        region(b.build())


def test_a_convolution_reads_a_signal():
    b = Builder("net")
    x = b.input("x", (3, 6), INT8)
    layer = Conv(in_channels=3, out_channels=2, kernel=(3,)).with_random_weights(np.random.default_rng(0))
    layer = replace(layer, weight=layer.weight.astype(np.int16), bias=np.zeros(2, np.int64))
    b.output(b.add(layer.quantized(((3, 6),), (INT8,), INT8, 0.1), x, name="conv", quantization=INT8))
    assert not region(b.build()).sequences
