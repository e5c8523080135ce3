"""A whole board in simulation, its serial line a pseudo-terminal: what talks to the board talks to this."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accel.errors import CheckError
from hdl import pll
from hdl.bench.simulators import run_tool, verilator_environment

_SOURCE = Path(__file__).with_name("serial_board.cc")
_EXECUTABLE = "board"
_PLL = f"module {pll.MODULE}(input wire oscillator, output wire clock, output wire locked);\n" + (
    "  assign clock = oscillator;\n  assign locked = 1'b1;\nendmodule\n"
)
_STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class SerialBoard:
    """A board's top and core, compiled; the PLL alone is replaced, by its clock.

    Attributes
    ----------
    executable : Path
    divisor : int
        Clock cycles of a bit.
    button_low : bool
        As for `hdl.boards.Board`.
    """

    executable: Path
    divisor: int
    button_low: bool

    @classmethod
    def build(
        cls, verilog: Sequence[Path], top: str, folder: Path, *, divisor: int, button_low: bool, optimize: str = "-O1"
    ) -> SerialBoard:
        """Compile the emitted files of a board, the PLL's not among them.

        Raises
        ------
        ToolError
            If a tool is missing.
        CheckError
            If the Verilog does not compile.
        """
        environment, verilator = verilator_environment()
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pll.v").write_text(_PLL)
        shutil.copyfile(_SOURCE, folder / _SOURCE.name)
        run_tool(
            [
                str(verilator), "--cc", "--exe", "--prefix", "Vtop", "-o", _EXECUTABLE, "--Mdir", str(folder),
                "--top-module", top, "-Wno-fatal", "-Wno-WIDTH", "-Wno-UNOPTFLAT",
                *(str(path.resolve()) for path in verilog), str(folder / "pll.v"), str(folder / _SOURCE.name),
            ],
            folder,
            environment,
        )  # fmt: skip
        run_tool(["make", "-s", "-f", "Vtop.mk", f"OPT_FAST={optimize}", "OPT_SLOW=-O0"], folder, environment)
        return cls(folder / _EXECUTABLE, divisor, button_low)

    @contextmanager
    def powered(self) -> Generator[str]:
        """Run the board, and yield the path of its serial port."""
        process = subprocess.Popen(
            [self.executable, str(self.divisor), str(int(self.button_low))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise CheckError(f"the simulated board did not start: exit {process.wait()}")
            yield port
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
