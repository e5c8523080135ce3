"""AMD 7 series: Yosys alone, for what a design takes; place and route are the maker's."""

from __future__ import annotations

from accel.app.bitstream.base import SUMMANDS_APART, Synthesis

FLOW = Synthesis(
    synthesis="synth_xilinx -family xc7 -flatten",
    preparation=SUMMANDS_APART,
    netlist_cells={
        # Of the RAM cells each takes a slice's four look-up tables. An inverter is merged where it leads to.
        "lut": {"LUT": 1, "SRL": 1, "RAM32M": 4, "RAM64M": 4, "RAM64X1D": 2, "RAM128X1D": 4},
        "ff": {"FD": 1},
        "dsp": {"DSP48E1": 1},
        "bram": {"RAMB18E1": 1, "RAMB36E1": 2},  # in halves of 18 Kbit, as the targets count them
    },
)
