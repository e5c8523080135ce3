"""Gate level: the ECP5 netlist against the reference in every value and against the stepper in every cycle."""

import json

import numpy as np
import pytest

import accel
from accel import beats, plan, reference, shipped, stalls, stepper
from accel.app import bitstream
from accel.errors import CheckError
from accel.schedule.base import Stream
from accel.schedule.fifo import Fifo
from accel.schedule.graph import TOP, Link, ScheduleGraph
from hdl.bench import Design, Drive, Port
from hdl.bench.cases import cases
from hdl.bench.gates import GateBench
from hdl.top import Top
from hdl.verilog import emit

pytestmark = [pytest.mark.synth, pytest.mark.slow]

MODULE = "core"
KERNEL_TENSORS, CELL_TENSORS, NETWORK_TENSORS = 12, 4, 2
SEED = 1
SPARE_CYCLES = 200
KERNEL = "Conv window of the whole image, 1 lanes, 2x3 dsp"
CELLS = (
    "LSTM integers, wide state, 1 lanes, 2x3 dsp",
    "GRU integers, reset before, 3 lanes, 2x3 dsp",
    "GRU integers, narrow gates, clipped, 3 lanes, 1x3 packed serial",
)
BLOCKS = {"MULT18X18D", "DP16KD", "TRELLIS_DPR16X4", "LUT4", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF"}


class Subject:
    """Kernels as a netlist, what is sent to them and what must come."""

    def __init__(self, folder, specs, graph, sent, wanted):
        top = Top(specs, graph.links)
        self.graph, self.sent, self.wanted = graph, sent, wanted
        self.design = Design(MODULE, tuple(Port(*p) for p in top.inputs), tuple(Port(*p) for p in top.outputs))
        self.netlist = folder / f"{MODULE}.json"
        verilog = folder / f"{MODULE}.v"
        verilog.write_text(emit(top, MODULE))
        bitstream.family("ecp5").synthesise([verilog], MODULE, self.netlist)

    def read_netlist(self):
        """Return the netlist and the cells in it, by their type and in the order of their names."""
        netlist = json.loads(self.netlist.read_text())
        cells = {}
        for _, cell in sorted(netlist["modules"][MODULE]["cells"].items()):
            cells.setdefault(cell["type"], []).append(cell)
        return netlist, cells

    def differences(self, bench, pattern):
        """Return what differs from the prediction, in words."""
        source, sink = stalls.pattern(pattern, SEED, "input 0"), stalls.pattern(pattern, SEED, "output 0")
        tensors = len(self.sent)
        run = stepper.step(self.graph, tensors, source_stalls=[source], sink_stalls=[sink])
        seen = bench.run(Drive(tensors, [self.sent], [source], [sink]), limit_cycles=run.cycles + SPARE_CYCLES)
        (entered,), (left,) = seen.inputs, seen.outputs
        beats_out = self.design.outputs[0].stream.beats
        equal = {
            "input cycles": np.array_equal(entered.cycles, run.inputs[0].ravel()),
            "output cycles": np.array_equal(left.cycles, run.outputs[0].ravel()),
            "values": np.array_equal(left.values, self.wanted.reshape(-1, self.wanted.shape[-1])),
            "last": np.array_equal(left.last, np.arange(len(left.last)) % beats_out == beats_out - 1),
        }
        return [what for what, same in equal.items() if not same]


def of_case(folder, kind, name, tensors):
    (case,) = (case for case in cases(kind, tensors) if case.name == f"{kind} {name}")
    return Subject(folder, [case.spec], case.graph, case.inputs[0], case.outputs[0])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    return of_case(tmp_path_factory.mktemp("kernel"), "conv2d", KERNEL, KERNEL_TENSORS)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    name = "cnn_small"  # convolution, pooling, dense
    loaded = accel.load(str(shipped.path(f"{name}_qdq")))
    made = plan.make(loaded, target="ecp5-25f", budget={"multipliers": 12})
    design = made.design(loaded)
    with np.load(shipped.inputs_path(name)) as data:
        (images,) = (data[key][:NETWORK_TENSORS] for key in data.files)
    tensors = reference.trace(made.integers(loaded), images)
    return Subject(
        tmp_path_factory.mktemp("network"),
        [placed.spec for placed in design.kernels],
        design.graph,
        beats.pack(tensors[design.region.inputs[0]], design.inputs[0]),
        beats.pack(tensors[design.region.outputs[0]], design.outputs[0]),
    )


@pytest.mark.parametrize(("name", "patterns"), [("kernel", stalls.NAMES), ("network", ["random"])])
def test_a_netlist_is_equal_in_every_value_and_every_cycle(request, tmp_path, name, patterns):
    subject = request.getfixturevalue(name)
    _, cells = subject.read_netlist()
    assert set(cells) >= BLOCKS
    assert len(np.unique(subject.wanted)) > 10
    bench = GateBench.build(subject.netlist, subject.design, tmp_path)
    for pattern in patterns:
        assert not subject.differences(bench, pattern), pattern


@pytest.mark.parametrize("name", CELLS)
def test_the_netlist_of_a_recurrent_cell_is_equal_under_stalls(tmp_path, name):
    subject = of_case(tmp_path, "recurrent", name, CELL_TENSORS)
    _, cells = subject.read_netlist()
    assert set(cells) >= BLOCKS - {"DP16KD"}
    assert len(np.unique(subject.wanted)) > 10
    bench = GateBench.build(subject.netlist, subject.design, tmp_path / "gates")
    for pattern in ("none", "random"):
        assert not subject.differences(bench, pattern), pattern


@pytest.mark.parametrize(("lanes", "bits", "depth", "width"), [(5, 8, 256, 36), (2, 8, 1024, 18), (1, 4, 4096, 4)])
def test_block_rams_of_other_widths(tmp_path, lanes, bits, depth, width):
    stream = Stream(40, lanes, lanes, bits, True)
    spec = Fifo(stream, depth)
    graph = ScheduleGraph((spec.kind,), (spec.schedule,), (Link((TOP, 0), (0, 0)), Link((0, 0), (TOP, 0))))
    half = 1 << (bits - 1)
    sent = np.random.default_rng(SEED).integers(-half, half, (depth // 20, stream.beats, lanes))
    subject = Subject(tmp_path, [spec], graph, sent, sent)
    _, cells = subject.read_netlist()
    assert width in {int(ram["parameters"]["DATA_WIDTH_B"], 2) for ram in cells["DP16KD"]}
    bench = GateBench.build(subject.netlist, subject.design, tmp_path / "gates")
    assert not subject.differences(bench, "adversarial")


def swap_product_bits(cells):
    """Cross two wires at the output of a DSP block."""
    pins = cells["MULT18X18D"][0]["connections"]
    pins["P4"], pins["P7"] = pins["P7"], pins["P4"]


def invert_lut(cells):
    """Give a LUT the complement of its function."""
    parameters = cells["LUT4"][0]["parameters"]
    parameters["INIT"] = parameters["INIT"].translate(str.maketrans("01", "10"))


def cut_address(cells):
    """Tie the lowest address bit of a block RAM's reading port."""
    cells["DP16KD"][0]["connections"]["ADB3"] = ["0"]


@pytest.mark.parametrize("fault", [swap_product_bits, invert_lut, cut_address])
def test_a_fault_in_a_netlist_is_found(kernel, tmp_path, fault):
    netlist, cells = kernel.read_netlist()
    fault(cells)
    (tmp_path / "faulty.json").write_text(json.dumps(netlist))
    bench = GateBench.build(tmp_path / "faulty.json", kernel.design, tmp_path / "gates")
    assert kernel.differences(bench, "none")


@pytest.mark.parametrize(
    ("block", "parameter", "value", "message"),
    [
        ("DP16KD", "REGMODE_B", "OUTREG", "has no output registers"),
        ("DP16KD", "WRITEMODE_A", "SOMETIMES", "does not do this WRITEMODE_A"),
        ("MULT18X18D", "REG_OUTPUT_CLK", "CLK0", "has no registers"),
        ("MULT18X18D", "CAS_MATCH_REG", "TRUE", "CAS_MATCH_REG"),
    ],
)
def test_a_mode_that_no_model_does_is_refused(kernel, tmp_path, block, parameter, value, message):
    netlist, cells = kernel.read_netlist()
    cells[block][0]["parameters"][parameter] = value
    (tmp_path / "unknown.json").write_text(json.dumps(netlist))
    with pytest.raises(CheckError, match=message):
        GateBench.build(tmp_path / "unknown.json", kernel.design, tmp_path / "gates")
