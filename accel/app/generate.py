"""``accel generate``: an integer model becomes a folder with its plan, its Verilog and a manifest."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from accel import plan as planning
from accel import targets
from accel.app import axi, board_files, files, folders, fusesoc, handover, manifest, models, testbench
from accel.app.integers import load_integer
from accel.app.manifest import HostEntry, KernelEntry, Manifest, StreamEntry
from accel.app.models import Model
from accel.errors import InputError, shown
from accel.network import Network
from accel.plan import Plan, State
from accel.plan.design import Design
from accel.plan.folds import PartialFold
from accel.schedule.base import Stream
from accel.targets import Target
from hdl import boards, top, verilog
from hdl.boards import Board
from hdl.shell import Shell
from hdl.stream import lane_bits, tdata_bits

CORE, SHELL = "accel_core", "accel_shell"
"""Names of the Verilog modules that a design consists of; the shell holds the core, and so does `axi.MODULE`."""
_NAME_CHARACTERS = 40


@dataclass(frozen=True, eq=False)
class Generated:
    """What `generate` made.

    Attributes
    ----------
    folder : Path
    manifest : Manifest
    plan : Plan
    """

    folder: Path
    manifest: Manifest
    plan: Plan

    def __str__(self) -> str:
        m = self.manifest
        uses = ", ".join(f"{count:,} {name}" for name, count in m.resources.items())
        place = m.target if m.board is None else m.board.name
        return (
            f"{self.folder}: {len(m.kernels)} kernels for {place} at {m.clock_hz / 1e6:g} MHz; "
            f"{m.interval_cycles:,.0f} cycles a tensor ({1 / m.interval_seconds:,.0f} a second), "
            f"latency {m.latency_cycles:,} cycles; predicted {uses}"
        )


def generate(
    model: str | Path | Network,
    *,
    target: str | None = None,
    board: str | None = None,
    out: str | Path,
    fps: float | None = None,
    budget: str | Mapping[str, int] | None = None,
    clock_mhz: float | None = None,
    folds: Sequence[str] | Mapping[str, PartialFold] = (),
    pack: bool = True,
    dims: Mapping[str, int] | None = None,
    state: str = "clear",
) -> Generated:
    """Plan an integer model for a target or a board and write its Verilog; the folder appears whole or not at all.

    Parameters
    ----------
    model : str, path or Network
        An integer ONNX model, or a shipped one's name; a Network must be as it was loaded from its file.
    target : str, optional
        A part or a family of `accel.targets`.
    board : str, optional
        A board of `hdl.boards`, whose part is the target; either this or a target.
    out : path
        A new folder, or a design to be replaced.
    fps : float, optional
        Tensors a second to reach with the least resources.
    budget : str or mapping, optional
        ``"dsp=27,bram=40"``: resources to stay within, as fast as can be.
    clock_mhz : float, optional
        Default: the target's, or the board's. A board's clock is the nearest that its PLL makes.
    folds : sequence of str or mapping, optional
        ``"conv1.pe=6"``: folds set by hand, by node name.
    pack : bool, optional
        Whether one DSP block computes two products of an element wherever its ports take them.
    dims : mapping of str to int, optional
        Sizes for dimensions the model leaves open; the design's copy of the model has them fixed.
    state : str
        What recurrent layers do at the end of a tensor: "clear" their states, or "keep" them for the next one.

    Raises
    ------
    AccelError
        If the model, an option or the output folder cannot be used, or the design does not fit.
    """
    out = Path(out)
    folders.check_replaceable(out, manifest.is_ours)
    if state not in get_args(State):
        raise InputError(f"state must be {' or '.join(get_args(State))}, not {shown(state)}")
    source = _found(model) if isinstance(model, Network) else models.find(model, integer=True)
    network = load_integer(source.path, dims)
    if isinstance(model, Network) and not _same(model.nodes, network.nodes):
        raise InputError(f"network {shown(model.name)} must be as it was loaded from {shown(source.path)}")
    part, clock_hz, made_for = place(target, board, clock_mhz)
    plan = planning.make(
        network,
        target=part,
        fps=fps,
        budget=parsed_budget(budget) if isinstance(budget, str) else budget,
        folds=folds if isinstance(folds, Mapping) else parsed_folds(folds),
        clock_hz=clock_hz,
        state=cast(State, state),
        pack=pack,
    )
    design = plan.design(network)
    core = top.Top([kernel.spec for kernel in design.kernels], design.links)
    with folders.replacing(out) as fresh:
        if dims:
            models.sized(source, dims, fresh / manifest.MODEL)
        else:
            shutil.copyfile(source.path, fresh / manifest.MODEL)
        files.write(fresh / manifest.PLAN, plan.to_json())
        files.write(fresh / f"{CORE}.v", verilog.emit(core, CORE))
        files.write(fresh / f"{SHELL}.v", verilog.emit(Shell(CORE, core.inputs, core.outputs), SHELL))
        axi.write(fresh, CORE, core.inputs, core.outputs)
        vectors = testbench.write(fresh, CORE, core, plan.integers(network), design)
        fusesoc.write(fresh, identifier(source.name), part.family, (CORE, axi.MODULE, SHELL), vectors)
        on_board = None
        if made_for is not None:
            setting = made_for.clock(clock_hz)
            on_board = board_files.write(fresh, made_for, setting, core, CORE)
        described = _describe(network, plan, design, core, source.name, fresh)
        described = described.model_copy(update={"board": on_board})
        files.write(fresh / manifest.README, handover.readme(described))
        described = described.model_copy(update={"files": manifest.hashes(fresh)})
        manifest.write(fresh, described)
    return Generated(out, described, plan)


def place(target: str | None, board: str | None, clock_mhz: float | None) -> tuple[Target, float | None, Board | None]:
    """Return the part, the clock and the board that a design is made for.

    Raises
    ------
    InputError
        If one is unknown, not exactly one of target and board is given, or the board makes no such clock.
    """
    clock_hz = None if clock_mhz is None else clock_mhz * 1e6
    if (target is None) == (board is None):
        raise InputError("a design must be generated for a target or for a board: one of the two, and not both")
    if board is None:
        return targets.get(target or ""), clock_hz, None
    made_for = boards.get(board)
    return targets.get(made_for.target), float(made_for.clock(clock_hz).hz), made_for


def _found(network: Network) -> Model:
    """Return the model file that a network was loaded from, which becomes part of the design."""
    if network.source is None:
        raise InputError(f"network {shown(network.name)} must be loaded from an .onnx file to be generated")
    return models.find(network.source, integer=True)


def _same(a: Any, b: Any) -> bool:
    """Return whether two nodes, layers or parts of them hold the same, arrays included."""
    if type(a) is not type(b):
        return False
    if type(a) is np.ndarray:
        return np.array_equal(a, b)
    if isinstance(a, tuple):
        mine, theirs = cast("tuple[Any, ...]", a), cast("tuple[Any, ...]", b)
        return len(mine) == len(theirs) and all(map(_same, mine, theirs))
    if is_dataclass(a):
        return all(_same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))
    return bool(a == b)


def parsed_budget(text: str) -> dict[str, int]:
    """Return the budget that ``dsp=N,bram=N,lut=N`` means.

    Raises
    ------
    InputError
        If a part of it is not NAME=N, or a name comes twice.
    """
    budget: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if not number.isdecimal() or name.strip() in budget:
            raise InputError(f"budget must be NAME=N, each name once, separated by commas, not {shown(part)}")
        budget[name.strip()] = int(number)
    return budget


def parsed_folds(texts: Sequence[str]) -> dict[str, PartialFold]:
    """Return the folds that ``LAYER.pe=K`` and ``LAYER.simd=K`` mean; a layer's name may hold dots and equals signs.

    Raises
    ------
    InputError
        If one is not of that form, or is given twice.
    """
    given: dict[str, dict[str, int]] = {}
    for text in texts:
        left, _, number = text.rpartition("=")
        layer, _, axis = left.rpartition(".")
        if not layer or axis not in ("pe", "simd") or not number.isdecimal() or axis in given.get(layer, {}):
            raise InputError(f"fold must be LAYER.pe=K or LAYER.simd=K, each once, not {shown(text)}")
        given.setdefault(layer, {})[axis] = int(number)
    return {layer: PartialFold(**axes) for layer, axes in given.items()}


def identifier(name: str) -> str:
    """Return a model's name as a short lower-case identifier, fit for files and tools.

    >>> identifier("My Net (v2).onnx"), identifier("7"), identifier("\u2603")
    ('my_net_v2_onnx', 'net_7', 'net')
    """
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_NAME_CHARACTERS].strip("_")
    return text if text[:1].isalpha() else f"net_{text}".rstrip("_")


def _describe(network: Network, plan: Plan, design: Design, core: top.Top, name: str, folder: Path) -> Manifest:
    """Return the manifest of a design whose other files, README.md apart, lie in ``folder``."""
    interval = math.ceil(plan.interval_cycles)
    inputs = _streams(network, design.region.inputs, core.inputs)
    outputs = _streams(network, design.region.outputs, core.outputs)
    kernels = _kernels(design, core)
    return Manifest(
        accel_version=version("accel-codesign"),
        network=network.name,
        name=identifier(name),
        target=plan.target,
        family=targets.get(plan.target).family,
        clock_hz=plan.clock_hz,
        significand_bits=plan.significand_bits,
        state=plan.state,
        top=CORE,
        shell=SHELL,
        axi=axi.MODULE,
        latency_cycles=plan.latency_cycles,
        interval_cycles=interval,
        latency_seconds=plan.latency_cycles / plan.clock_hz,
        interval_seconds=plan.interval_cycles / plan.clock_hz,
        inputs=inputs,
        outputs=outputs,
        kernels=kernels,
        host=tuple(
            HostEntry(name=node.name, op=node.layer.op)
            for node in network
            if node.name in (*plan.host_before, *plan.host_after)
        ),
        resources=plan.resources,
        names={entry.port: entry.tensor for entry in (*inputs, *outputs)}
        | {entry.instance: placed.name for entry, placed in zip(kernels, design.kernels, strict=True)},
        files=manifest.hashes(folder),
    )


def _streams(network: Network, names: Sequence[str], ports: Sequence[tuple[str, Stream]]) -> tuple[StreamEntry, ...]:
    entries: list[StreamEntry] = []
    for name, (prefix, stream) in zip(names, ports, strict=True):
        tensor = network.tensors[name]
        assert tensor.quantization is not None  # the core's streams carry integers
        entries.append(
            StreamEntry(
                port=prefix,
                tensor=name,
                shape=tensor.shape,
                pixels=stream.pixels,
                channels=stream.channels,
                lanes=stream.lanes,
                beats=stream.beats,
                bits=stream.bits,
                signed=stream.signed,
                lane_bits=lane_bits(stream),
                tdata_bits=tdata_bits(stream),
                scale=tensor.quantization.scale,
                zero_point=tensor.quantization.zero_point,
            )
        )
    return tuple(entries)


def _kernels(design: Design, core: top.Top) -> tuple[KernelEntry, ...]:
    entries: list[KernelEntry] = []
    for instance, placed in zip(core.instances, design.kernels, strict=True):
        spec = placed.spec
        fold = getattr(spec, "fold", None)
        entries.append(
            KernelEntry(
                instance=instance,
                layers=(placed.name,) if placed.layer else (),
                kind=spec.kind,
                fold={"pe": fold.pe, "simd": fold.simd} if fold is not None else {},
                steps=spec.schedule.total_steps,
                latency_cycles=spec.schedule.latency,
                buffer_beats=spec.schedule.capacity,
                multipliers={use: count for use, (count, _, _) in spec.multipliers.items()},
                memory_bits=sum(memory.depth * memory.bits * memory.copies for memory in spec.memories),
            )
        )
    return tuple(entries)
