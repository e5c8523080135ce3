"""Lattice iCE40 UltraPlus: Yosys, nextpnr-ice40, icepack."""

from __future__ import annotations

import re

from accel.app.bitstream.base import SUMMANDS_APART, Family
from accel.errors import UnsupportedError
from accel.tools import ICEPACK, NEXTPNR_ICE40


def part_options(part: str) -> tuple[str, ...]:
    """Return nextpnr-ice40's options for an ordering name such as ``iCE40UP5K-SG48I``."""
    found = re.fullmatch(r"iCE40(UP\dK)-([A-Z]+\d+)I", part)
    if found is None:
        raise UnsupportedError(f"iCE40 part must be an UltraPlus, not {part!r}")
    device, package = found.groups()
    return (f"--{device.lower()}", "--package", package.lower())


FLOW = Family(
    synthesis="synth_ice40 -dsp",
    preparation=SUMMANDS_APART,
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
