"""``accel build``: a generated design becomes a bitstream, with utilisation and Fmax against its clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from accel import targets, tools
from accel.app import bitstream, board_files, manifest
from accel.app.manifest import Manifest
from accel.errors import CapacityError, CheckError, UnsupportedError, shown

FOLDER = "build"
_SEED = "1"  # a fixed seed makes place and route give the same bits every time
_FULL = (
    "Failed to expand region",
    "no Bels remaining",
    "no BELs remaining",
    "Unable to place",
    "failed to place",
    "Unable to find legal placement",
)
"""How nextpnr says that a part is full."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What `build` made.

    Attributes
    ----------
    bitstream : Path
    used, available : dict of str to int
        By ``lut``, ``ff``, ``dsp``, ``bram``.
    fmax_mhz, clock_mhz : float
        Reached, and asked for.
    critical_kernel : str or None
        The kernel that most of the slowest path lies in; ``None`` if it lies in none.
    seconds : dict of str to float
        Of CPU, by stage: ``synthesis``, ``place_and_route``, ``pack``.
    rates : dict of str to float
        Tensors a second: ``at the clock``, ``at Fmax`` and, of a board, ``through the link``.
    """

    bitstream: Path
    used: dict[str, int]
    available: dict[str, int]
    fmax_mhz: float
    clock_mhz: float
    critical_kernel: str | None
    seconds: dict[str, float]
    rates: dict[str, float]

    @property
    def met(self) -> bool:
        """Whether timing holds at the clock asked for."""
        return self.fmax_mhz >= self.clock_mhz

    def check(self) -> None:
        """Raise `accel.errors.CheckError` if timing is missed."""
        if not self.met:
            raise CheckError(
                f"timing is missed: Fmax is {self.fmax_mhz:.1f} MHz, the clock {self.clock_mhz:g} MHz; "
                f"the slowest path is in {self.critical}"
            )

    @property
    def critical(self) -> str:
        """Where the slowest path lies, in words."""
        return f"kernel {self.critical_kernel}" if self.critical_kernel else "no kernel: the links, or what is around"

    def __str__(self) -> str:
        verdict = "meets" if self.met else "MISSES"
        return (
            f"{self.bitstream}: {_listed(self.used, self.available)}; "
            f"Fmax {self.fmax_mhz:.1f} MHz {verdict} {self.clock_mhz:g} MHz; tensors a second: "
            + ", ".join(f"{rate:,.0f} {limit}" for limit, rate in self.rates.items())
            + f" ({sum(self.seconds.values()):.0f} s of CPU)"
        )


@dataclass(frozen=True, slots=True)
class SynthesisResult:
    """What `synthesise` made: cells of the netlist by ``lut``, ``ff``, ``dsp``, ``bram``, and seconds of CPU."""

    used: dict[str, int]
    seconds: float

    def __str__(self) -> str:
        return f"synthesised: {_listed(self.used)} ({self.seconds:.0f} s of CPU)"


_SPOKEN = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram": "block RAM"}


def _listed(used: Mapping[str, int], available: Mapping[str, int] | None = None) -> str:
    of = {} if available is None else {resource: f" of {count:,}" for resource, count in available.items()}
    return ", ".join(f"{used[resource]:,}{of.get(resource, '')} {name}" for resource, name in _SPOKEN.items())


def build(folder: Path, say: Callable[[str], None] = lambda line: None) -> BuildResult:
    """Synthesise, place, route and pack the very files of a design; logs and reports stay in its ``build`` folder.

    Parameters
    ----------
    folder : Path
        Made by ``accel generate``; refused if a file's hash differs from its manifest.
    say : callable
        Told what is about to run, in one line each.

    Returns
    -------
    BuildResult
        Also when timing is missed: `BuildResult.met` says so.

    Raises
    ------
    ToolError
        If a tool is missing.
    CapacityError
        If the design does not fit the part.
    UnsupportedError
        If there is no flow for the part, or only for one on a board.
    CheckError
        If a tool fails.
    """
    design = manifest.read(folder)
    flow = bitstream.family(design.family)
    if flow.unplaced_options is None and design.board is None:
        raise UnsupportedError(f"place and route for {design.target} needs pins: generate the design for a board")
    _announce([tools.YOSYS, flow.placer, flow.packer], say)
    if flow.note:
        say(flow.note)
    work = folder / FOLDER
    work.mkdir(exist_ok=True)
    seconds: dict[str, float] = {}
    say("synthesis ...")
    seconds["synthesis"] = _synthesise(folder, design, work)
    say("place and route ...")
    seconds["place_and_route"] = _place(folder, design, work)
    say("pack ...")
    config, packed = f"{design.name}{flow.config_suffix}", f"{design.name}{flow.bitstream_suffix}"
    seconds["pack"] = tools.run(flow.packer, flow.pack_arguments(config, packed), folder=work, log=work / "pack.log")
    placed = flow.placed(work / "place.json", work / bitstream.STATISTICS)
    critical = placed.critical_instance([kernel.instance for kernel in design.kernels])
    return BuildResult(
        work / packed,
        placed.used,
        placed.available,
        placed.fmax_mhz,
        design.clock_hz / 1e6,
        design.names.get(critical, critical) if critical else None,
        seconds,
        _rates(design, placed.fmax_mhz * 1e6),
    )


def _rates(design: Manifest, fmax_hz: float) -> dict[str, float]:
    """Return the tensors a second at the clock, at Fmax and through a board's link."""
    rates = {
        "at the clock": 1 / design.interval_seconds,
        "at Fmax": fmax_hz / design.clock_hz / design.interval_seconds,
    }
    through = board_files.link_rate(design)
    return rates if through is None else rates | {"through the link": through}


def synthesise(folder: Path, say: Callable[[str], None] = lambda line: None) -> SynthesisResult:
    """Synthesise the very files of a design, and stop there; errors are those of `build`."""
    design = manifest.read(folder)
    _announce([tools.YOSYS], say)
    work = folder / FOLDER
    work.mkdir(exist_ok=True)
    seconds = _synthesise(folder, design, work)
    return SynthesisResult(bitstream.synthesis(design.family).synthesised(work / bitstream.STATISTICS), seconds)


def _announce(wanted: Sequence[tools.WasmTool], say: Callable[[str], None]) -> None:
    for tool in wanted:
        tools.require(tool)
        if not tool.compiled:
            say(f"{tool.name} is compiled on its first use: once, a minute or more")


def _synthesise(folder: Path, design: Manifest, work: Path) -> float:
    """Synthesise a design's files into ``work`` and return the seconds of CPU it took.

    Leaves the netlist (``NAME.json``), Yosys's statistics (``synthesis.json``) and its log (``synthesis.log``).
    """
    sources = [folder / name for name in design.build_files]
    return bitstream.synthesis(design.family).synthesise(sources, design.build_top, work / f"{design.name}.json")


def _place(folder: Path, design: Manifest, work: Path) -> float:
    """Place and route the netlist in ``work`` and return the seconds of CPU it took."""
    flow = bitstream.family(design.family)
    pins = flow.unplaced_options or ()
    if design.board is not None:
        pins = flow.constraints_options(os.path.relpath(folder / design.board.constraints, work))
    arguments = [
        *flow.part_options(targets.get(design.target).part),
        *pins,
        *("--json", f"{design.name}.json", flow.config_option, f"{design.name}{flow.config_suffix}"),
        *("--report", "place.json", "--freq", f"{design.clock_hz / 1e6:g}", "--seed", _SEED),
        "--timing-allow-fail",  # the verdict on timing is ours
    ]
    try:
        return tools.run(flow.placer, arguments, folder=work, log=work / "place.log")
    except CheckError as error:
        if any(sign in str(error) for sign in _FULL):
            raise CapacityError(f"design {shown(design.name)} does not fit {design.target}: {error}") from None
        raise
