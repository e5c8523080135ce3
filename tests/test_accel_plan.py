"""Plans: optimal folds, buffers the stepper approves, what fits and what is refused."""

import itertools
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accel
from accel import plan, shipped, stalls, stepper, targets
from accel.errors import AccelError, CapacityError, InputError, ModelError, UnsupportedError
from accel.fixedpoint import Quantization
from accel.intervals import Interval
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.dequantize import Dequantize
from accel.layers.flatten import Flatten
from accel.layers.max_pool import MaxPool
from accel.layers.quantize import Quantize
from accel.layers.reshape import Reshape
from accel.layers.softmax import Softmax
from accel.layers.tanh import Tanh
from accel.network import Builder
from accel.packing import Packing
from accel.plan.folds import PartialFold, least_parts
from accel.plan.resources import estimate, sum_of
from accel.plan.sites import region
from accel.plan.weights import weight_bits
from accel.schedule import closed_form
from accel.schedule.fold import Fold
from accel.schedule.graph import TOP

INT8 = Quantization(0.5, 3)


def integer(layer, shape, seed=0):
    """Return a contraction with random integer weights and its requantisation."""
    rng = np.random.default_rng(seed)
    drawn = {
        name: rng.integers(-100, 100, s).astype(np.int64 if name == "bias" else np.int16)
        for name, s in layer.weight_shapes().items()
    }
    return replace(layer, **drawn).quantized((shape,), (INT8,), INT8, 0.01)


def conv(shape, m, k, **more):
    return integer(Conv(in_channels=shape[0], out_channels=m, kernel=(k, k), **more), shape)


def tiny(float_borders=True):
    """Return conv, pool, flatten, dense: small enough to try every fold."""
    b = Builder("tiny")
    x = b.input("x", (2, 7, 6), None if float_borders else INT8)
    if float_borders:
        x = b.add(Quantize(quantization=INT8), x, name="quantize", quantization=INT8)
    x = b.add(conv((2, 7, 6), 4, 3), x, name="conv", quantization=INT8)
    x = b.add(MaxPool(kernel=(2, 2), stride=(2, 2)), x, name="pool", quantization=INT8)
    x = b.add(Flatten(), x, name="flatten", quantization=INT8)
    x = b.add(integer(Dense(in_features=16, out_features=5), (16,)), x, name="dense", quantization=INT8)
    if float_borders:
        x = b.add(Dequantize(quantization=INT8), x, name="dequantize")
        x = b.add(Softmax(axis=0), x, name="softmax")
    b.output(x)
    return b.build()


@pytest.fixture(scope="module")
def lenet5():
    return accel.load(str(shipped.path("lenet5_qdq")))


def run_of(made, network, tensors=40, stall="none"):
    graph = made.design(network).graph
    ends = [(f"input {i}", f"output {i}") for i in range(len(graph.sources))]
    return graph, stepper.step(
        graph,
        tensors,
        source_stalls=[stalls.pattern(stall, 1, a) for a, _ in ends],
        sink_stalls=[stalls.pattern(stall, 1, f"output {i}") for i in range(len(graph.sinks))],
    )


# The search


@given(st.integers(1, 400))
def test_least_parts_are_the_smallest_of_each_number_of_groups(n):
    best = {}
    for k in range(n, 0, -1):
        best[-(-n // k)] = k
    assert least_parts(n) == sorted(best.values())


@pytest.mark.parametrize("multipliers", [2, 3, 5, 8, 13, 21, 40])
def test_folds_within_a_budget_of_multipliers_are_the_best_of_all(multipliers):
    """Against every pair of folds of both contractions, ragged ones included."""
    made = plan.make(tiny(), target="ecp5-85f", budget={"multipliers": multipliers})
    pixels = 5 * 4
    best = min(
        max(pixels * -(-4 // pe) * -(-18 // simd), -(-5 // pe2) * -(-16 // simd2))
        for pe, simd in itertools.product(range(1, 5), range(1, 19))
        for pe2, simd2 in itertools.product(range(1, 6), range(1, 17))
        if pe * simd + pe2 * simd2 <= multipliers
    )
    pool = max(2 * 2 * 4 * -(-4 // made.kernels[0].pe), 7 * 6)  # of its own, and the input's beats at one lane
    assert best <= made.bound_cycles <= max(best, pool)
    assert made.resources["multipliers"] <= multipliers


def test_depthwise_kernels_and_what_they_take_their_lanes_from_are_folded_together():
    """Within every budget the best of all folds of a wide, a depthwise and a narrow convolution."""
    b = Builder("separable")
    x = b.input("x", (3, 4, 5), INT8)
    x = b.add(conv((3, 4, 5), 6, 1), x, name="wide", quantization=INT8)
    x = b.add(conv((6, 4, 5), 6, 3, groups=6, padding=(1, 1, 1, 1)), x, name="depthwise", quantization=INT8)
    b.output(b.add(conv((6, 4, 5), 2, 1), x, name="narrow", quantization=INT8))
    network = b.build()
    every = []
    for pe, simd, taps in itertools.product(range(1, 7), range(1, 4), range(1, 10)):
        slower = -(-6 // pe) * max(-(-3 // simd), -(-9 // taps))
        for pe2, simd2 in itertools.product(range(1, 3), range(1, 7)):
            every.append((pe * (simd + taps) + pe2 * simd2, 20 * max(slower, -(-2 // pe2) * -(-6 // simd2))))
    for multipliers in (3, 4, 5, 7, 9, 11, 14, 18, 23, 30, 40):
        made = plan.make(network, target="ecp5-85f", budget={"multipliers": multipliers})
        assert made.bound_cycles == min(cycles for used, cycles in every if used <= multipliers)
        assert made.resources["multipliers"] <= multipliers


def test_kernels_on_the_lanes_of_an_input_set_them():
    b = Builder("input lanes")
    x = b.input("x", (6, 5, 5), INT8)
    b.output(b.add(conv((6, 5, 5), 6, 3, groups=6), x, name="depthwise", quantization=INT8))
    b.output(b.add(MaxPool(kernel=(2, 2)), x, name="pool", quantization=INT8))
    network = b.build()
    made = plan.make(network, target="ecp5-25f", folds={"depthwise": PartialFold(pe=3)})
    assert made.input_lanes == {"x": 3}
    with pytest.raises(InputError, match="node 'pool' pe must be the 3 lanes of its input, not 2"):
        plan.make(network, target="ecp5-25f", folds={"depthwise": PartialFold(pe=3), "pool": PartialFold(pe=2)})


def test_lenet5_with_27_multipliers_takes_17_600_cycles_a_frame(lenet5):
    made = plan.make(lenet5, target="ecp5-85f", budget={"multipliers": 27})
    assert made.resources["multipliers"] <= 27
    assert made.bound_cycles == 17_600
    _, run = run_of(made, lenet5)
    assert run.interval_cycles == 17_600
    assert run.interval_cycles <= 18_000


@pytest.mark.parametrize("name", ["lenet5", "cnn_small", "mlp"])
@pytest.mark.parametrize(
    "asked", [{}, {"fps": 800.0}, {"budget": {"multipliers": 30}}], ids=["balanced", "fps", "budget"]
)
def test_shipped_networks_run_at_their_bound(name, asked):
    network = accel.load(str(shipped.path(f"{name}_qdq")))
    made = plan.make(network, target="ecp5-85f", **asked)
    graph, run = run_of(made, network)
    assert run.interval_cycles <= 1.05 * graph.bound_cycles
    assert run.interval_cycles == pytest.approx(made.interval_cycles, rel=0.01)
    assert run.latency_cycles == made.latency_cycles
    assert graph.bound_cycles == made.bound_cycles
    part = targets.get("ecp5-85f")
    use = sum_of(estimate(k.spec, part) for k in made.design(network).kernels)
    share = 1.0 if asked else 0.7
    assert use.dsp == made.resources["dsp"] <= share * part.dsp
    assert use.bram == made.resources["bram"] <= share * part.bram
    if "fps" in asked:
        assert made.inferences_per_second >= 800


def test_the_small_network_fits_the_smallest_part():
    network = accel.load(str(shipped.path("cnn_small_qdq")))
    made = plan.make(network, target="up5k")
    assert made.significand_bits == 16
    assert made.resources["dsp"] <= 8
    assert made.resources["bram"] <= 30
    assert {n.layer.requantize.significand_bits for n in made.integers(network) if n.layer.requantize} == {16}


def test_closed_forms_are_the_steppers_or_within_two_per_cent():
    for name in ("lenet5", "cnn_small", "mlp"):
        network = accel.load(str(shipped.path(f"{name}_qdq")))
        for budget in (10, 27, 100):
            graph, run = run_of(plan.make(network, target="ecp5-85f", budget={"multipliers": budget}), network)
            assert closed_form.interval_cycles(graph) == pytest.approx(run.interval_cycles, rel=0.02)
            assert closed_form.interval_cycles(graph) <= run.interval_cycles
            latency = stepper.step(graph, 1).latency_cycles
            assert closed_form.latency_cycles(graph) <= latency
            assert closed_form.latency_cycles(graph) == pytest.approx(latency, rel=0.02)


# What the user fixes and asks


def test_a_fold_that_is_given_is_kept(lenet5):
    made = plan.make(
        lenet5, target="ecp5-85f", fps=500, folds={"conv1": PartialFold(pe=3), "fc1": Fold(2, 7)}
    )  # fmt: skip
    folds = {k.name: (k.pe, k.simd) for k in made.kernels}
    assert folds["conv1"][0] == 3
    assert folds["fc1"] == (2, 7)
    assert folds["pool1"][0] == 3  # a pool works on the lanes it is given
    asked = plan.make(lenet5, target="ecp5-85f", fps=500, folds={"pool1": PartialFold(pe=2)})
    assert {k.name: k.pe for k in asked.kernels}["conv1"] == 2  # and is given those that it is to work on


def test_more_frames_a_second_take_more_multipliers(lenet5):
    used = [plan.make(lenet5, target="ecp5-85f", fps=f).resources["multipliers"] for f in (200, 1000, 4000, 10_000)]
    assert used == sorted(used)
    assert used[0] < used[-1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "ecp6"}, InputError, "no target is called 'ecp6'; did you mean 'ecp5'"),
        ({"target": "ecp5", "budget": {"dps": 3}}, InputError, "no budget is called 'dps'; did you mean 'dsp'"),
        ({"target": "ecp5", "budget": {"dsp": 0}}, InputError, "budget dsp must be positive, not 0"),
        ({"target": "ecp5", "fps": -1.0}, InputError, "must be positive"),
        ({"target": "ecp5", "folds": {"cnov": Fold()}}, InputError, "called 'cnov'; did you mean 'conv'"),
        ({"target": "ecp5", "folds": {"conv": Fold(9, 1)}}, InputError, "node 'conv' pe must be 1 to 4, not 9"),
        ({"target": "ecp5", "folds": {"conv": Fold(1, 19)}}, InputError, "node 'conv' simd must be 1 to 18, not 19"),
        ({"target": "ecp5", "folds": {"pool": Fold(9, 1)}}, InputError, "node 'pool' pe must be 1 to 4, not 9"),
        (
            {"target": "ecp5", "folds": {"conv": Fold(2, 1), "pool": Fold(4, 1)}},
            InputError,
            "node 'pool' pe must be the 2 lanes of its input, not 4",
        ),
        (
            {"target": "ecp5", "budget": {"multipliers": 1}},
            CapacityError,
            "with its smallest folds needs 2 multipliers where 1 may",
        ),
        ({"target": "ecp5-25f", "fps": 1e7}, CapacityError, r"must finish one every 7 cycles, .* at most .* frames"),
    ],
)
def test_what_cannot_be_is_refused_with_figures(options, error, message):
    with pytest.raises(error, match=message):
        plan.make(tiny(), **options)


def test_what_does_not_fit_a_part_names_one_that_does(lenet5):
    with pytest.raises(CapacityError, match=r"needs \d+ bram where 9 may be used on ecp5-25f; it fits gw2ar-18"):
        plan.make(lenet5, target="ecp5-25f", budget={"bram": 9})


def test_what_is_flattened_goes_on_as_it_came():
    b = Builder("flat")
    x = b.input("x", (2, 3, 4), INT8)
    flat = b.add(Flatten(), x, name="flat", quantization=INT8)
    table = b.add(Tanh().quantized(((24,),), (INT8,), INT8), flat, name="table", quantization=INT8)
    both = Concat().quantized(((24,), (24,)), (INT8, INT8), INT8)
    b.output(b.add(both, flat, table, name="both", quantization=INT8))
    found = region(b.build())
    assert found.shapes == {"x": (2, 3, 4), "table": (2, 3, 4), "both": (4, 3, 4)}
    assert [site.shapes for site in found.sites] == [((2, 3, 4),), ((2, 3, 4), (2, 3, 4))]


def test_more_weights_than_a_part_holds_are_refused_before_anything_is_planned(monkeypatch):
    b = Builder("heavy")
    b.input("x", (64,), Quantization(1.0))
    weight = np.full((1 << 14, 64), -128, np.int16)
    layer = Dense(in_features=64, out_features=1 << 14, weight=weight)
    b.output(b.add(layer, "x", name="fc", quantization=Quantization(1.0)))
    monkeypatch.setattr(sys.modules[plan.make.__module__], "region", None)
    message = r"'heavy' has 8.39 Mbit of weights, and up5k holds 123 kbit .* xc7a100t could hold them"
    with pytest.raises(CapacityError, match=message):
        plan.make(b.build(), target="up5k")
    assert weight_bits(layer) == 8 * weight.size


def test_the_most_frames_that_a_refusal_names_can_be_had():
    with pytest.raises(CapacityError) as refused:
        plan.make(tiny(), target="ecp5-25f", fps=1e7)
    most = float(str(refused.value).split("at most ")[1].split(" ")[0].replace(",", ""))
    made = plan.make(tiny(), target="ecp5-25f", fps=most)
    assert made.inferences_per_second >= most


# Plans as files


def test_a_plan_survives_its_file(lenet5):
    made = plan.make(lenet5, target="ecp5-25f", fps=100)
    again = plan.Plan.from_json(made.to_json())
    assert again == made
    a, b = made.design(lenet5), again.design(lenet5)
    assert [k.name for k in a.kernels] == [k.name for k in b.kernels]
    assert all(
        np.array_equal(x.spec.schedule.need, y.spec.schedule.need) for x, y in zip(a.kernels, b.kernels, strict=True)
    )
    assert again.host_before == ("x_QuantizeLinear",)


TINY_PLAN = plan.make(tiny(), target="ecp5").to_json()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_spoilt_plan_is_refused_in_one_line(data):
    """Any other exception than ours would fail here; what is not refused still makes a design."""
    spoilt = json.loads(TINY_PLAN)
    where = spoilt if data.draw(st.booleans()) else spoilt["kernels"][0]
    key = data.draw(st.sampled_from(sorted(set(where) - {"notes", "network", "name", "forks", "input_lanes"})))
    where[key] = data.draw(st.sampled_from([None, -1, "?", [], {"a": 1}]))
    message = ""
    try:
        plan.Plan.from_json(json.dumps(spoilt)).design(tiny())
    except AccelError as error:
        message = str(error)
    assert "\n" not in message


def test_a_plan_for_another_network_is_refused(lenet5):
    made = plan.make(tiny(), target="ecp5")
    with pytest.raises(ModelError, match=r"the plan is for network 'tiny' with 3 kernels; network .* has 7"):
        made.design(lenet5)


# Two products of one multiplier


def narrow(weight_bits):
    """Return `tiny` without floats, its weights clipped to a symmetric range."""
    most = (1 << (weight_bits - 1)) - 1
    network = tiny(float_borders=False)
    nodes = tuple(
        replace(n, layer=replace(n.layer, weight=n.layer.weight.clip(-most, most))) if n.layer.weight_shapes() else n
        for n in network
    )
    return replace(network, nodes=nodes)


@pytest.mark.parametrize(
    ("target", "weight_bits", "folds", "products", "multipliers"),
    [
        ("ecp5-25f", 4, (Fold(4, 3), Fold(5, 1)), 12 + 5, 6 + 3),
        ("up5k", 4, (Fold(2, 1), Fold(1, 3)), 2 + 3, 1 + 3),
        ("xc7a35t", 8, (Fold(4, 3), Fold(5, 1)), 12 + 5, 6 + 3),
    ],
)
def test_packed_products_take_fewer_dsp_blocks_and_no_other_cycles(target, weight_bits, folds, products, multipliers):
    network = narrow(weight_bits)
    given = dict(zip(("conv", "dense"), folds, strict=True))
    packed, plain = (
        plan.make(network, target=target, folds=given, budget={"dsp": 28}, pack=pack) for pack in (True, False)
    )
    assert [k.packed for k in packed.kernels] == [True, False, folds[1].pe > 1]
    assert not any(k.packed for k in plain.kernels)
    assert packed.resources["multipliers"] == plain.resources["multipliers"] == products
    assert plain.resources["dsp"] - packed.resources["dsp"] == products - multipliers
    assert (packed.latency_cycles, packed.interval_cycles) == (plain.latency_cycles, plain.interval_cycles)
    assert plan.Plan.from_json(packed.to_json()).design(network).kernel("conv").spec.fold == replace(
        folds[0], packed=True
    )


def test_a_budget_of_dsp_blocks_buys_twice_the_products():
    network = narrow(4)
    plain, packed = (plan.make(network, target="ecp5-25f", budget={"dsp": 6}, pack=pack) for pack in (False, True))
    assert plain.resources["multipliers"] <= 6 < packed.resources["multipliers"] <= 12
    assert packed.resources["dsp"] <= 6
    assert packed.interval_cycles < plain.interval_cycles
    few = plan.make(network, target="ecp5-25f", budget={"multipliers": 6})
    assert few.resources["multipliers"] <= 6


@pytest.mark.parametrize(
    ("target", "element", "weight", "products"),
    [
        ("ecp5-25f", (0, 255), (-15, 15), 2), ("ecp5-25f", (0, 255), (-16, 15), 1),
        ("ecp5-25f", (-32, 31), (-31, 31), 2), ("gw2ar-18", (0, 63), (-31, 31), 2),
        ("up5k", (0, 255), (-7, 7), 2), ("up5k", (0, 255), (-8, 7), 1), ("up5k", (-8, 7), (-7, 7), 1),
        ("xc7a35t", (-255, 255), (-128, 127), 2), ("xc7a35t", (0, 255), (-256, 255), 1),
    ],
)  # fmt: skip
def test_a_dsp_block_computes_as_many_products_as_its_ports_take(target, element, weight, products):
    packing = Packing(Interval(*element), Interval(*weight))
    assert targets.get(target).products_per_multiplier(packing) == products


def test_wide_products_have_a_multiplier_each():
    for target in ("ecp5-25f", "up5k", "gw2ar-18"):
        assert not any(k.packed for k in plan.make(narrow(8), target=target).kernels)


def test_a_plan_that_packs_what_has_no_products_is_refused():
    made = json.loads(TINY_PLAN)
    made["kernels"][1]["packed"] = True
    with pytest.raises(InputError, match="node 'pool': kernel maxpool has no products that could be packed"):
        plan.Plan.from_json(json.dumps(made)).design(tiny())


# From networks to kernels


def test_what_stays_on_the_host_is_named():
    made = plan.make(tiny(), target="ecp5")
    assert made.host_before == ("quantize",)
    assert made.host_after == ("dequantize", "softmax")
    found = region(tiny())
    assert [s.node.name for s in found.sites] == ["conv", "pool", "dense"]
    assert found.inputs == ("quantize",)
    assert found.outputs == ("dense",)
    assert region(tiny(float_borders=False)).before == ()


def test_a_flattened_image_travels_as_it_was():
    found = region(tiny())
    assert found.sites[2].shapes == ((4, 2, 2),)
    assert found.streams["flatten"] == "pool"
    design = plan.make(tiny(), target="ecp5").design(tiny())
    assert design.inputs[0].channels == 2
    assert design.outputs[0].channels == 5


def test_several_readers_get_a_fork_and_buffers_that_keep_the_bound():
    b = Builder("two heads")
    x = b.input("x", (2, 8, 8), INT8)
    trunk = b.add(conv((2, 8, 8), 3, 3), x, name="trunk", quantization=INT8)
    left = b.add(conv((3, 6, 6), 4, 3), trunk, name="left", quantization=INT8)
    right = b.add(conv((3, 6, 6), 2, 1), trunk, name="right", quantization=INT8)
    b.output(left, right, trunk)
    network = b.build()
    made = plan.make(network, target="ecp5-25f")
    assert set(made.forks) == {"trunk"}
    assert len(made.forks["trunk"]) == 3
    design = made.design(network)
    assert [k.name for k in design.kernels] == ["trunk", "trunk fork", "left", "right"]
    assert len([x for x in design.links if x.target[0] == TOP]) == 3
    for stall in stalls.NAMES:
        _, run = run_of(made, network, stall=stall)
        assert [len(port[0]) for port in run.outputs] == [s.beats for s in design.outputs]
    graph, run = run_of(made, network)
    assert run.interval_cycles <= 1.05 * graph.bound_cycles


def test_tiles_stay_within_groups_and_depthwise_kernels_take_the_lanes_they_get():
    b = Builder("groups")
    x = b.add(conv((6, 5, 5), 10, 3, groups=2), b.input("x", (6, 5, 5), INT8), name="groups", quantization=INT8)
    b.output(b.add(conv((10, 3, 3), 10, 3, groups=10), x, name="depthwise", quantization=INT8))
    network = b.build()
    for fold in ({}, {"groups": PartialFold(pe=5)}, {"groups": PartialFold(simd=4)}):
        made = plan.make(network, target="ecp5-25f", folds=fold)
        groups, depthwise = made.design(network).kernels
        assert (groups.spec.kind, depthwise.spec.kind) == ("conv2d", "depthwise")
        assert 5 % groups.spec.fold.pe == 0
        assert depthwise.spec.fold.pe == groups.spec.fold.pe
    with pytest.raises(InputError, match="pe must divide the 5 output channels of a group, not be 3"):
        plan.make(network, target="ecp5-25f", folds={"groups": PartialFold(pe=3)})


def test_floats_amid_integers_are_refused_by_name():
    b = Builder("island")
    x = b.add(conv((2, 4, 4), 2, 1), b.input("x", (2, 4, 4), INT8), name="first", quantization=INT8)
    x = b.add(Dequantize(quantization=INT8), x, name="leave")
    x = b.add(Softmax(axis=0), x, name="softmax")
    x = b.add(Quantize(quantization=INT8), x, name="enter", quantization=INT8)
    b.output(b.add(conv((2, 4, 4), 2, 1), x, name="second", quantization=INT8))
    with pytest.raises(UnsupportedError, match="node 'second' reads 'enter', which the host computes from integers"):
        region(b.build())


def test_layers_without_a_kernel_are_refused_by_name():
    b = Builder("reshaped")
    x = b.input("x", (4, 3, 2), INT8)
    coarse = Quantization(2 * INT8.scale)
    layer = Reshape(shape=(2, 3, 4)).quantized(((4, 3, 2),), (INT8,), coarse)
    x = b.add(layer, x, name="reshape", quantization=coarse)
    b.output(b.add(conv((2, 3, 4), 1, 1), x, name="conv", quantization=INT8))
    with pytest.raises(UnsupportedError, match="node 'reshape': no kernel computes 'Reshape'"):
        region(b.build())
    with pytest.raises(ModelError, match="quantise it first"):
        region(accel.load("lenet5"))


def test_sixteen_bits_are_refused_by_name():
    wide = Quantization(0.1, 0, bits=16)
    b = Builder("wide")
    b.output(b.add(conv((2, 4, 4), 2, 1), b.input("x", (2, 4, 4), wide), name="conv", quantization=INT8))
    with pytest.raises(UnsupportedError, match="activations of 2 to 8 bits; tensor 'x' has 16"):
        region(b.build())
