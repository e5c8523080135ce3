"""``accel verify``: the emitted Verilog is held to the reference in every value and to the model in every cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel import reference
from accel.app import files, manifest, transfers
from accel.app import tensors as data
from accel.app.drawn import core_of, draw
from accel.app.generate import Generated
from accel.app.simulation import Subject
from accel.app.transfers import Difference
from accel.errors import CheckError, InputError
from accel.network import Network
from accel.onnx_import import load
from accel.plan import Plan
from accel.plan.design import Design
from accel.plan.parts import in_parts

MOST_SAMPLES = 100
"""Samples of an input file that are streamed where no number is given."""
DRAWN_SAMPLES = 10
"""Tensors that are drawn where no input is given."""
MOST_RESETS = 1000


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What `verify` compared.

    Attributes
    ----------
    tensors : int
    source : str
        Where they came from, in words.
    stalls : str
    seed : int
    simulator : str
    resets : tuple of int
        Cycles of other traffic before each reset that came ahead of the tensors.
    values, mismatches : int
        Output values compared, and those that differ or never came.
    transfers, late : int
        Transfers at the ports compared, and those in another cycle than predicted or missing.
    predicted_cycles, counted_cycles : int
        From reset to the last transfer; counted 0 when nothing came.
    first : Difference or None
        The first difference, at the most upstream layer that shows one.
    """

    tensors: int
    source: str
    stalls: str
    seed: int
    simulator: str
    resets: tuple[int, ...]
    values: int
    mismatches: int
    transfers: int
    late: int
    predicted_cycles: int
    counted_cycles: int
    first: Difference | None

    @property
    def passed(self) -> bool:
        """Whether every value and every cycle is as predicted."""
        return not self.mismatches and not self.late

    def __str__(self) -> str:
        resets = f"after {len(self.resets):,} resets in other traffic, " if self.resets else ""
        return (
            f"{resets}{self.tensors:,} tensors ({self.source}), stalls {self.stalls}, seed {self.seed}: "
            f"{self.values:,} values compared, {self.mismatches:,} mismatches; "
            f"{self.predicted_cycles:,} cycles predicted, {self.counted_cycles:,} counted; "
            f"{self.late:,} of {self.transfers:,} transfers in another cycle"
        )

    def check(self) -> None:
        """Raise `accel.errors.CheckError` with the first difference unless everything is equal."""
        if not self.passed:
            raise CheckError(f"the Verilog differs from the model: {self.first}")


def verify(
    design: str | Path | Generated,
    inputs: Path | Mapping[str, NDArray[Any]] | NDArray[Any] | None = None,
    *,
    samples: int | None = None,
    stalls: str = "random",
    seed: int = 0,
    simulator: str = "verilator",
    resets: int = 0,
    waves: Path | None = None,
) -> VerifyResult:
    """Stream tensors back to back through the very Verilog of a design and compare all that comes out.

    Parameters
    ----------
    design : path or Generated
        What ``accel generate`` made; refused if a file's hash differs from its manifest.
    inputs : path to an .npz file, mapping of str to array, array, optional
        Graph inputs of the model. Default: integers drawn from the whole range of the core's inputs.
    samples : int, optional
        Tensors to stream; the data starts over when there are fewer. Default: all there are, at most `MOST_SAMPLES`;
        `DRAWN_SAMPLES` where they are drawn.
    stalls : str
        The pattern at every port, of `accel.stalls.NAMES`.
    seed : int
        Of the stalls, of what is drawn and of the resets.
    simulator : str
        "verilator" or "icarus".
    resets : int
        How often the same traffic, its values inverted, runs ahead of the tensors until a reset comes, at a random
        moment. What a reset leaves undone shows in the tensors.
    waves : path, optional
        Gets the waveform.

    Returns
    -------
    VerifyResult
        Also when something differs: `VerifyResult.passed` says so.

    Raises
    ------
    InputError
        If the folder is no design, or an option or the data does not fit.
    ToolError
        If a tool is missing.
    CheckError
        If the simulation cannot be run, or Icarus finds a handshake or an offered bit undefined.
    """
    if waves is not None:
        files.check_writable(waves)
    if not 0 <= resets <= MOST_RESETS:
        raise InputError(f"resets must be 0 to {MOST_RESETS:,}, not {resets:,}")
    checked = subject(design, inputs, samples=samples, stalls=stalls, seed=seed, simulator=simulator)
    prepared = checked.prepare(waves=waves is not None)
    moments = tuple(np.random.default_rng(seed).integers(1, prepared.predicted_cycles + 1, resets).tolist())
    done = prepared.run(waves, resets=moments)
    ports = transfers.total(done.ports)
    return VerifyResult(
        checked.count, checked.source, stalls, seed, simulator, moments, ports.values, ports.mismatches,
        ports.transfers, ports.late, done.predicted_cycles, done.counted_cycles,
        None if ports.first is None else checked.locate(moments) or ports.first,
    )  # fmt: skip


def subject(
    design: str | Path | Generated,
    inputs: Path | Mapping[str, NDArray[Any]] | NDArray[Any] | None = None,
    *,
    samples: int | None = None,
    stalls: str = "random",
    seed: int = 0,
    simulator: str = "verilator",
) -> Subject:
    """Return a design with what is to be streamed through it; parameters and errors are those of `verify`."""
    folder = Path(design) if isinstance(design, str | Path) else design.folder
    described = manifest.read(folder)
    if samples is not None and samples < 1:
        raise InputError(f"samples must be positive, not {samples}")
    plan = Plan.from_json((folder / manifest.PLAN).read_text())
    network = plan.integers(load(folder / manifest.MODEL))
    placed = plan.design(network)
    tensors, source = _tensors(network, placed, inputs, samples, seed)
    return Subject(folder, described, placed, tensors, source, stalls, seed, simulator)


def _tensors(
    network: Network,
    design: Design,
    inputs: Path | Mapping[str, NDArray[Any]] | NDArray[Any] | None,
    samples: int | None,
    seed: int,
) -> tuple[dict[str, NDArray[Any]], str]:
    """Return every tensor of the reference for what is streamed, and in words where that comes from."""
    if inputs is None:
        drawn = draw(network, design.region, samples or DRAWN_SAMPLES, seed)
        return _traced(core_of(network, design.region), drawn), "drawn from the inputs' whole range"
    arrays = (
        data.read_inputs(network, inputs) if isinstance(inputs, Path) else reference.checked_inputs(network, inputs)
    )
    count = samples or min(data.samples(network, arrays), MOST_SAMPLES)
    source = inputs.name if isinstance(inputs, Path) else "given"
    return _traced(network, data.take(network, arrays, count)), source


def _traced(network: Network, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return every tensor of the network as it is, and of the parts of its layers what there is besides."""
    parts = in_parts(network)
    besides = {} if parts is network else reference.trace(parts, arrays)
    return {**besides, **reference.trace(network, arrays)}
