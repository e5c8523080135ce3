"""Joins: FIFOs of the least depth go on under every stall pattern, and one beat less locks up, stepper and Verilog."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel import beats, plan, reference, stalls, stepper
from accel.errors import CheckError
from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.conv import Conv
from accel.layers.global_average_pool import GlobalAveragePool
from accel.layers.mul import Mul
from accel.network import Builder
from accel.plan.design import Choice, Queues, least_capacity, least_fifos, place
from accel.plan.sites import region
from accel.plan.tokens import least_room
from accel.schedule.fifo import Fifo
from accel.schedule.fold import Fold
from hdl.bench import Bench, Drive
from hdl.bench.gallery import Gallery
from hdl.top import Top
from hdl.verilog import emit

INT8 = Quantization(0.5, 3)
TENSORS = 3


def conv(shape, m, kernel=3, stride=1, seed=0):
    pad = kernel // 2
    layer = Conv(in_channels=shape[0], out_channels=m, kernel=(kernel,) * 2, stride=(stride,) * 2, padding=(pad,) * 4)
    rng = np.random.default_rng(seed)
    weight = rng.integers(-100, 100, layer.weight_shapes()["weight"]).astype(np.int16)
    bias = rng.integers(-500, 500, m)
    return replace(layer, weight=weight, bias=bias).quantized((shape,), (INT8,), INT8, 0.01)


def join(b, name, *inputs):
    return b.add(
        Add().quantized(((1,),) * len(inputs), (INT8,) * len(inputs), INT8), *inputs, name=name, quantization=INT8
    )


def residual(b, x, c, h, w):
    """Two convolutions beside nothing."""
    y = b.add(conv((c, h, w), c), x, name="conv1", quantization=INT8)
    y = b.add(conv((c, h, w), c, seed=1), y, name="conv2", quantization=INT8)
    return join(b, "add", y, x)


def shortcut(b, x, c, h, w):
    """Two convolutions, the first of stride 2, beside a 1x1 of stride 2."""
    half = (c, (h + 1) // 2, (w + 1) // 2)
    y = b.add(conv((c, h, w), c, stride=2), x, name="conv1", quantization=INT8)
    y = b.add(conv(half, c, kernel=5, seed=1), y, name="conv2", quantization=INT8)
    z = b.add(conv((c, h, w), c, kernel=1, stride=2), x, name="shortcut", quantization=INT8)
    return join(b, "add", z, y)


def nested(b, x, c, h, w):
    """A residual block within the branch of another, which goes on behind it."""
    y = residual(b, x, c, h, w)
    y = b.add(conv((c, h, w), c, seed=2), y, name="conv3", quantization=INT8)
    return join(b, "outer", y, x)


def three(b, x, c, h, w):
    """Branches of no, one and two convolutions into one sum."""
    y = b.add(conv((c, h, w), c), x, name="conv1", quantization=INT8)
    z = b.add(conv((c, h, w), c, kernel=5, seed=1), y, name="conv2", quantization=INT8)
    return join(b, "add", x, y, z)


def gated(b, x, c, h, w):
    """Every channel times its own mean, which is known when the image has passed."""
    shape = (c, h, w)
    y = b.add(GlobalAveragePool().quantized((shape,), (INT8,), INT8), x, name="mean", quantization=INT8)
    product = Mul().quantized((shape, (c, 1, 1)), (INT8, INT8), Quantization(9.0, -3))
    return b.add(product, x, y, name="gate", quantization=Quantization(9.0, -3))


def network(block, c=2, h=7, w=9):
    b = Builder(block.__name__)
    x = b.add(conv((1, h, w), c, kernel=1), b.input("x", (1, h, w), INT8), name="stem", quantization=INT8)
    b.output(block(b, x, c, h, w))
    return b.build()


def designs(block, folds):
    """Return a function that places a block with given FIFOs and the smallest buffers, and the least FIFOs."""
    found = region(network(block))
    choices = {site.node.name: Choice(folds.get(site.node.name)) for site in found.sites}
    roomy = place(found, choices, {})
    choices = {n: replace(c, capacity=max(least_capacity(roomy.kernel(n).spec))) for n, c in choices.items()}
    least = least_fifos(place(found, choices, {}))
    return lambda fifos: place(found, choices, {}, Queues(fifos=fifos)), least


def run(design, name="none", seed=0):
    return stepper.step(
        design.graph,
        TENSORS,
        source_stalls=[stalls.pattern(name, seed, "input")],
        sink_stalls=[stalls.pattern(name, seed, "output")],
    )


BLOCKS = (residual, shortcut, nested, three, gated)
FOLDS = ({}, {"stem": Fold(2, 1), "conv2": Fold(2, 3), "add": Fold(1, 24)}, {"add": Fold(2, 5), "conv1": Fold(1, 18)})


@pytest.mark.parametrize("folds", FOLDS, ids=["least", "wide joins", "slow joins"])
@pytest.mark.parametrize("block", BLOCKS)
def test_the_least_fifos_never_lock_up_and_one_beat_less_always_does(block, folds):
    place_with, least = designs(block, folds)
    assert least
    for name in stalls.NAMES:
        for seed in range(2):
            run(place_with(least), name, seed)
    tight = [(name, port) for name, depths in least.items() for port, depth in enumerate(depths) if depth > 1]
    assert tight
    for name, port in tight:
        less = tuple(depth - (i == port) for i, depth in enumerate(least[name]))
        for pattern in stalls.NAMES:
            with pytest.raises(CheckError, match="locks up"):
                run(place_with({**least, name: less}), pattern)


def test_nested_branches_need_both_fifos():
    place_with, least = designs(nested, {})
    assert set(least) == {"add", "outer"}
    assert least["outer"][1] > least["add"][1] > 1
    with pytest.raises(CheckError, match="locks up"):
        run(place_with({"add": least["add"]}))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_folds_and_buffers_leave_nothing_to_lock_up(data):
    """Whatever stands on the branches: the FIFOs that are counted suffice, and where some are, none locks up."""
    block = data.draw(st.sampled_from(BLOCKS))
    found = region(network(block, c=data.draw(st.integers(1, 3))))
    choices = {}
    lanes = dict.fromkeys(found.inputs, 1)
    for site in found.sites:
        space = site.kernel.fold_space(site.node.layer, site.shapes, [lanes[name] for name in site.inputs])
        pe, simd = (data.draw(st.integers(1, n)) for n in (space.channels, space.reduction))
        pe = space.pe or pe
        lanes |= dict.fromkeys(site.outputs, pe)
        choices[site.node.name] = Choice(Fold(pe, simd), data.draw(st.sampled_from([None, 256])))
    forks = {
        name: tuple(data.draw(st.sampled_from([1, 2, 16])) for _ in r)
        for name, r in found.readers.items()
        if len(r) > 1
    }
    bare = place(found, choices, {}, Queues(forks))
    least = least_fifos(bare)
    pattern = data.draw(st.sampled_from(stalls.NAMES))
    run(place(found, choices, {}, Queues(forks, least)), pattern)
    if least_room(bare.graph):
        with pytest.raises(CheckError, match="locks up"):
            run(bare, pattern)


def test_plans_hold_the_fifos_and_keep_the_interval():
    given_network = network(nested, c=4, h=10, w=9)
    made = plan.make(given_network, target="ecp5-25f")
    design = made.design(given_network)
    assert made.fifos == design.queues.fifos
    assert set(made.fifos) >= {"add", "outer"}
    assert [k.name for k in design.kernels if isinstance(k.spec, Fifo)]
    again = stepper.step(design.graph, 2 * len(design.kernels) + 4)
    assert again.interval_cycles == made.interval_cycles <= 1.05 * made.bound_cycles
    assert again.latency_cycles == made.latency_cycles
    assert plan.Plan.from_json(made.to_json()) == made


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Every block with the least FIFOs, then every block with one of them a beat shallower, compiled once."""
    right, wrong = [], []
    for block in BLOCKS:
        place_with, least = designs(block, {})
        right.append((network(block), place_with(least)))
        name, port = next((n, p) for n, depths in least.items() for p, depth in enumerate(depths) if depth > 1)
        wrong.append(place_with({**least, name: tuple(d - (p == port) for p, d in enumerate(least[name]))}))
    every = [design for _, design in right] + wrong
    gallery = Gallery([Top([k.spec for k in design.kernels], design.links) for design in every])
    folder = tmp_path_factory.mktemp("joins")
    verilog = folder / "joins.v"
    verilog.write_text(emit(gallery, "joins"))
    return right, wrong, Bench.build([verilog], [gallery.design("joins")], folder / "build", optimize="-O0")


@pytest.mark.cocotb
@pytest.mark.parametrize("name", ["none", "random"])
def test_emitted_joins_keep_their_cycles_and_one_beat_less_locks_up(bench, name):
    right, wrong, compiled = bench
    runs = [run(design, name) for _, design in right]
    x = np.random.default_rng(5).integers(-128, 128, (TENSORS, 1, 7, 9)).astype(np.int8)
    every = [design for _, design in right] + wrong
    drive = Drive(
        TENSORS,
        [beats.pack(x, design.inputs[0]) for design in every],
        [stalls.pattern(name, 0, "input")] * len(every),
        [stalls.pattern(name, 0, "output")] * len(every),
    )
    (seen,) = compiled.run([drive], limit_cycles=max(r.cycles for r in runs) + 500)
    for (given_network, design), want, inputs, outputs in zip(right, runs, seen.inputs, seen.outputs, strict=False):
        assert np.array_equal(inputs.cycles, want.inputs[0].ravel())
        assert np.array_equal(outputs.cycles, want.outputs[0].ravel())
        (y,) = reference.run(given_network, x).values()
        assert np.array_equal(outputs.values, beats.pack(y, design.outputs[0]).reshape(len(outputs.values), -1))
    for design, outputs in zip(wrong, seen.outputs[len(right) :], strict=True):
        assert len(outputs.cycles) < design.outputs[0].beats
