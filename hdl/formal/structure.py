"""Which inputs of a netlist an output depends on within a cycle: the rules of handshakes as a matter of structure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accel import tools

_CLOCKED = ("$dff", "$adff", "$sdff", "$aldff", "$dffsr", "$ff")
"""How the names of register cells begin."""


def combinational(verilog: str, top: str, folder: Path) -> dict[str, frozenset[str]]:
    """Return, for every output of the module ``top``, the inputs that a path without a register leads from.

    Parameters
    ----------
    verilog : str
    top : str
    folder : Path
        Gets the files and logs.

    Raises
    ------
    ToolError
        If Yosys is missing.
    CheckError
        If it fails.
    """
    (folder / "structure.v").write_text(verilog)
    script = (
        f"read_verilog structure.v; hierarchy -top {top}; proc; flatten; memory_collect; opt_clean; "
        "write_json structure.json"
    )
    tools.run(tools.YOSYS, ["-q", "-p", script], folder=folder, log=folder / "structure.log")
    module = json.loads((folder / "structure.json").read_text())["modules"][top]
    sources: dict[int, set[int]] = defaultdict(set)
    for cell in module["cells"].values():
        for output, inputs in _paths(cell):
            for bit in output:
                sources[bit].update(bit for bit in inputs if isinstance(bit, int))
    ports: Mapping[str, Any] = module["ports"]
    inputs = {bit: name for name, port in ports.items() if port["direction"] == "input" for bit in port["bits"]}
    return {
        name: frozenset(inputs[bit] for bit in _reached(port["bits"], sources) if bit in inputs)
        for name, port in ports.items()
        if port["direction"] == "output"
    }


def _paths(cell: Mapping[str, Any]) -> Iterator[tuple[list[int], list[Any]]]:
    """Yield output bits of a cell with the bits that they depend on within a cycle."""
    kind, pins = cell["type"], cell["connections"]
    if kind.startswith(_CLOCKED):
        return
    if kind == "$mem_v2":
        clocked, bits, width = cell["parameters"]["RD_CLK_ENABLE"], pins["RD_DATA"], int(cell["parameters"]["WIDTH"], 2)
        address = len(pins["RD_ADDR"]) // (len(bits) // width)
        for port, enable in enumerate(reversed(clocked)):
            if enable == "0":
                yield bits[port * width :][:width], pins["RD_ADDR"][port * address :][:address]
        return
    outputs = [bit for name, way in cell["port_directions"].items() if way == "output" for bit in pins[name]]
    yield outputs, [bit for name, way in cell["port_directions"].items() if way == "input" for bit in pins[name]]


def _reached(bits: list[Any], sources: Mapping[int, set[int]]) -> set[int]:
    """Return every bit that leads to ``bits``, those included."""
    found: set[int] = set()
    ahead = [bit for bit in bits if isinstance(bit, int)]
    while ahead:
        bit = ahead.pop()
        if bit not in found:
            found.add(bit)
            ahead += sources.get(bit, ())
    return found
