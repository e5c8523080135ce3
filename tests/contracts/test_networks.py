"""Whole networks that no model ships: planned, emitted, and equal to the reference in every value and cycle."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from accel import beats, plan, reference, stalls, stepper
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.depth_to_space import DepthToSpace
from accel.layers.flatten import Flatten
from accel.layers.global_average_pool import GlobalAveragePool
from accel.layers.hard_swish import HardSwish
from accel.layers.leaky_relu import LeakyRelu
from accel.layers.max_pool import MaxPool
from accel.layers.moves import Move
from accel.layers.mul import Mul
from accel.layers.pad import Pad
from accel.layers.prelu import PRelu
from accel.layers.resize import Resize
from accel.layers.sigmoid import Sigmoid
from accel.layers.slice import Slice
from accel.network import Builder
from hdl.bench import Bench, Drive
from hdl.bench.gallery import Gallery
from hdl.top import Top
from hdl.verilog import emit

INT8 = Quantization(0.5, 3)
UINT8 = Quantization(0.25, 131, signed=False)
INT4 = Quantization(0.75, -1, bits=4)
GATE = Quantization(1 / 256, 0, signed=False)
TENSORS = 3


class Stack:
    """A network built layer by layer, with random integers scaled so that outputs use their range."""

    def __init__(self, name, shape, quantization=INT8):
        self.name, self.b = name, Builder(name)
        self.shapes, self.formats = {}, {}
        self.x = self._known(self.b.input("x", shape, quantization), shape, quantization)

    def _known(self, name, shape, quantization):
        self.shapes[name], self.formats[name] = shape, quantization
        return name

    def add(self, layer, *inputs, to=INT8, bits=8):
        inputs = inputs or (self.x,)
        shapes, formats = [self.shapes[x] for x in inputs], [self.formats[x] for x in inputs]
        name = f"{layer.op}{len(self.shapes)}"
        rng = np.random.default_rng(zlib.crc32(f"{self.name} {name}".encode()))
        half = 1 << (bits - 1)
        drawn = {
            field: rng.integers(-500, 500, s) if field == "bias" else rng.integers(-half, half, s).astype(np.int16)
            for field, s in layer.weight_shapes().items()
        }
        scale = 0.02 if drawn else 1.0
        if "weight" in drawn:
            terms = layer.macs(shapes) / np.prod(layer.infer(shapes)[0])
            scale = to.scale / formats[0].scale / (half * terms**0.5)
        made = replace(layer, **drawn).quantized(shapes, formats, to, scale)
        if not layer.weight_shapes() and made.requantize is None and isinstance(layer, Move):
            to = formats[0]
        self.x = self._known(self.b.add(made, *inputs, name=name, quantization=to), layer.infer(shapes)[0], to)
        return self.x

    def build(self):
        self.b.output(self.x)
        return self.b.build()


def autoencoder():
    """Strides down and back up by transposed convolutions, one of them larger than its stride."""
    s = Stack("autoencoder", (1, 8, 12))
    s.add(Conv(in_channels=1, out_channels=5, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)))
    s.add(LeakyRelu(alpha=0.1))
    s.add(Conv(in_channels=5, out_channels=7, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)), to=UINT8)
    s.add(ConvTranspose(in_channels=7, out_channels=5, kernel=(2, 2), stride=(2, 2)))
    s.add(PRelu(slope_shape=(5, 1, 1)))
    s.add(ConvTranspose(in_channels=5, out_channels=1, kernel=(4, 4), stride=(2, 2), padding=(1, 1, 1, 1)))
    return s.build()


def odd():
    """5x5 at stride 2, 1x3 with dilation, channels 5, 7 and 11, an image that is not square, weights of four bits."""
    s = Stack("odd", (1, 11, 14), UINT8)
    s.add(Conv(in_channels=1, out_channels=5, kernel=(5, 5), stride=(2, 2), padding=(2, 2, 2, 2)), bits=4)
    s.add(Conv(in_channels=5, out_channels=7, kernel=(1, 3), dilation=(1, 2)), to=INT4, bits=4)
    s.add(MaxPool(kernel=(2, 2), stride=(1, 1)), to=INT4)
    s.add(Conv(in_channels=7, out_channels=11, kernel=(1, 1)), to=UINT8, bits=2)
    s.add(Conv(in_channels=11, out_channels=11, kernel=(3, 2), groups=11))
    s.add(Flatten())
    s.add(LeakyRelu(alpha=0.2))
    s.add(Dense(in_features=int(np.prod(s.shapes[s.x])), out_features=3))
    return s.build()


def gates():
    """A squeeze-and-excite block within a residual one, branches side by side, an activation from a table."""
    s = Stack("gates", (3, 6, 5))
    trunk = s.add(Conv(in_channels=3, out_channels=4, kernel=(3, 3), padding=(1, 1, 1, 1)))
    wide = s.add(HardSwish(), trunk)
    s.add(GlobalAveragePool(), wide)
    s.add(Conv(in_channels=4, out_channels=4, kernel=(1, 1)))
    gate = s.add(Sigmoid(), to=GATE)
    gated = s.add(Mul(), wide, gate)
    total = s.add(Add(), gated, trunk)
    side = s.add(Conv(in_channels=4, out_channels=3, kernel=(3, 1), padding=(1, 0, 1, 0)), total)
    s.add(Concat(), side, total, to=UINT8)
    return s.build()


def hourglass():
    """Half of the channels go down, come back enlarged, and meet the others; then channels become pixels."""
    s = Stack("hourglass", (2, 6, 8))
    trunk = s.add(Conv(in_channels=2, out_channels=6, kernel=(3, 3), padding=(1, 1, 1, 1)))
    first, second = (s.add(Slice(start=(c, 0, 0), count=(3, 6, 8), step=(1, 1, 1)), trunk) for c in (0, 3))
    s.add(MaxPool(kernel=(2, 2), stride=(2, 2)), first)
    s.add(Conv(in_channels=3, out_channels=5, kernel=(3, 3), padding=(1, 1, 1, 1)))
    s.add(Resize(sources=((0, 0, 1, 1, 2, 2), (0, 0, 1, 1, 2, 2, 3, 3))))
    s.add(Concat(), s.x, second)
    s.add(Pad(padding=(0, 1, 0, 0, 0, 1)))
    s.add(Conv(in_channels=8, out_channels=8, kernel=(2, 2)))
    s.add(DepthToSpace(block=2, channels_first=True))
    return s.build()


NETWORKS = (autoencoder, odd, gates, hourglass)
PLANS = ({"fps": 1000}, {"budget": {"dsp": 40}})


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Every network at every plan, as one module, compiled once."""
    placed = []
    for make in NETWORKS:
        for asked in PLANS:
            network = make()
            made = plan.make(network, target="ecp5-85f", **asked)
            placed.append((made.integers(network), made.design(network)))
    gallery = Gallery([Top([k.spec for k in design.kernels], design.links) for _, design in placed])
    folder = tmp_path_factory.mktemp("networks")
    verilog = folder / "networks.v"
    verilog.write_text(emit(gallery, "networks"))
    return placed, Bench.build([verilog], [gallery.design("networks")], folder / "build", optimize="-O0")


@pytest.mark.cocotb
@pytest.mark.slow
@pytest.mark.parametrize("name", ["none", "random"])
def test_emitted_networks_are_the_reference_in_the_cycles_of_the_stepper(bench, name):
    placed, compiled = bench
    sources, sinks = [stalls.pattern(name, 1, "input")], [stalls.pattern(name, 1, "output")]
    runs = [stepper.step(d.graph, TENSORS, source_stalls=sources, sink_stalls=sinks) for _, d in placed]
    given = []
    for network, _ in placed:
        q = network.tensors["x"].quantization
        x = np.random.default_rng(2).integers(q.low, q.high + 1, (TENSORS, *network.tensors["x"].shape))
        given.append(x.astype(q.dtype))
    sent = [beats.pack(x, design.inputs[0]) for x, (_, design) in zip(given, placed, strict=True)]
    drive = Drive(TENSORS, sent, sources * len(placed), sinks * len(placed))
    (seen,) = compiled.run([drive], limit_cycles=max(run.cycles for run in runs) + 200)
    for (network, design), x, run, inputs, outputs in zip(placed, given, runs, seen.inputs, seen.outputs, strict=True):
        assert np.array_equal(inputs.cycles, run.inputs[0].ravel())
        assert np.array_equal(outputs.cycles, run.outputs[0].ravel())
        (y,) = reference.run(network, x).values()
        assert len(np.unique(y)) > 2
        assert np.array_equal(outputs.values, beats.pack(y, design.outputs[0]).reshape(len(outputs.values), -1))
