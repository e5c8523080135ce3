"""The bench on a register slice whose every cycle is known."""

from pathlib import Path

import numpy as np
import pytest

from accel import stalls
from accel.errors import CheckError, InputError
from accel.schedule.base import Stream
from hdl.bench import Bench, Design, Drive, Port, control
from hdl.bench.agents import bench_verilog
from hdl.bench.power_up import without_initial_values

RTL = Path(__file__).parent / "rtl" / "register_slice.v"
STREAM = Stream(pixels=3, channels=3, lanes=2, bits=8, signed=True)
DESIGN = Design("register_slice", (Port("s", STREAM),), (Port("m", STREAM),))
TENSORS = 20


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench.build([RTL], [DESIGN, DESIGN], tmp_path_factory.mktemp("bench"), waves=True)


def drive(name, seed):
    beats = np.random.default_rng(seed).integers(-128, 128, (TENSORS, STREAM.beats, STREAM.lanes))
    return Drive(TENSORS, [beats], [stalls.pattern(name, seed, "input 0")], [stalls.pattern(name, seed, "output 0")])


def expected(drive):
    """Return the cycles in which beats move in and out of the register slice."""
    source, sink = drive.source_stalls[0], drive.sink_stalls[0]
    entered, left, offered, full, t = [], [], False, False, 0
    while len(left) < TENSORS * STREAM.beats:
        offered = len(entered) < TENSORS * STREAM.beats and (offered or bool(source[t % len(source)]))
        if full and sink[t % len(sink)]:
            left.append(t)
            full = False
        elif offered and not full:
            entered.append(t)
            offered, full = False, True
        t += 1
    return entered, left


@pytest.mark.cocotb
@pytest.mark.parametrize("name", stalls.NAMES)
def test_every_transfer_is_noted_in_its_cycle(bench, name):
    drives = [drive(name, 1), drive(name, 2)]
    for given, recording in zip(drives, bench.run(drives, limit_cycles=100_000), strict=True):
        entered, left = expected(given)
        assert recording.complete
        np.testing.assert_array_equal(recording.inputs[0].cycles, entered)
        np.testing.assert_array_equal(recording.outputs[0].cycles, left)
        np.testing.assert_array_equal(recording.outputs[0].values, given.inputs[0].reshape(-1, STREAM.lanes))
        ends = np.arange(len(left)) % STREAM.beats == STREAM.beats - 1
        np.testing.assert_array_equal(recording.outputs[0].last, ends)


@pytest.mark.cocotb
def test_a_probe_sees_what_moves_inside(tmp_path):
    watched = Design("register_slice", DESIGN.inputs, DESIGN.outputs, (Port("inner", STREAM),))
    given = drive("random", 3)
    (recording,) = Bench.build([RTL], [watched], tmp_path).run([given], limit_cycles=100_000)
    np.testing.assert_array_equal(recording.probes[0].cycles, recording.outputs[0].cycles)
    np.testing.assert_array_equal(recording.probes[0].values, recording.outputs[0].values)


@pytest.mark.cocotb
def test_a_run_is_cut_off_at_the_limit_and_waves_are_saved(bench, tmp_path):
    waves = tmp_path / "waves.fst"
    (first, _) = bench.run([drive("none", 1), drive("none", 2)], limit_cycles=20, waves=waves)
    assert not first.complete
    assert len(first.outputs[0].cycles) < TENSORS * STREAM.beats
    assert waves.stat().st_size > 0
    first.save(tmp_path / "transfers.npz")
    with np.load(tmp_path / "transfers.npz") as saved:
        np.testing.assert_array_equal(saved["output0_values"], first.outputs[0].values)


@pytest.mark.cocotb
def test_verilog_that_does_not_compile_is_refused_in_one_line(tmp_path):
    broken = tmp_path / "broken.v"
    broken.write_text("module register_slice(; endmodule\n")
    with pytest.raises(CheckError, match=r"verilator failed: .*broken\.v"):
        Bench.build([broken], [DESIGN], tmp_path / "build")


@pytest.mark.cocotb
def test_a_simulation_that_fails_is_no_recording_of_the_one_before(bench, monkeypatch):
    monkeypatch.setattr(control, "LIMIT_VARIABLE", "ANOTHER")
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # which makes cocotb's runner exit where it otherwise returns
    with pytest.raises(CheckError, match=r"the simulation failed; its log is .*run\.log"):
        bench.run([drive("none", 1), drive("none", 2)], limit_cycles=20)


def test_unknown_simulators_are_refused(tmp_path):
    with pytest.raises(InputError, match="simulator must be one of verilator, icarus"):
        Bench.build([RTL], [DESIGN], tmp_path, simulator="modelsim")


def test_every_port_has_an_agent():
    text = bench_verilog([DESIGN, DESIGN])
    assert text.count("stream_source #(") == text.count("stream_sink #(") == 2
    assert "assign done = design0_sink0_done & design1_sink0_done;" in text


MEMORIES = """module a (clk);
  reg [7:0] r = 8'h01;
  reg \\s$1  = 1'h0;
  reg [7:0] words [1:0];
  initial begin
    words[0] = 8'h02;
  end
  always @(posedge clk)
    words[r] <= r;
endmodule
module b (clk);
  reg [7:0] words [1:0];
  initial begin
    words[0] = 8'h03;
  end
endmodule
"""


def test_only_tables_keep_their_words_where_initial_values_are_taken_away():
    without = MEMORIES.replace(" = 8'h01", "").replace("= 1'h0", "").replace("    words[0] = 8'h02;\n", "")
    bare = without_initial_values(MEMORIES)
    assert bare.replace(" ;", ";") == without.replace(" ;", ";")
