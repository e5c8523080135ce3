"""The FuseSoC core file of a design: which files it has, and how to simulate, lint and synthesise them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from accel.app import axi, files, testbench

NAME = "accel.core"
_ARCHITECTURES = {
    "ecp5": ("ecp5", ()),
    "ice40": ("ice40", ("-dsp",)),
    "artix7": ("xilinx", ("-family xc7",)),
    "gw2ar": ("gowin", ()),
}
"""By family of parts: what Yosys calls it, and with what options it synthesises for it."""


def write(folder: Path, name: str, family: str, modules: Sequence[str], vectors: Sequence[str]) -> None:
    """Write the core file of a design.

    Parameters
    ----------
    folder : Path
    name : str
        Of the design, an identifier.
    family : str
        Of its part.
    modules : sequence of str
        Those that may be put to use, each with a Verilog file of that name.
    vectors : sequence of str
        Files that the testbench reads.
    """
    files.write(folder / NAME, core_file(name, family, modules, vectors))


def core_file(name: str, family: str, modules: Sequence[str], vectors: Sequence[str]) -> str:
    """Return the core file, CAPI2; parameters are those of `write`."""
    architecture, options = _ARCHITECTURES[family]
    lines = [
        "CAPI=2:",
        f"name: {vlnv(name)}",
        "description: A quantised neural network with AXI4-Stream ports, made by accel",
        "filesets:",
        "  rtl:",
        *_fileset([f"{module}.v" for module in modules], "verilogSource"),
        "  header:",
        *_fileset([axi.HEADER], "user"),
        "  testbench:",
        *_fileset([f"{testbench.MODULE}.v"], "systemVerilogSource"),
        "  vectors:",
        "    files:",
        *(f"      - {file}: {{copyto: {file}}}" for file in vectors),
        "    file_type: user",
        "targets:",
        "  default:",
        "    filesets: [rtl, header]",
        f"    toplevel: {axi.MODULE}",
        "  lint:",
        *_target(["rtl"], axi.MODULE, "lint", {"tool": "verilator", "verilator_options": ["-Wno-fatal"]}),
        "  sim:",
        *_target(
            ["rtl", "testbench", "vectors"], testbench.MODULE, "sim",
            {"tool": "icarus", "iverilog_options": ["-g2012"]},
        ),
        "  sim_verilator:",
        *_target(
            ["rtl", "testbench", "vectors"], testbench.MODULE, "sim",
            {"tool": "verilator", "mode": "binary", "verilator_options": ["--timing", "-Wno-fatal"]},
        ),
        "  synth:",
        *_target(
            ["rtl"], axi.MODULE, "generic",
            {"tool": "yosys", "arch": architecture, "output_format": "json", "yosys_synth_options": options},
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def vlnv(name: str) -> str:
    """Return a design's name in FuseSoC: vendor, library, name and the version of accel without any suffix."""
    release = re.match(r"\d+(\.\d+)*", version("accel-codesign"))
    return f"accel:design:{name}:{release[0] if release else 0}"


def _fileset(names: Sequence[str], file_type: str) -> list[str]:
    return ["    files:", *(f"      - {name}" for name in names), f"    file_type: {file_type}"]


def _target(filesets: Sequence[str], toplevel: str, flow: str, options: dict[str, str | Sequence[str]]) -> list[str]:
    return [
        f"    filesets: [{', '.join(filesets)}]",
        f"    toplevel: {toplevel}",
        f"    flow: {flow}",
        "    flow_options:",
        *(
            f"      {key}: {value}" if isinstance(value, str) else f"      {key}: [{', '.join(map(repr, value))}]"
            for key, value in options.items()
        ),
    ]


def section(name: str) -> str:
    """Return what the README says of the core file of a design called ``name``."""
    return (
        f"`{NAME}` is a FuseSoC core, `{vlnv(name)}`: other cores can depend on it, and `fusesoc --cores-root . run "
        f"--target T {vlnv(name)}` runs T: `sim` (the testbench in Icarus Verilog), `sim_verilator`, `lint` or `synth` "
        "(Yosys alone)."
    )
