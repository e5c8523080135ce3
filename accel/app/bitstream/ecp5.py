"""Lattice ECP5: Yosys, nextpnr-ecp5, ecppack."""

from __future__ import annotations

import re

from accel.app.bitstream.base import Family
from accel.errors import UnsupportedError
from accel.tools import ECPPACK, NEXTPNR_ECP5

_PACKAGES = {"BG": "CABGA", "MG": "CSFBGA", "TG": "TQFP"}
"""nextpnr's names of the packages, by the letters in an ordering name."""


def part_options(part: str) -> tuple[str, ...]:
    """Return nextpnr-ecp5's options for an ordering name such as ``LFE5U-25F-6BG381C``."""
    found = re.fullmatch(r"LFE5U-(\d+)F-([678])(BG|MG|TG)(\d+)[CI]", part)
    if found is None:
        raise UnsupportedError(f"ECP5 part must be an LFE5U in a BG, MG or TG package, not {part!r}")
    size, speed, letters, pins = found.groups()
    return (f"--{size}k", "--speed", speed, "--package", f"{_PACKAGES[letters]}{pins}")


FLOW = Family(
    synthesis="synth_ecp5",
    part_options=part_options,
    placer=NEXTPNR_ECP5,
    packer=ECPPACK,
    config_option="--textcfg",
    constraints_options=lambda path: ("--lpf", path),
    constraints_suffix=".lpf",
    unplaced_options=("--lpf-allow-unconstrained",),
    config_suffix=".config",
    bitstream_suffix=".bit",
    placed_cells={"lut": ("TRELLIS_COMB",), "ff": ("TRELLIS_FF",), "dsp": ("MULT18X18D",), "bram": ("DP16KD",)},
    netlist_cells={
        "lut": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},  # a LUT RAM of 4 bits; its write port takes 2 more
        "ff": {"TRELLIS_FF": 1},
        "dsp": {"MULT18X18D": 1},
        "bram": {"DP16KD": 1},
    },
)
