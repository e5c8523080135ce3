"""The designs of `benchmarks.resources`: shipped models, and networks of the kernels that those have not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

import accel
from accel import plan, shipped
from accel.cell import CellFormats
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.arg_max import ArgMax
from accel.layers.arithmetic import UINT8
from accel.layers.average_pool import AveragePool
from accel.layers.base import Layer
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.global_average_pool import GlobalAveragePool
from accel.layers.gru import GRU
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.lstm import LSTM
from accel.layers.max_pool import MaxPool
from accel.layers.mul import Mul
from accel.layers.prelu import PRelu
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, STATE, recurrent_example
from accel.layers.rnn import RNN
from accel.layers.sigmoid import Sigmoid
from accel.network import Builder, Network
from accel.plan import Plan

_INT8 = Quantization(0.5, 3)
_TIME_STEPS = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """A network and what is asked of its plan.

    Attributes
    ----------
    name : str
        Of the network.
    target : str
    network : callable
        Makes it.
    asked : mapping
        Further arguments of `accel.plan.make`.
    """

    name: str
    target: str
    network: Callable[[], Network]
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return f"{self.name} on {self.target}, {self.wish}"

    @property
    def wish(self) -> str:
        """What is asked of the plan, in words."""
        words: list[str] = []
        if "fps" in self.asked:
            words.append(f"{self.asked['fps']:,.0f} frames/s")
        words += [f"{most} {name}" for name, most in self.asked.get("budget", {}).items()]
        words += [f"{name} {fold.pe} x {fold.simd}" for name, fold in self.asked.get("folds", {}).items()]
        return ", ".join(words) or "balanced"

    def plan(self, network: Network) -> Plan:
        """Return the plan of the network, once made."""
        return plan.make(network, target=self.target, **self.asked)


def _shipped(name: str) -> Network:
    return accel.load(str(shipped.path(f"{name}_qdq")))


class _Drawn:
    """A `Builder` of integer layers with seeded random weights."""

    def __init__(self, name: str):
        self.builder, self._rng = Builder(name), np.random.default_rng(1)

    def add(self, name: str, layer: Layer, *inputs: str, quantization: Quantization = _INT8) -> str:
        shapes = tuple(self.builder.shape(tensor) for tensor in inputs)
        drawn = {
            weight: self._rng.integers(-100, 100, shape).astype(np.int64 if weight == "bias" else np.int16)
            for weight, shape in layer.weight_shapes().items()
        }
        made = replace(layer, **drawn).quantized(shapes, (_INT8,) * len(inputs), quantization, 0.01)
        return self.builder.add(made, *inputs, name=name, quantization=quantization)

    def build(self, output: str) -> Network:
        self.builder.output(output)
        return self.builder.build()


def decoder(width: int) -> Network:
    """Return an image halved, doubled again by a transposed convolution, and joined with itself."""
    d = _Drawn("decoder")
    x = d.builder.input("x", (width, 12, 12), _INT8)
    half = d.add(
        "down",
        Conv(in_channels=width, out_channels=2 * width, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
        x,
    )
    bent = d.add("prelu", PRelu(slope_shape=(2 * width, 1, 1)), half)
    up = d.add("up", ConvTranspose(in_channels=2 * width, out_channels=width, kernel=(2, 2), stride=(2, 2)), bent)
    both = d.add("concat", Concat(axis=0), up, x)
    return d.build(d.add("out", Conv(in_channels=2 * width, out_channels=3, kernel=(1, 1)), both))


def gated(width: int) -> Network:
    """Return a convolution whose channels are weighed by gates, as squeeze-and-excitation does, then chosen among."""
    d = _Drawn("gated")
    x = d.builder.input("x", (3, 12, 12), _INT8)
    trunk = d.add("trunk", Conv(in_channels=3, out_channels=width, kernel=(3, 3)), x)
    mean = d.add("mean", GlobalAveragePool(), trunk)
    gate = d.add("excite", Conv(in_channels=width, out_channels=width, kernel=(1, 1)), mean)
    gate = d.add("gate", Sigmoid(), gate)
    weighed = d.add("weighed", Mul(), trunk, gate)
    pooled = d.add("pooled", AveragePool(kernel=(2, 2), stride=(2, 2)), weighed)
    choice = ArgMax(axis=0)
    return d.build(d.add("choice", choice, pooled, quantization=choice.indices((width, 5, 5))))


def pooled_sum(width: int) -> Network:
    """Return two convolutions of one input, summed, pooled and given to a dense layer."""
    d = _Drawn("pooled_sum")
    x = d.builder.input("x", (2, 10, 10), _INT8)
    a = d.add("wide", Conv(in_channels=2, out_channels=width, kernel=(3, 3), padding=(1, 1, 1, 1)), x)
    b = d.add("narrow", Conv(in_channels=2, out_channels=width, kernel=(1, 1)), x)
    both = d.add("sum", Add(), a, b)
    return d.build(d.add("pool", MaxPool(kernel=(2, 2), stride=(2, 2)), both))


def recurrent(layer: IntegerRecurrent, peephole: bool = False) -> Network:
    """Return a cell with random integers over a sequence."""
    gates = {"LSTM": (GATE,) * 3, "GRU": (GATE,) * 2, "RNN": (HIDDEN,)}[layer.op]
    formats = CellFormats(
        preactivation=PREACTIVATION, activations=gates, hidden=HIDDEN, index_bits=8,
        state=STATE if layer.op == "LSTM" else None, peephole=STATE if peephole else None,
    )  # fmt: skip
    example = recurrent_example("benchmark", layer, _TIME_STEPS, formats)
    b = Builder(layer.op.lower())
    x = b.input("x", example.shapes[0], UINT8)
    b.output(b.add(example.layer, x, name="cell", outputs=["y"], quantization=HIDDEN.quantization))
    return b.build()


_CELL = {"input_size": 12, "hidden_size": 24}
_PEEPHOLES = partial(recurrent, LSTM(**_CELL, has_peepholes=True), peephole=True)
_GRU_OF_PRODUCTS = partial(recurrent, GRU(**_CELL, linear_before_reset=True))
_GRU_OF_STATES = partial(recurrent, GRU(**_CELL))
_SMALL_RNN = partial(recurrent, RNN(input_size=8, hidden_size=16))


def _model(name: str, target: str, **asked: Any) -> Subject:
    return Subject(name, target, partial(_shipped, name), asked)


def subjects() -> list[Subject]:
    """Return the designs of the benchmark, family by family."""
    return [
        _model("lenet5", "ecp5-85f", budget={"multipliers": 27}),
        _model("lenet5", "ecp5-25f", fps=200),
        _model("lenet5", "ecp5-85f", budget={"multipliers": 60}),
        _model("cnn_small", "ecp5-25f"),
        _model("resnet_tiny", "ecp5-25f"),
        _model("dscnn", "ecp5-25f"),
        _model("mlp", "ecp5-25f"),
        _model("mlp", "ecp5-85f", budget={"multipliers": 60}),
        _model("lstm", "ecp5-25f"),
        _model("gru", "ecp5-85f", budget={"multipliers": 24}),
        _model("rnn", "ecp5-25f"),
        Subject("decoder", "ecp5-25f", partial(decoder, 6)),
        Subject("gated", "ecp5-25f", partial(gated, 8), {"budget": {"multipliers": 16}}),
        Subject("pooled_sum", "ecp5-25f", partial(pooled_sum, 6), {"budget": {"multipliers": 14}}),
        Subject("LSTM with peepholes", "ecp5-85f", _PEEPHOLES, {"budget": {"multipliers": 16}}),
        Subject("GRU, linear_before_reset 1", "ecp5-25f", _GRU_OF_PRODUCTS, {"budget": {"multipliers": 6}}),
        Subject("GRU, linear_before_reset 0", "ecp5-25f", _GRU_OF_STATES, {"budget": {"multipliers": 6}}),
        _model("cnn_small", "up5k"),
        _model("cnn_small", "up5k", fps=100),
        _model("mlp", "up5k"),
        _model("rnn", "up5k", budget={"dsp": 8}),
        Subject("RNN of 16 units", "up5k", _SMALL_RNN, {"budget": {"dsp": 8}}),
        Subject("decoder", "up5k", partial(decoder, 3), {"budget": {"dsp": 8}}),
        Subject("pooled_sum", "up5k", partial(pooled_sum, 4), {"budget": {"dsp": 8}}),
        _model("lenet5", "xc7a35t", budget={"multipliers": 27}),
        _model("cnn_small", "xc7a35t", fps=20_000),
        _model("resnet_tiny", "xc7a100t", budget={"multipliers": 30}),
        _model("dscnn", "xc7a35t", budget={"multipliers": 30}),
        _model("lstm", "xc7a35t", budget={"multipliers": 16}),
        Subject("gated", "xc7a35t", partial(gated, 8), {"budget": {"multipliers": 16}}),
        Subject("GRU, linear_before_reset 0", "xc7a35t", _GRU_OF_STATES, {"budget": {"multipliers": 12}}),
    ]  # fmt: skip
