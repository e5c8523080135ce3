import json

import pytest

from accel.app import bitstream
from accel.app.bitstream import ecp5, ice40
from accel.errors import CheckError, UnsupportedError


def test_ordering_names_become_the_placer_s_options():
    assert ecp5.part_options("LFE5U-85F-6BG381C") == ("--85k", "--speed", "6", "--package", "CABGA381")
    assert ecp5.part_options("LFE5U-12F-8TG144I") == ("--12k", "--speed", "8", "--package", "TQFP144")
    assert ice40.part_options("iCE40UP5K-SG48I") == ("--up5k", "--package", "sg48")
    for options in (ecp5.part_options, ice40.part_options):
        with pytest.raises(UnsupportedError, match="'XC7A35T'"):
            options("XC7A35T")


def test_a_family_without_a_flow_is_refused_with_those_that_have_one():
    assert bitstream.supported() == ["ecp5", "ice40"]
    with pytest.raises(UnsupportedError, match="no bitstream flow for family 'xc7'; there is one for ecp5, ice40"):
        bitstream.family("xc7")


def hop(cell):
    return {"to": {"cell": cell}}


def report(tmp_path, **changes):
    content = {
        "utilization": {
            "ICESTORM_LC": {"used": 900, "available": 5280},
            "ICESTORM_DSP": {"used": 7, "available": 8},
            "ICESTORM_RAM": {"used": 3, "available": 30},
        },
        "fmax": {"clk": {"achieved": 31.5, "constraint": 24}},
        "critical_paths": [
            {"from": "<async>", "to": "clk", "path": [hop("io")]},
            {"from": "clk", "to": "clk", "path": [hop("core.conv1.a"), hop("core.conv1.b"), hop("core.conv10.c")]},
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
