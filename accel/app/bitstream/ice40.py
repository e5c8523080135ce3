"""Lattice iCE40 UltraPlus: Yosys, nextpnr-ice40, icepack."""

from __future__ import annotations

import re

from accel.app.bitstream.base import Family
from accel.errors import UnsupportedError
from accel.tools import ICEPACK, NEXTPNR_ICE40


def part_options(part: str) -> tuple[str, ...]:
    """Return nextpnr-ice40's options for an ordering name such as ``iCE40UP5K-SG48I``."""
    found = re.fullmatch(r"iCE40(UP\dK)-([A-Z]+\d+)I", part)
    if found is None:
        raise UnsupportedError(f"iCE40 part must be an UltraPlus, not {part!r}")
    device, package = found.groups()
    return (f"--{device.lower()}", "--package", package.lower())


_SUMMANDS_APART = "; ".join(
    [
        "proc; flatten; opt_expr; opt_clean",
        "select -set products t:$mul %co1 w:* %i %co1:+$dff,$dffe[D] t:$dff t:$dffe %u %i %co1:+[Q] w:* %i",
        "select -set sums @products %co1:+$add[A] t:$add %i @products %co1:+$add[B] t:$add %i %i",
        "setattr -set keep 1 @sums %ci1 w:* %i @products %i",
    ]
)
"""Keeps the registers of products that are summed with each other out of SB_MAC16 cells.

Yosys 0.70's ice40_dsp, offered a register both as the output of one multiplier and as the addend of the next, takes it
for both in one pass: the first product is lost, and its multiplier with it. The adder still goes into the second cell.
"""

FLOW = Family(
    synthesis="synth_ice40 -dsp",
    preparation=_SUMMANDS_APART,
    part_options=part_options,
    placer=NEXTPNR_ICE40,
    packer=ICEPACK,
    config_option="--asc",
    constraints_options=lambda path: ("--pcf", path),
    constraints_suffix=".pcf",
    unplaced_options=(),
    config_suffix=".asc",
    bitstream_suffix=".bin",
    placed_cells={"lut": ("ICESTORM_LC",), "dsp": ("ICESTORM_DSP",), "bram": ("ICESTORM_RAM",)},
    netlist_cells={"lut": {"SB_LUT4": 1}, "ff": {"SB_DFF": 1}, "dsp": {"SB_MAC16": 1}, "bram": {"SB_RAM40_4K": 1}},
)
