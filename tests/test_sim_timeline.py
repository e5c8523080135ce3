import itertools

import pytest

import sim
from accel import zoo
from accel.layers.conv import Conv
from accel.network import Builder
from sim.engine.timeline import ARITHMETIC, LAYERS, MEMORY, timeline


def one_convolution():
    b = Builder("one")
    layer = Conv(in_channels=16, out_channels=96, kernel=(3, 3), padding=(1, 1, 1, 1))
    b.output(b.add(layer, b.input("x", (16, 20, 20)), name="conv"))
    return b.build()


def made(machine, net, batch=1, most=100_000, **more):
    chosen = sim.machine(machine)
    report = sim.run(net, chosen, batch, **more)
    return report, timeline(report, chosen, net, most)


@pytest.mark.parametrize("machine", ["fpga-tiled", "diannao"])
def test_tiles_take_what_their_layer_takes(machine):
    report, times = made(machine, one_convolution(), fidelity="tile")
    (layer,) = [s for s in times.slices if s.track == LAYERS]
    assert layer.layer is report.layers[0]
    computing = [s for s in times.slices if s.track == ARITHMETIC]
    assert sum(s.seconds for s in computing) * report.clock_hz == pytest.approx(report.compute_cycles)
    assert max(s.start_seconds + s.seconds for s in times.slices) == pytest.approx(report.seconds, rel=1e-2)
    assert {s.name for s in times.slices if s.track == MEMORY} == {"load conv", "store conv"}
    assert times.left_out == 0


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("machine", ["fpga-tiled", "diannao"])
def test_nothing_overlaps_on_a_track_and_tiles_stay_within_their_layers(machine, training):
    report, times = made(machine, zoo.get("lenet5"), 3, fidelity="tile", training=training)
    rounding = 1e-12
    for track in (LAYERS, ARITHMETIC, MEMORY):
        ordered = sorted((s for s in times.slices if s.track == track), key=lambda s: s.start_seconds)
        assert ordered
        for one, two in itertools.pairwise(ordered):
            assert one.start_seconds + one.seconds <= two.start_seconds + rounding
    layers = {s.name: s for s in times.slices if s.track == LAYERS}
    assert list(layers) == [layer.name for layer in report.layers]
    for s in times.slices:
        if s.track != LAYERS:
            layer = layers[s.name.partition(" ")[2]]
            assert layer.start_seconds <= s.start_seconds + rounding
            assert s.start_seconds + s.seconds <= layer.start_seconds + layer.seconds + rounding


def test_the_number_of_tile_slices_is_bounded_and_the_rest_counted():
    net = zoo.get("lenet5")
    _, all_of_them = made("fpga-tiled", net, fidelity="tile")
    _, few = made("fpga-tiled", net, fidelity="tile", most=40)
    layers = sum(s.track == LAYERS for s in few.slices)
    assert 30 < len(few.slices) - layers <= 40
    assert few.left_out == len(all_of_them.slices) - len(few.slices)


def test_in_closed_form_there_are_layers_alone():
    report, times = made("cpu", zoo.get("alexnet"))
    assert {s.track for s in times.slices} == {LAYERS}
    assert sum(s.seconds for s in times.slices) == pytest.approx(report.seconds)


def test_kernels_that_work_side_by_side_have_tracks_of_their_own():
    report, times = made("dataflow", zoo.get("lenet5"))
    assert [s.track for s in times.slices] == [layer.name for layer in report.layers]
    assert {s.start_seconds for s in times.slices} == {0.0}
