"""What holds of a training step on every machine that can do one."""

import functools

import pytest

import sim
from accel import zoo
from accel.errors import UnsupportedError
from accel.work import Kind

MACHINES = sorted(name for name, machine in sim.machines().items() if machine.trains)
NETWORKS = ("mlp", "alexnet", "resnet18", "mobilenet_v2", "dcgan_generator", "rnn", "blstm", "vae")
ROUNDING = 1 + 1e-9


@functools.cache
def run(machine, name, batch=1, **more):
    return sim.run(zoo.get(name), machine, batch, training=True, **more)


def macs_to_inputs(net):
    """MACs of one sample for gradients to the network's own inputs, which nobody wants; of networks of one input."""
    (first, *others) = [node for node in net if net.inputs[0] in node.inputs]
    assert not others
    works = net.work(first)
    if works[0].kind is Kind.RECURRENT:
        return sum(work.t * work.m * first.layer.input_size for work in works)
    return sum(work.macs for work in works)


def test_some_machines_train():
    assert MACHINES == ["cpu", "diannao", "fpga-tiled", "gpu", "simd"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("batch", [1, 16])
def test_a_training_step_obeys_the_laws(machine, name, batch):
    net = zoo.get(name)
    report, inference = run(machine, name, batch), sim.run(net, machine, batch)
    assert report.training
    assert any("training step" in note for note in report.notes)
    readers = [node for node in net if net.inputs[0] in node.inputs]
    if net.work(readers[0])[0].macs:  # else a reshape comes first
        assert report.macs == batch * (3 * net.macs - macs_to_inputs(net))
    assert report.macs == sum(layer.macs for layer in report.layers)
    assert report.cycles == sum(layer.cycles for layer in report.layers) > inference.cycles
    itemsize = {"float32": 4, "float16": 2, "int16": 2}[report.precision]
    # weights are read, read to be updated, and written; their gradients may stay in a cache
    assert report.dram_bytes >= inference.dram_bytes + 2 * itemsize * net.parameters
    for figures in (report, *report.layers):
        assert figures.compute_cycles + figures.stall_cycles == figures.cycles
        assert sum(figures.stalls.values()) == figures.stall_cycles
        assert figures.seconds * ROUNDING >= figures.roofline_seconds
        assert (0 < figures.utilization <= ROUNDING) if figures.macs else figures.utilization is None


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("machine", MACHINES)
def test_larger_batches_take_longer_and_more_bandwidth_never_hurts(machine, name):
    one, many = run(machine, name), run(machine, name, 16)
    assert one.seconds < many.seconds
    given = sim.machine(machine)
    wider = run(machine, name, 16, bandwidth_gbs=2 * given.bandwidth_gbs)
    assert wider.seconds <= many.seconds * ROUNDING + len(many.layers) / many.clock_hz


@pytest.mark.parametrize("machine", [name for name in MACHINES if "tile" in sim.machine(name).fidelities])
def test_a_training_step_is_walked_tile_by_tile(machine):
    for name in ("lenet5", "lstm"):
        tiles, closed = run(machine, name, 2, fidelity="tile"), run(machine, name, 2)
        assert tiles.macs == closed.macs
        assert closed.seconds <= 1.01 * tiles.seconds


@pytest.mark.parametrize("machine", sorted(set(sim.machines()) - set(MACHINES)))
def test_the_other_machines_refuse_by_name(machine):
    with pytest.raises(UnsupportedError, match=f"^{machine} is for inference"):
        sim.run(zoo.get("lenet5"), machine, training=True)
