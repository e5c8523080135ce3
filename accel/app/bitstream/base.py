"""What is common to the families: the shape of a flow, and what is read from the tools' reports."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel import tools
from accel.errors import CheckError
from accel.tools import WasmTool

STATISTICS = "synthesis.json"
"""The file of Yosys's statistics, beside a netlist."""
SUMMANDS_APART = "; ".join(
    [
        "proc; flatten; opt_expr; opt_clean",
        "select -set products t:$mul %co1 w:* %i %co1:+$dff,$dffe[D] t:$dff t:$dffe %u %i %co1:+[Q] w:* %i",
        "select -set sums @products %co1:+$add[A] t:$add %i @products %co1:+$add[B] t:$add %i %i",
        "setattr -set keep 1 @sums %ci1 w:* %i @products %i",
    ]
)
"""Keeps the registers of products that are summed with each other out of DSP blocks.

Yosys 0.70's ice40_dsp, offered a register both as the output of one multiplier and as the addend of the next, takes it
for both in one pass: the first product is lost, and its multiplier with it. The adder still goes into the second block.
xilinx_dsp left 2 of a GRU's 24 multipliers, and leaves all with these registers out of its way.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """How Yosys synthesises for one family.

    Attributes
    ----------
    synthesis : str
        The Yosys command, without the top module.
    preparation : str
        Yosys commands before it, on the design as read and its hierarchy elaborated; none where empty.
    netlist_cells : mapping of str to mapping of str to int
        How much of ``lut``, ``ff``, ``dsp``, ``bram`` the cells of a netlist are, by the beginning of their names.
    """

    synthesis: str
    preparation: str = ""
    netlist_cells: Mapping[str, Mapping[str, int]]

    def synthesise(self, sources: Sequence[Path], top: str, netlist: Path) -> float:
        """Synthesise Verilog into a netlist in Yosys's JSON and return the seconds of CPU it took.

        Leaves Yosys's statistics (`STATISTICS`) and its log (``synthesis.log``) beside ``netlist``.
        """
        folder = netlist.parent
        script = "; ".join(
            [
                *(f"read_verilog {os.path.relpath(source, folder)}" for source in sources),
                *([f"hierarchy -top {top}", self.preparation] if self.preparation else []),
                f"{self.synthesis} -top {top}",
                f"write_json {netlist.name}",
                f"tee -q -o {STATISTICS} stat -json",
            ]
        )
        return tools.run(tools.YOSYS, ["-p", script], folder=folder, log=folder / "synthesis.log")

    def synthesised(self, statistics: Path) -> dict[str, int]:
        """Return what Yosys's statistics say that a netlist takes, by ``lut``, ``ff``, ``dsp``, ``bram``."""
        cells: dict[str, int] = read_report(statistics)["design"]["num_cells_by_type"]
        return {
            resource: sum(
                weight * count
                for beginning, weight in weights.items()
                for cell, count in cells.items()
                if cell.startswith(beginning)
            )
            for resource, weights in self.netlist_cells.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Synthesis):
    """The open tools' flow for one family, from Verilog to a bitstream.

    Attributes
    ----------
    part_options : callable
        The placer's options for a part, from its maker's ordering name.
    placer, packer : WasmTool
    config_option : str
        The placer's option for its output.
    constraints_options : callable
        The placer's options for the constraints file of a board's pins, from the file's path.
    constraints_suffix : str
    unplaced_options : tuple of str, optional
        Options of the placer where there is no such file, so that it chooses the pins; ``None`` if it does not.
    pack_arguments : callable
        The packer's arguments, from the names of the placer's output and of its own.
    note : str
        What there is to know of the results.
    config_suffix, bitstream_suffix : str
        Of the placer's output and of the packer's.
    placed_cells : mapping of str to tuple of str
        Which cells of the placer's report are counted as ``lut``, ``dsp``, ``bram``, and ``ff`` where it counts those.
    """

    part_options: Callable[[str], tuple[str, ...]]
    placer: WasmTool
    packer: WasmTool
    config_option: str
    constraints_options: Callable[[str], tuple[str, ...]]
    constraints_suffix: str
    unplaced_options: tuple[str, ...] | None
    config_suffix: str
    bitstream_suffix: str
    placed_cells: Mapping[str, tuple[str, ...]]
    pack_arguments: Callable[[str, str], tuple[str, ...]] = lambda config, packed: (config, packed)
    note: str = ""

    def placed(self, report: Path, statistics: Path) -> Placed:
        """Return what the placer's report and Yosys's statistics say."""
        read = read_report(report)
        utilisation: dict[str, dict[str, int]] = read["utilization"]
        used = {
            resource: sum(utilisation.get(cell, {}).get("used", 0) for cell in cells)
            for resource, cells in self.placed_cells.items()
        }
        available = {
            resource: sum(utilisation.get(cell, {}).get("available", 0) for cell in cells)
            for resource, cells in self.placed_cells.items()
        }
        if "ff" not in self.placed_cells:
            used["ff"] = self.synthesised(statistics)["ff"]
            available["ff"] = available["lut"]  # a logic cell holds one of each
        clocks: dict[str, dict[str, float]] = read["fmax"]
        if not clocks:
            raise CheckError("place and route found no clocked logic")
        slowest = min(clocks, key=lambda name: clocks[name]["achieved"])
        return Placed(used, available, clocks[slowest]["achieved"], _critical(read["critical_paths"], slowest))


@dataclass(frozen=True, slots=True)
class Placed:
    """What place and route made of a design.

    Attributes
    ----------
    used, available : dict of str to int
        By ``lut``, ``ff``, ``dsp``, ``bram``.
    fmax_mhz : float
        The highest clock at which every register-to-register path holds.
    critical_cells : tuple of str
        Instance paths along the slowest such path, in order.
    """

    used: dict[str, int]
    available: dict[str, int]
    fmax_mhz: float
    critical_cells: tuple[str, ...]

    def critical_instance(self, instances: Sequence[str]) -> str | None:
        """Return which of ``instances`` most of the critical path's cells belong to, or ``None``."""
        counts = Counter(
            instance
            for cell in self.critical_cells
            for instance in instances
            if f".{instance}." in f".{cell}."  # flattened names join instances by dots
        )
        return counts.most_common(1)[0][0] if counts else None


def _critical(paths: list[dict[str, Any]], clock: str) -> tuple[str, ...]:
    """Return the cells of the longest path from register to register of ``clock``, none if there is none."""
    for path in paths:
        if path["from"] == path["to"] and path["from"].endswith(f" {clock}"):  # "posedge NAME"
            cells = [str(hop["to"]["cell"]) for hop in path["path"]]
            return tuple(dict.fromkeys(cells))
    return ()


def read_report(path: Path) -> dict[str, Any]:
    """Return the JSON object in a tool's report."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckError(f"report {path} cannot be read: {error}") from None
