"""Whole networks as emitted Verilog: every value against the reference, every transfer against the stepper."""

import numpy as np
import pytest

import accel
from accel import beats, plan, reference, shipped, stalls, stepper
from hdl.bench import Bench, Design, Drive, Port
from hdl.top import Top
from hdl.verilog import emit

TENSORS = 12
SPARE_CYCLES = 1000
MODULE = "accelerator"
NETWORKS = {
    "lenet5": {"target": "ecp5-85f", "budget": {"multipliers": 27}},
    "cnn_small": {"target": "up5k"},
    "mlp": {"target": "ecp5-25f"},
}


def planned(name):
    """Return a shipped network's integers under its plan, its design, and its inputs."""
    network = accel.load(str(shipped.folder() / f"{name}_qdq.onnx"))
    made = plan.make(network, **NETWORKS[name])
    with np.load(shipped.inputs_path(name)) as data:
        (images,) = (data[key][:TENSORS] for key in data.files)
    return made.integers(network), made.design(network), images


@pytest.mark.cocotb
@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_as_emitted_verilog(tmp_path, name):
    integers, design, images = planned(name)
    top = Top([placed.spec for placed in design.kernels], design.links)
    verilog = tmp_path / f"{MODULE}.v"
    verilog.write_text(emit(top, MODULE))
    ports = (tuple(Port(*port) for port in top.inputs), tuple(Port(*port) for port in top.outputs))
    bench = Bench.build([verilog], [Design(MODULE, *ports)], tmp_path / "build")

    tensors = reference.trace(integers, images)
    sent = beats.pack(tensors[design.region.inputs[0]], design.inputs[0])
    wanted = beats.pack(tensors[design.region.outputs[0]], design.outputs[0])
    assert len(np.unique(wanted)) > 10
    for pattern in ("none", "random", "adversarial"):
        source, sink = stalls.pattern(pattern, 1, "input 0"), stalls.pattern(pattern, 1, "output 0")
        run = stepper.step(design.graph, TENSORS, source_stalls=[source], sink_stalls=[sink])
        drive = Drive(TENSORS, [sent], [source], [sink])
        (seen,) = bench.run([drive], limit_cycles=run.cycles + SPARE_CYCLES)
        np.testing.assert_array_equal(seen.outputs[0].values, wanted.reshape(-1, wanted.shape[-1]))
        np.testing.assert_array_equal(seen.outputs[0].cycles, run.outputs[0].ravel())
        np.testing.assert_array_equal(seen.inputs[0].cycles, run.inputs[0].ravel())
        ends = np.arange(len(seen.outputs[0].last)) % design.outputs[0].beats == design.outputs[0].beats - 1
        np.testing.assert_array_equal(seen.outputs[0].last, ends)
