"""Exploring: the loop agrees with `run`, fronts are fronts, what is infeasible says why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import accel
import sim
from accel.app.explore.pareto import front
from accel.errors import InputError
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.flatten import Flatten
from accel.layers.relu import Relu
from accel.network import Builder

AXES = {
    "fpga-tiled": {"tm": [4, 64], "tn": [1, 7], "bandwidth_gbs": [0.5, 4.5], "input_buffer_bytes": [4096, 65536]},
    "diannao": {"tn": [8, 16], "nbin_bytes": [512, 2048], "memory": ["hbm2-2000", "ddr3-1600"]},
    "cpu": {"threads": [1, 96], "llc_bytes": [4096, 1 << 20]},
    "gpu": {"precision": ["float32", "int8"], "sms": [1, 108]},
    "simd": {"lanes": [8, 16], "cache_bytes": [4096, 1 << 20]},
    "fused": {"groups": ["none", "auto"], "tile": [1, 2]},
}


@pytest.fixture(scope="module")
def network():
    b = Builder("small")
    x = b.input("x", (3, 18, 18))
    x = b.add(Conv(in_channels=3, out_channels=20, kernel=(3, 3), stride=(2, 2)), x)
    x = b.add(Relu(), x)
    x = b.add(Conv(in_channels=20, out_channels=20, kernel=(3, 3), padding=(1, 1, 1, 1)), x)
    x = b.add(Flatten(), x)
    b.output(b.add(Dense(in_features=20 * 64, out_features=33), x))
    return b.build()


@pytest.mark.parametrize("machine", sorted(AXES))
def test_every_design_equals_a_run_of_that_machine(network, machine):
    explored = accel.explore(network, machine, AXES[machine], objectives=["seconds", "dram_bytes", "joules"], batch=3)
    assert len(explored) == np.prod([len(v) for v in AXES[machine].values()])
    for row in explored.frame().iter_rows(named=True):
        assert row["feasible"], row["reason"]
        report = explored.machine_of(row).run(network, 3)
        assert row["seconds"] == pytest.approx(report.seconds, rel=1e-9)
        assert row["dram_bytes"] == pytest.approx(report.dram_bytes, abs=1)
        assert row["joules"] == (None if report.joules is None else pytest.approx(report.joules, rel=1e-9))


def test_an_infeasible_design_says_which_constraint_fails_first(network):
    explored = accel.explore(
        network,
        "fpga-tiled",
        {"tm": [1, 64, 500], "tn": [7], "input_buffer_bytes": [64, 65536]},
        constraints=["tm >= 2", "dram_bytes > 0"],
    )
    reasons = explored.frame()["reason"].to_list()
    assert reasons == ["tm >= 2", "tm >= 2", "a layer does not fit", None, *["tm * tn * dsp_per_mac <= dsp"] * 2]
    assert explored.feasible_size == 1
    assert explored.best()["tm"] == 64


def test_designs_a_machine_refuses_one_by_one_give_its_message(network):
    explored = accel.explore(network, "fused", {"groups": ["none", "9"]})
    reasons = explored.frame()["reason"].to_list()
    assert reasons[0] is None
    assert "at most the 2 layers" in reasons[1]


def test_nothing_feasible_is_said_with_the_commonest_reason(network):
    explored = accel.explore(network, "diannao", {"tn": [1, 2]}, constraints=["tn > 5"])
    with pytest.raises(InputError, match="no design of 2 is feasible; most fail 'tn > 5'"):
        explored.best()


def test_rates_are_made_large_and_expressions_small(network):
    explored = accel.explore(
        network, "diannao", {"tn": [8, 16, 24]}, objectives=["inferences_per_second", "seconds * joules", "tn"]
    )
    frame = explored.frame()
    assert explored.best()["inferences_per_second"] == frame["inferences_per_second"].max()
    assert explored.best("seconds * joules")["seconds * joules"] == frame["seconds * joules"].min()
    assert explored.best("tn")["tn"] == 8


def test_a_space_too_large_to_keep_leaves_its_front(network):
    axes = {"tn": range(1, 41), "ti": range(1, 41), "sb_bytes": [2**k for k in range(8, 16)]}
    whole = accel.explore(network, "diannao", axes)
    bounded = accel.explore(network, "diannao", axes, keep=100)
    assert len(bounded) < 1000 < len(whole) == bounded.size == bounded.feasible_size
    assert bounded.pareto().equals(whole.pareto())


@pytest.mark.parametrize(
    ("axes", "more", "message"),
    [
        ({"tnn": [1]}, {}, "diannao has no parameter 'tnn'; did you mean 'tn'"),
        ({"tn": []}, {}, "axis 'tn' must have at least one value"),
        ({"tn": [0]}, {}, "diannao tn must be from 1 to 1024, not '0'"),
        ({"tn": [1.5]}, {}, "whole number"),
        ({"tn": [8]}, {"objectives": ["second"]}, "did you mean 'seconds'"),
        ({"tn": [8]}, {"objectives": []}, "at least one objective"),
        (
            {"tn": [8] * 10**4, "ti": [8] * 10**4, "sb_bytes": [64] * 10**4},
            {},
            "at most 100,000,000,000 designs, not 1,000,000,000,000",
        ),
        ({"tn": [8]}, {"constraints": ["exec('x')"]}, "an expression must hold"),
    ],
)
def test_bad_spaces_are_refused(network, axes, more, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        accel.explore(network, "diannao", axes, **more)


@given(arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.integers(0, 6).map(float)))
def test_front_is_what_nothing_dominates(points):
    at_most = (points[:, None] <= points[None]).all(axis=2)
    less = (points[:, None] < points[None]).any(axis=2)
    assert np.array_equal(front(points), np.flatnonzero(~(at_most & less).any(axis=0)))


@pytest.mark.paper
@pytest.mark.parametrize(
    ("layer", "cycles"), [("conv1", 366025), ("conv2", 237185), ("conv3", 160264), ("conv4", 120198), ("conv5", 80132)]
)
def test_explore_finds_zhangs_optima(layer, cycles):
    """Table 4 of Zhang et al., FPGA 2015: at most 480 multipliers; conv1's row has no pipeline depth."""
    whole = accel.load("alexnet_zhang")
    node = next(n for n in whole if n.name == layer)
    b = Builder(layer)
    b.output(b.add(node.layer, b.input("x", whole.shapes(node)[0])))
    machine = sim.machine("fpga-tiled", pipeline_cycles=0 if layer == "conv1" else 20)
    axes = {"tm": range(1, 481), "tn": range(1, 481)}
    found = accel.explore(b.build(), machine, axes, constraints=["tm * tn <= 480"], objectives=["compute_cycles"])
    assert found.best()["compute_cycles"] == cycles
