"""Gate level: a synthesised ECP5 netlist in CXXRTL, with the same stream agents at its ports as the emitted Verilog.

The netlist is the one that place and route takes. Yosys's own models stand for the logic cells; the DSP and RAM blocks,
which Yosys leaves empty, are ``ecp5_blocks.v``. The flattened netlist becomes C++ and runs with agents in C++.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from accel import tools
from accel.errors import CheckError, ToolError
from hdl.bench.agents import RESET_CYCLES, Design, Drive, Recording, agent_name, read_recording, write_drive
from hdl.bench.simulators import run_tool

_HERE = Path(__file__).parent
_BLOCKS = _HERE / "ecp5_blocks.v"
_EXECUTABLE = "gates"

_PASSES = (
    "delete =A:blackbox",  # the interfaces of cells, which the models below replace
    f"read_verilog -sv {_BLOCKS.name}",
    "read_verilog -nooverwrite +/ecp5/cells_sim.v",
    "hierarchy -check -top {module}",
    "proc; opt -full; memory -nomap; opt -full",  # every cell once, before there are thousands of it
    "flatten; opt -full; splitnets; opt_clean -purge",  # no bit feeds back on itself, so a cycle is one pass
    "write_cxxrtl -g0 -header netlist.cc",
)


@dataclass(frozen=True, eq=False)
class GateBench:
    """A netlist, compiled with stream agents at the ports of its one design.

    Attributes
    ----------
    folder : Path
        Holds the compiled simulation and the files of the latest run.
    design : Design
        Probes are not offered: synthesis keeps no stream inside a design.
    """

    folder: Path
    design: Design

    @classmethod
    def build(cls, netlist: Path, design: Design, folder: Path, *, optimize: str = "-O0") -> GateBench:
        """Compile ``netlist``, Yosys's JSON after ``synth_ecp5``.

        Parameters
        ----------
        netlist : Path
        design : Design
            Its module is the netlist's top.
        folder : Path
            Made if it does not exist.
        optimize : str
            The C++ compiler's level: ``-O0`` compiles three times as fast as ``-O1``.

        Raises
        ------
        ToolError
            If a tool is missing.
        CheckError
            If the netlist has a cell or a mode of a block that no model does; the message quotes which.
        """
        compiler = shutil.which("g++")
        if compiler is None:
            raise ToolError("g++ is missing; install it: apt-get install g++")
        tools.require(tools.YOSYS)
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_BLOCKS, folder / _BLOCKS.name)
        shutil.copyfile(netlist, folder / "netlist.json")
        script = "; ".join(["read_json netlist.json", *_PASSES]).replace("{module}", design.module)
        tools.run(tools.YOSYS, ["-p", script], folder=folder, log=folder / "cxxrtl.log")
        (folder / "bench.cc").write_text(_bench_source(design))
        flags = ["-std=c++17", optimize, f"-I{_runtime()}", f"-I{_HERE}", f"-I{folder}"]
        run_tool([compiler, *flags, "-o", _EXECUTABLE, "bench.cc"], folder, os.environ)
        return cls(folder, design)

    def run(self, drive: Drive, *, limit_cycles: int) -> Recording:
        """Run the netlist with ``drive`` and return what happened at its ports.

        A run that is not done after ``limit_cycles`` is cut off; its recording is not ``complete``.
        """
        write_drive(self.folder, 0, self.design, drive)
        done = subprocess.run(
            [self.folder / _EXECUTABLE, str(limit_cycles)],
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CheckError(f"the gate-level simulation failed: {done.stderr.strip() or done.returncode}")
        return read_recording(self.folder, 0, self.design, drive)


def _bench_source(design: Design) -> str:
    """Return the C++ that joins agents to the ports of a netlist and runs the clock."""
    agents: list[str] = []
    lines: list[str] = []
    for side, kind, ports in (("source", "Source", design.inputs), ("sink", "Sink", design.outputs)):
        for p, port in enumerate(ports):
            name = agent_name(0, side, p)
            pins = ", ".join(f"design.{_mangled(f'{port.prefix}_{pin}')}" for pin in ("valid", "ready", "data", "last"))
            lines.append(f'    agents::{kind} {name}("{name}", {pins});')
            agents.append(name)
    finished = " && ".join(f"!{name}.left" for name in agents if "sink" in name)

    def each(call: str) -> str:
        return " ".join(f"{name}.{call};" for name in agents)

    return f"""#include <cstdlib>
#include "netlist.cc"
#include "gate_agents.h"

static cxxrtl_design::{_mangled(design.module)} design;

static void clock(unsigned level) {{
    design.p_clk.data[0] = level;
    design.step();
}}

int main(int, char **arguments) {{
    const uint64_t limit_cycles = std::strtoull(arguments[1], nullptr, 10);
{chr(10).join(lines)}
    design.p_rst.data[0] = 1;
    for (int cycle = 0; cycle < {RESET_CYCLES}; cycle++) {{
        clock(0);
        clock(1);
    }}
    design.p_rst.data[0] = 0;
    for (uint64_t cycle = 0; cycle < limit_cycles && !({finished}); cycle++) {{
        {each("drive(cycle)")}
        clock(0);
        {each("sample(cycle)")}
        clock(1);
        {each("advance()")}
    }}
}}
"""


def _mangled(name: str) -> str:
    """Return CXXRTL's C++ name of a Verilog name of letters, digits and underscores."""
    return "p_" + name.replace("_", "__")


def _runtime() -> Path:
    """Return the folder of CXXRTL's headers, which come with Yosys."""
    spec = importlib.util.find_spec(tools.YOSYS.package)
    if spec is None or spec.origin is None:
        raise ToolError(f"yosys is missing; install it: pip install {tools.YOSYS.distribution}")
    return Path(spec.origin).parent / "share" / "include" / "backends" / "cxxrtl" / "runtime"
