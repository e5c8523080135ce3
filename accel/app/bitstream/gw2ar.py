"""Gowin GW2AR: Yosys, nextpnr-himbaechel, gowin_pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from accel.app.bitstream.base import Family, Placed, read_report
from accel.errors import UnsupportedError
from accel.tools import GOWIN_PACK, NEXTPNR_GOWIN

_DEVICES = {"GW2AR-LV18QN88C8/I7": "GW2A-18C"}
"""The devices of Project Apicula, by ordering name."""
(_DEVICE,) = _DEVICES.values()


def part_options(part: str) -> tuple[str, ...]:
    """Return nextpnr-himbaechel's options for an ordering name."""
    if part not in _DEVICES:
        raise UnsupportedError(f"GW2AR part must be one of {', '.join(_DEVICES)}, not {part!r}")
    return ("--device", part, "--vopt", f"family={_DEVICES[part]}")


class _Gowin(Family):
    """A family whose multipliers of 18 by 18 bits are two of 9 by 9 each."""

    def placed(self, report: Path, statistics: Path) -> Placed:
        placed = super().placed(report, statistics)
        halves = read_report(report)["utilization"]["MULT9X9"]["used"]
        return replace(placed, used=placed.used | {"dsp": placed.used["dsp"] + -(-halves // 2)})


FLOW = _Gowin(
    synthesis="synth_gowin -family gw2a",
    part_options=part_options,
    placer=NEXTPNR_GOWIN,
    packer=GOWIN_PACK,
    config_option="--write",
    constraints_options=lambda path: ("--vopt", f"cst={path}"),
    constraints_suffix=".cst",
    unplaced_options=None,
    config_suffix=".pnr.json",
    bitstream_suffix=".fs",
    placed_cells={"lut": ("LUT4",), "ff": ("DFF",), "dsp": ("MULT18X18",), "bram": ("BSRAM",)},
    netlist_cells={
        "lut": {"LUT": 1, "ALU": 1, "RAM16SDP4": 4},
        "ff": {"DFF": 1},
        "dsp": {"MULT18X18": 1, "MULT9X9": 1},
        "bram": {"SP": 1, "SDP": 1, "DP": 1, "pROM": 1},
    },
    pack_arguments=lambda config, packed: ("-d", _DEVICE, "-o", packed, config),
    note="nextpnr's delays of this family are optimistic: leave Fmax a margin",
)
