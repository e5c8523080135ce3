"""Fused layers: fronts against all groupings, and where the machine fuses."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from accel import zoo
from accel.errors import CapacityError, InputError
from accel.layers.add import Add
from accel.layers.conv import Conv
from accel.layers.max_pool import MaxPool
from accel.layers.relu import Relu
from accel.network import Builder
from sim.engine.pyramids import front, grouping, pixels
from sim.validation.fused import works


def chain_of(*layers, size=24, channels=3):
    """A chain of ``(kernel, stride, out_channels)``, a pool where out_channels is None."""
    chain = []
    for k, s, m in layers:
        chain.append({"n": channels, "hw": size, "k": k, "s": s} | ({"m": m} if m else {}))
        size = (size - k) // s + 1
        channels = m or channels
    return works(chain)


LAYER = st.tuples(st.integers(1, 4), st.integers(1, 2), st.one_of(st.none(), st.integers(1, 8)))


@settings(deadline=None)
@given(layers=st.lists(LAYER, min_size=1, max_size=4), tile=st.integers(1, 3))
def test_the_front_is_that_of_all_groupings(layers, tile):
    chain = chain_of(*layers, size=60)
    every = []
    for cuts in itertools.product((False, True), repeat=len(layers) - 1):
        sizes, run = [], 1
        for cut in cuts:
            if cut:
                sizes.append(run)
                run = 0
            run += 1
        every.append(grouping(chain, (*sizes, run), tile))
    points = {(g.storage_bytes, g.traffic_bytes) for g in every}
    best = {p for p in points if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)}
    found = front(chain, tile)
    assert [(g.storage_bytes, g.traffic_bytes) for g in found] == sorted(best)
    for g in found:
        assert grouping(chain, g.sizes, tile) == g


def test_a_pool_merged_with_the_convolution_before_it_keeps_one_window_of_its_input():
    chain = chain_of((3, 1, 4), (2, 2, None), (3, 1, 4), size=21)
    assert grouping(chain, (2, 1), 1).storage_bytes == 2 * 2 * 4 * 4
    assert grouping(chain, (1, 1, 1), 1).storage_bytes == 0
    rows, columns = 2 * 9 * 4 * 4, 2 * 3 * 4 * 4  # of the second convolution's 9 x 9 input
    assert grouping(chain, (1, 2), 1).storage_bytes == rows + columns
    assert grouping(chain, (3,), 1).storage_bytes == rows + columns + 2 * 2 * 4 * 4


def test_recomputed_pixels_are_counted_one_tile_at_a_time():
    chain = chain_of((3, 1, 4), (3, 2, 4), (2, 1, 4), size=20)
    rows = [chain[-1]["p"]]
    for tile in (1, 2, 5):
        for layer in range(3):
            computed = 0
            for first in range(0, int(rows[0]), tile):
                low, high = first, min(first + tile, int(rows[0]))
                for w in reversed(chain[layer + 1 :]):
                    low, high = low * w["stride_h"], (high - 1) * w["stride_h"] + w["r"]
                computed += high - low
            assert pixels(chain, layer, float(tile), 1.0) == computed**2
            assert pixels(chain, layer, float(tile), 0.0) == chain[layer]["p"] ** 2


def network():
    b = Builder("branch")
    x = b.input("x", (3, 32, 32))
    x = b.add(Conv(in_channels=3, out_channels=8, kernel=(3, 3)), x, name="a")
    x = b.add(Relu(), x, name="a_relu")
    x = b.add(MaxPool(kernel=(2, 2), stride=(2, 2)), x, name="pool")
    y = b.add(Conv(in_channels=8, out_channels=8, kernel=(3, 3), padding=(1, 1, 1, 1)), x, name="b")
    z = b.add(Conv(in_channels=8, out_channels=8, kernel=(3, 3), padding=(1, 1, 1, 1)), y, name="c")
    b.output(b.add(Add(), z, x, name="sum"))
    return b.build()


def test_chains_are_fused_and_branches_end_them():
    report = sim.run(network(), "fused")
    assert [layer.name for layer in report.layers] == ["a..pool", "b..c", "sum"]
    assert report.layers[0].op == "Fused"
    assert report.layers[0].mapping["layers"] == 2  # the ReLU is done on the way
    assert report.macs == network().macs


def test_fusing_moves_less_and_costs_the_storage_it_states():
    net = zoo.get("vgg16")
    fused, apart = sim.run(net, "fused"), sim.run(net, "fused", groups="none")
    assert fused.dram_bytes < apart.dram_bytes
    assert fused.layers[0].mapping["storage_bytes"] <= sim.machine("fused").parameters["storage_bytes"]
    small = sim.run(net, "fused", storage_bytes=40000)
    assert fused.dram_bytes < small.dram_bytes < apart.dram_bytes


def test_recomputing_takes_longer_and_keeps_nothing():
    reuse, again = (sim.run(network(), "fused", groups="2", overlap=how) for how in ("reuse", "recompute"))
    assert again.layers[1].compute_cycles > reuse.layers[1].compute_cycles
    assert again.macs == reuse.macs


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ("some", InputError, "must be auto, none or sizes such as 3,1,2,1, not 'some'"),
        ("0", InputError, "must be auto, none or sizes"),
        ("3", InputError, "must cover at most the 2 layers from 'a' to 'pool', not 3"),
    ],
)
def test_bad_groups_are_refused(groups, error, message):
    with pytest.raises(error, match=message):
        sim.run(network(), "fused", groups=groups)


def test_groups_that_need_more_storage_than_there_is_are_refused_with_both_figures():
    with pytest.raises(CapacityError, match="need 374,784 bytes between their layers; storage_bytes holds 300,000"):
        sim.run(zoo.get("vgg16"), "fused", groups="7", storage_bytes=300_000)
