"""manifest.json: what a design's folder holds and what a board engineer must know, with the hash of every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from accel.app import files
from accel.app.folders import sha256
from accel.errors import InputError, shown
from accel.plan import State

NAME = "manifest.json"
PLAN = "plan.json"
MODEL = "network.onnx"
README = "README.md"
PRODUCTS = ("build", "verify", "report.html", "report.json", "accel_tb.vvp", "accel_tb.vcd", "obj_dir")
"""What other commands, those of its README too, add to a design's folder; not hashed, and replaced along with it."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StreamEntry(_Entry):
    """One stream port of the core.

    Attributes
    ----------
    port : str
        Prefix of its Verilog ports.
    tensor : str
        The model's own name of what it carries.
    shape : tuple of int
        Of one sample, as in the model.
    pixels, channels, lanes : int
        A tensor travels pixel by pixel, ``lanes`` channels a beat, channels fastest.
    beats : int
        Of one tensor.
    bits : int
        Of one channel's integer.
    signed : bool
    lane_bits, tdata_bits : int
        Width of a lane and of a whole beat on the port.
    scale : float
    zero_point : int
        ``real = (integer - zero_point) * scale``.
    """

    port: str
    tensor: str
    shape: tuple[int, ...]
    pixels: int
    channels: int
    lanes: int
    beats: int
    bits: int
    signed: bool
    lane_bits: int
    tdata_bits: int
    scale: float
    zero_point: int


class KernelEntry(_Entry):
    """One kernel of the core.

    Attributes
    ----------
    instance : str
        Its name in the Verilog.
    layers : tuple of str
        The model's nodes it computes.
    kind : str
    fold : dict
        ``pe`` and ``simd`` where it has them.
    steps : int
        Of one tensor; the largest of all kernels bounds the interval.
    latency_cycles : int
        From the step that completes a result to the result.
    buffer_beats : tuple of int
        Of each input port.
    multipliers : dict
        Number of multipliers by use; each of "packed mac" computes two products.
    memory_bits : int
    """

    instance: str
    layers: tuple[str, ...]
    kind: str
    fold: dict[str, int]
    steps: int
    latency_cycles: int
    buffer_beats: tuple[int, ...]
    multipliers: dict[str, int]
    memory_bits: int


class HostEntry(_Entry):
    """One node that stays on the host: before the core's inputs or behind its outputs."""

    name: str
    op: str


class BoardEntry(_Entry):
    """The board that a design is made for.

    Attributes
    ----------
    name : str
        Of `hdl.boards`.
    top, pll : str
        The Verilog modules of the board's top, which holds the core, and of its PLL; `build` takes the top.
    constraints : str
        Name of the file that places the top's ports.
    oscillator_hz : int
    dividers : dict of str to int
        Of the PLL, by its parameters; none where the oscillator is the clock.
    baud : int
        Of the serial line.
    window : int
        Tensors whose results have not come that a host may have sent.
    identity : str
        Hexadecimal: what the board answers a host that asks which design it holds.
    """

    name: str
    top: str
    pll: str
    constraints: str
    oscillator_hz: int
    dividers: dict[str, int]
    baud: int
    window: int
    identity: str


class Manifest(_Entry):
    """Everything that is stated of one generated design.

    Attributes
    ----------
    accel_manifest : int
        Version of this format.
    accel_version : str
        Of the generator.
    network : str
        The model's own name.
    name : str
        The same as an identifier: what the bitstream is called.
    target, family : str
        The part, and its family.
    clock_hz : float
        That the design is built for.
    significand_bits : int
        Bits of the requantisation multipliers; the reference follows them.
    state : str
        What recurrent layers do at the end of a tensor: "clear" their states, or "keep" them for the next one.
    top : str
        The core's Verilog module, whose ports the streams are.
    shell : str
        The Verilog module that makes every stream one byte wide; `build` takes it as the top where there is no board.
    axi : str
        The Verilog module that puts the core behind AXI4-Stream and AXI4-Lite names.
    board : BoardEntry or None
    latency_cycles, interval_cycles : int
        Predicted, with no stalls at the ports: from first input transfer to last output transfer of one tensor; between
        the completions of two tensors.
    latency_seconds, interval_seconds : float
    inputs, outputs : tuple of StreamEntry
    kernels : tuple of KernelEntry
    host : tuple of HostEntry
        Nodes that the core does not compute.
    resources : dict of str to int
        Predicted: ``lut``, ``ff``, ``dsp``, ``bram``.
    names : dict of str to str
        From every Verilog name that stands for something in the model to the model's own name.
    files : dict of str to str
        SHA-256 of every other file of the design.
    """

    accel_manifest: Literal[1] = 1
    accel_version: str
    network: str
    name: str
    target: str
    family: str
    clock_hz: float
    significand_bits: int
    state: State = "clear"
    top: str
    shell: str
    axi: str
    board: BoardEntry | None = None
    latency_cycles: int
    interval_cycles: int
    latency_seconds: float
    interval_seconds: float
    inputs: tuple[StreamEntry, ...]
    outputs: tuple[StreamEntry, ...]
    kernels: tuple[KernelEntry, ...]
    host: tuple[HostEntry, ...]
    resources: dict[str, int]
    names: dict[str, str]
    files: dict[str, str]

    @property
    def core_file(self) -> str:
        """Name of the core's Verilog file."""
        return f"{self.top}.v"

    @property
    def build_top(self) -> str:
        """The Verilog module that `build` takes as the top: the board's, or the shell."""
        return self.shell if self.board is None else self.board.top

    @property
    def build_files(self) -> tuple[str, ...]:
        """Names of the Verilog files that `build` reads."""
        modules = (self.top, self.build_top) if self.board is None else (self.top, self.build_top, self.board.pll)
        return tuple(f"{module}.v" for module in modules)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a new design's folder, by name."""
    return {entry.name: sha256(entry) for entry in sorted(folder.iterdir()) if entry.name != NAME}


def write(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest`` into its folder."""
    files.write(folder / NAME, manifest.model_dump_json(indent=2) + "\n")


def read(folder: Path) -> Manifest:
    """Return the manifest of a design's folder after comparing every file's hash with it.

    Raises
    ------
    InputError
        If the folder is not a design, or a file is missing, changed or of another format version.
    """
    manifest = _parse(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file() or path.is_symlink():
            raise InputError(f"design {shown(folder)} lacks the file {shown(name)}; make it again: accel generate")
        if sha256(path) != expected:
            raise InputError(
                f"file {shown(name)} of design {shown(folder)} is not the one that was generated (its SHA-256 differs "
                f"from {NAME}); make it again: accel generate"
            )
    return manifest


def _parse(folder: Path) -> Manifest:
    path = folder / NAME
    try:
        if not path.is_file():
            raise InputError(f"design {shown(folder)} must be a folder made by accel generate; it has no {NAME}")
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{NAME} of design {shown(folder)} is not valid: {shown(where)}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"design {shown(folder)} cannot be read: {shown(error)}") from None


def is_ours(entry: Path) -> bool:
    """Say whether an entry of an output folder was written by accel: listed in the manifest beside it, or a product."""
    if entry.name in (NAME, *PRODUCTS):
        return True
    try:
        return entry.name in _parse(entry.parent).files
    except InputError:
        return False
