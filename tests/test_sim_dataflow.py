"""The machine that is the generated design: its figures are the plan's and the stepper's."""

import pytest

import accel
import sim
from accel import plan, shipped, stepper
from accel.errors import AccelError, CapacityError, UnsupportedError
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.flatten import Flatten
from accel.layers.matmul import MatMul
from accel.layers.max_pool import MaxPool
from accel.layers.relu import Relu
from accel.layers.softmax import Softmax
from accel.network import Builder
from accel.plan.stand_in import stand_in


@pytest.fixture(scope="module")
def lenet5():
    return accel.load(str(shipped.path("lenet5_qdq")))


def small_float():
    b = Builder("small")
    x = b.add(Conv(in_channels=1, out_channels=6, kernel=(3, 3)), b.input("x", (1, 10, 10)), name="conv")
    x = b.add(Relu(), x, name="relu")
    x = b.add(MaxPool(kernel=(2, 2), stride=(2, 2)), x, name="pool")
    x = b.add(Flatten(), x, name="flatten")
    x = b.add(Dense(in_features=96, out_features=10), x, name="dense")
    b.output(b.add(Softmax(axis=0), x, name="softmax"))
    return b.build()


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_cycles_are_those_of_the_design_that_is_generated(lenet5, batch):
    machine = sim.machine("dataflow", dsp=27)
    report = machine.run(lenet5, batch, fidelity="cycle")
    _, made = machine.planned(lenet5)
    run = stepper.step(made.design(lenet5).graph, batch)
    assert report.cycles == run.cycles
    assert report.latency_cycles == run.latency_cycles == made.latency_cycles
    assert {layer.name: layer.compute_cycles for layer in report.layers} == dict(
        zip(run.graph.names, run.busy.tolist(), strict=True)
    )
    assert report.layers[0].mapping["pe"] == made.kernels[0].pe


@pytest.mark.parametrize("dsp", [12, 27, 100])
def test_the_closed_form_is_within_two_per_cent_of_the_cycles(lenet5, dsp):
    closed, cycle = (sim.run(lenet5, "dataflow", 12, fidelity=f, dsp=dsp) for f in ("closed", "cycle"))
    assert closed.cycles == pytest.approx(cycle.cycles, rel=0.02)
    assert closed.bound == cycle.bound
    assert closed.macs == cycle.macs == 12 * lenet5.macs


def test_laws_of_machines_hold(lenet5):
    report = sim.run(lenet5, "dataflow", 4, fidelity="cycle")
    assert report.macs == 4 * lenet5.macs
    assert report.cycles >= report.roofline_seconds * report.clock_hz
    assert report.compute_cycles + report.stall_cycles == report.cycles
    assert sum(report.stalls.values()) == report.stall_cycles
    assert report.dram_bytes == 4 * (32 * 32 + 10)
    for layer in report.layers:
        assert layer.utilization is None or 0 < layer.utilization <= 1
        assert sum(layer.stalls.values()) == layer.stall_cycles
    faster = sim.run(lenet5, "dataflow", 4, clock_hz=140e6)
    assert faster.seconds < report.seconds


def test_a_float_network_is_priced_with_integers_that_stand_in():
    network = small_float()
    integers = stand_in(network)
    assert [n.layer.op for n in integers] == [
        "Quantize",
        "Conv",
        "MaxPool",
        "Flatten",
        "Dense",
        "Dequantize",
        "Softmax",
    ]
    report = sim.run(network, "dataflow")
    assert any("stand-in integers" in note for note in report.notes)
    assert report.macs == network.macs
    made = plan.make(integers, target="ecp5-85f", budget={"dsp": 109, "bram": 145, "lut": 58_548})
    assert report.latency_cycles == made.latency_cycles


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        ("alexnet", CapacityError, r"'alexnet' needs 60,954,656 bytes; 145 block RAMs of ecp5-85f hold 334,080"),
        ("lstm", AccelError, "LSTM"),
    ],
)
def test_what_it_does_not_do_is_refused_by_name(network, error, message):
    with pytest.raises(error, match=message):
        sim.run(accel.load(network), "dataflow")


def test_a_layer_without_a_kernel_is_refused_by_name():
    b = Builder("products")
    b.output(b.add(MatMul(), b.input("x", (3, 4)), b.input("y", (4, 3)), name="product"))
    with pytest.raises(UnsupportedError, match="node 'product': no kernel computes 'MatMul'"):
        sim.run(b.build(), "dataflow")


def test_fidelities_are_named():
    with pytest.raises(UnsupportedError, match="dataflow has fidelity closed, cycle, not 'tile'"):
        sim.run(small_float(), "dataflow", fidelity="tile")
