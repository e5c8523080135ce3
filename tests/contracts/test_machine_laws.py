"""What holds of every machine on every network of the zoo."""

import functools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sim
from accel import zoo
from accel.errors import AccelError, CapacityError, UnsupportedError
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.flatten import Flatten
from accel.layers.lstm import LSTM
from accel.layers.max_pool import MaxPool
from accel.layers.relu import Relu
from accel.layers.softmax import Softmax
from accel.network import Builder
from accel.report import Report
from sim.engine.closed_form import ClosedFormMachine

MACHINES = sorted(sim.machines())
CLOSED = [name for name, machine in sim.machines().items() if isinstance(machine, ClosedFormMachine)]
PRICED = [(name, fidelity) for name in CLOSED for fidelity in sim.machine(name).fidelities]
BATCHES = (1, 16)
BYTES = {"float32": 4, "int16": 2, "float16": 2, "tf32": 4, "int8": 1}
ROUNDING = 1 + 1e-9

every_machine = pytest.mark.parametrize("machine", MACHINES)
every_closed_form = pytest.mark.parametrize("machine", CLOSED)
every_network = pytest.mark.parametrize("name", zoo.names())


@functools.cache
def network(name):
    return zoo.get(name)


@functools.cache
def run(machine, name, batch=1):
    """A report, or the error that refuses the network; `machine` a name or ``(name, ((parameter, value), ...))``."""
    spec, changed = machine if isinstance(machine, tuple) else (machine, ())
    given = sim.machine(spec).with_parameters(**dict(changed))
    try:
        return given.run(network(name), batch)
    except (UnsupportedError, CapacityError) as error:
        return error


def priced(machine, name, batch=1):
    """The report, and every layer's, as one list; empty if the machine refuses the network."""
    report = run(machine, name, batch)
    return [report, *report.layers] if isinstance(report, Report) else []


def changed(machine, parameters):
    return (machine, tuple(sorted(parameters.items())))


@every_network
@every_machine
def test_a_network_is_priced_or_refused_by_name(machine, name):
    report = run(machine, name)
    if not isinstance(report, Report):
        assert machine not in CLOSED
        named = {machine, name, *(node.name for node in network(name))}
        assert any(name in str(report) for name in named)
        assert "\n" not in str(report)


@every_network
@every_machine
@pytest.mark.parametrize("batch", BATCHES)
def test_macs_are_the_networks(machine, name, batch):
    for report in priced(machine, name, batch)[:1]:
        assert report.macs == batch * network(name).macs == sum(layer.macs for layer in report.layers)


@every_network
@every_machine
@pytest.mark.parametrize("batch", BATCHES)
def test_a_layer_with_macs_uses_some_and_at_most_all_of_the_machine(machine, name, batch):
    for figures in priced(machine, name, batch):
        if figures.macs:
            assert 0 < figures.utilization <= ROUNDING
        else:
            assert figures.utilization is None


@every_network
@every_machine
@pytest.mark.parametrize("batch", BATCHES)
def test_main_memory_moves_inputs_outputs_and_weights_at_least(machine, name, batch):
    net = network(name)
    weights = 0 if sim.machine(machine).keeps_weights else net.parameters
    for report in priced(machine, name, batch)[:1]:
        ends = sum(math.prod(net.tensors[t].shape) for t in (*net.inputs, *net.outputs))
        assert report.dram_bytes >= BYTES[report.precision] * (batch * ends + weights)


@every_closed_form
def test_main_memory_traffic_responds_to_buffers(machine):
    given = sim.machine(machine)
    assert given.buffers
    for buffer in given.buffers:
        smaller = changed(machine, {buffer: getattr(given, buffer) // 32})
        before = sum(run(machine, name).dram_bytes for name in ("vgg16", "resnet18", "lstm"))
        after = sum(run(smaller, name).dram_bytes for name in ("vgg16", "resnet18", "lstm"))
        assert after > before, buffer


@every_network
@every_machine
@pytest.mark.parametrize("batch", BATCHES)
def test_no_time_is_below_the_roofline(machine, name, batch):
    for figures in priced(machine, name, batch):
        if figures.roofline_seconds is None:  # a layer of a pipeline
            assert machine not in CLOSED
            assert not isinstance(figures, Report)
        else:
            assert figures.seconds * ROUNDING >= figures.roofline_seconds


@every_network
@every_closed_form
@pytest.mark.parametrize("batch", BATCHES)
def test_the_parts_sum_to_the_whole(machine, name, batch):
    for figures in priced(machine, name, batch):
        assert figures.compute_cycles + figures.stall_cycles == figures.cycles
        assert sum(figures.stalls.values()) == figures.stall_cycles
        assert min(figures.stalls.values(), default=0) >= 0, figures
        assert figures.dram_bytes == figures.bytes["dram"]
        assert figures.dram_bytes + figures.sram_bytes == sum(figures.bytes.values())
        if figures.joules is not None:
            assert figures.joules == pytest.approx(sum(figures.energy.values()))
    report = run(machine, name, batch)
    assert report.cycles == sum(layer.cycles for layer in report.layers)


@every_network
@every_closed_form
def test_more_of_what_is_monotone_never_hurts(machine, name):
    given = sim.machine(machine)
    assert "bandwidth_gbs" in given.monotone
    before = run(machine, name)
    for parameter in given.monotone:
        try:
            after = run(changed(machine, {parameter: 2 * getattr(given, parameter)}), name)
        except CapacityError:
            continue  # the default already uses all there is
        layers = len(before.layers) + 1  # cycles are whole: each layer may round up by one
        assert after.seconds <= before.seconds * ROUNDING + layers / after.clock_hz, parameter


@every_network
@every_machine
def test_a_batch_costs_more_than_one_sample_and_at_most_as_much_as_its_samples(machine, name):
    one, many = run(machine, name), run(machine, name, 16)
    if not isinstance(one, Report):
        assert not isinstance(many, Report)
        return
    assert one.seconds <= many.seconds
    assert many.seconds <= 16 * one.seconds * ROUNDING
    assert many.inferences_per_second * ROUNDING >= 16 / many.seconds  # more: a pipeline, in a long stream
    if machine in CLOSED:
        assert many.inferences_per_second == pytest.approx(16 / many.seconds)


@every_network
@pytest.mark.parametrize("machine", [name for name in CLOSED if "tile" in sim.machine(name).fidelities])
def test_the_laws_hold_tile_by_tile(machine, name):
    given = sim.machine(machine)
    one, many = (given.run(network(name), batch, fidelity="tile") for batch in BATCHES)
    assert one.fidelity == "tile"
    assert one.macs == network(name).macs
    assert many.macs == 16 * network(name).macs
    for figures in (one, *one.layers):
        assert figures.seconds * ROUNDING >= figures.roofline_seconds
        assert figures.utilization is None or 0 < figures.utilization <= ROUNDING
    assert one.seconds <= many.seconds <= 16 * one.seconds * ROUNDING
    wider = given.with_parameters(bandwidth_gbs=2 * given.bandwidth_gbs).run(network(name), fidelity="tile")
    assert wider.seconds <= 1.01 * one.seconds
    closed = run(machine, name)
    assert one.dram_bytes <= closed.dram_bytes * ROUNDING  # padding is left out
    assert closed.seconds <= 1.01 * one.seconds


EXTREMES = [
    (name, parameter.name, value)
    for name in CLOSED
    for parameter in type(sim.machine(name)).parameter_table().values()
    for value in (parameter.choices or (parameter.low, parameter.high))
    if value is not None
]


@pytest.mark.parametrize(("machine", "parameter", "value"), EXTREMES)
def test_at_the_ends_of_every_range_figures_are_finite_or_the_machine_refuses(machine, parameter, value):
    for name in ("lenet5", "lstm", "mobilenet_v2"):
        for fidelity in sim.machine(machine).fidelities:
            try:
                report = sim.machine(machine, **{parameter: value}).run(network(name), fidelity=fidelity)
            except AccelError:
                continue
            for figures in (report, *report.layers):
                assert math.isfinite(figures.seconds)
                assert figures.cycles >= 0
                assert figures.dram_bytes >= 0
                assert figures.joules is None or (math.isfinite(figures.joules) and figures.joules >= 0)
                assert figures.seconds * ROUNDING >= figures.roofline_seconds


def every_kind_of_work():
    """One small network with each of the five kinds of Work, grouped and depthwise convolution, and a long chain."""
    b = Builder("kinds")
    x = b.input("x", (4, 12, 12))
    x = b.add(Conv(in_channels=4, out_channels=8, kernel=(3, 3), padding=(1, 1, 1, 1)), x)
    x = b.add(Relu(), x)
    x = b.add(MaxPool(kernel=(2, 2), stride=(2, 2)), x)
    y = b.add(Conv(in_channels=8, out_channels=8, kernel=(3, 3), padding=(1, 1, 1, 1), groups=8), x)
    z = b.add(Conv(in_channels=8, out_channels=6, kernel=(1, 1), groups=2), x)
    x = b.add(Concat(axis=0), y, z)
    x = b.add(Flatten(), x)
    x = b.add(Dense(in_features=504, out_features=10), x)
    b.output(b.add(Softmax(), x))
    s = b.input("s", (5, 7))
    b.output(b.add(LSTM(input_size=7, hidden_size=9), s))
    return b.build()


PURE = """
import json, sys
sys.path.insert(0, {folder!r})
import sim
from test_machine_laws import every_kind_of_work
import numba
assert numba.config.DISABLE_JIT
net = every_kind_of_work()
print(json.dumps({{f"{{m}} {{f}}": sim.run(net, m, 2, fidelity=f).to_dict() for m, f in {priced!r}}}))
"""


def test_compiled_and_pure_python_agree():
    done = subprocess.run(
        [sys.executable, "-c", PURE.format(folder=str(Path(__file__).parent), priced=PRICED)],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pure = json.loads(done.stdout)
    assert len(pure) == len(PRICED)
    net = every_kind_of_work()
    kinds = {work.kind for node in net for work in net.work(node)}
    assert len(kinds) == 5
    for machine, fidelity in PRICED:
        where = f"{machine} {fidelity}"
        assert_same(sim.run(net, machine, 2, fidelity=fidelity).to_dict(), pure[where], where)


def assert_same(compiled, pure, where):
    if isinstance(pure, dict):
        assert compiled.keys() == pure.keys()
        for key in pure:
            assert_same(compiled[key], pure[key], f"{where}.{key}")
    elif isinstance(pure, list):
        assert len(compiled) == len(pure)
        for i, item in enumerate(pure):
            assert_same(compiled[i], item, f"{where}[{i}]")
    elif isinstance(pure, float):
        assert compiled == pytest.approx(pure, rel=1e-12), where
    else:
        assert compiled == pure, where
