"""Several networks on several machines, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sim
from accel.app.comparison import Comparison, Row
from accel.display import percent, plain
from accel.errors import CapacityError, InputError, UnsupportedError, shown
from accel.network import Network
from sim.engine.machine import Machine

if TYPE_CHECKING:
    from sim.validation import Row as PublishedRow

_KINDS = ("published", "measured", "formula", "not gated")


def compare(
    networks: Network | str | Path | Sequence[Network | str | Path],
    machines: Sequence[str | Path | Machine] | None = None,
    *,
    batch: int | Sequence[int] = 1,
    baseline: str | None = None,
    training: bool = False,
    dims: Mapping[str, int] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Price networks on machines.

    Parameters
    ----------
    networks : Network, name or path, or a sequence of them
    machines : sequence of names, paths or instances, optional
        All by default.
    batch : int or sequence of int
    baseline : str, optional
        A machine the others are measured against; added if it is not among them.
    training : bool
        Price one training step instead of inference.
    dims : mapping of str to int, optional
        Sizes for dimensions that ONNX models leave open.
    progress : callable, optional
        Given a line before each step.

    Raises
    ------
    InputError
        If a network or machine is unknown or a batch size is not positive. What a machine does not do is a row of the
        result, not an error.
    """
    if isinstance(networks, Network | str | Path):
        networks = [networks]
    batches = [batch] if isinstance(batch, int) else list(batch)
    if not networks or not batches:
        raise InputError("compare must be given a network and a batch size")
    chosen = _chosen(machines, baseline)
    loaded = _loaded(networks, dims)
    rows: list[Row] = []
    for network in loaded:
        for size in batches:
            for machine in chosen:
                if progress is not None:
                    progress(f"{plain(network.name)} on {plain(machine.title)}, batch {size}")
                rows.append(_row(network, machine, size, training))
    if progress is not None:
        progress("published figures")
    validations = {machine.title: validation(machine) for machine in chosen}
    return Comparison(tuple(rows), None if baseline is None else _title(baseline), validations)


def _loaded(networks: Sequence[Network | str | Path], dims: Mapping[str, int] | None) -> list[Network]:
    """Return the networks, each with a name of its own: files of one name are told apart by their paths."""
    import accel

    loaded = [
        given
        if isinstance(given, Network)
        else accel.load(given, dims=dims if Path(given).suffix.lower() == ".onnx" else None)
        for given in networks
    ]
    times = Counter(network.name for network in loaded)
    for i, given in enumerate(networks):
        if isinstance(given, str | Path) and times[loaded[i].name] > 1:
            loaded[i] = replace(loaded[i], name=str(given))
    for name, count in Counter(network.name for network in loaded).items():
        if count > 1:
            raise InputError(f"network {shown(name)} must be given once")
    return loaded


def _title(machine: str) -> str:
    return sim.machine(machine).title


def _chosen(machines: Sequence[str | Path | Machine] | None, baseline: str | None) -> list[Machine]:
    chosen = [sim.machine(m) for m in machines] if machines else list(sim.machines().values())
    if baseline is not None and _title(baseline) not in [m.title for m in chosen]:
        chosen.insert(0, sim.machine(baseline))
    for title, times in Counter(machine.title for machine in chosen).items():
        if times > 1:
            raise InputError(f"machine {shown(title)} must be given once; a variant needs a title of its own")
    return chosen


def _row(network: Network, machine: Machine, batch: int, training: bool) -> Row:
    try:
        return Row(network.name, machine.title, batch, sim.run(network, machine, batch, training=training))
    except UnsupportedError as error:
        refusal = f"unsupported: {error.op}" if error.op else "unsupported"
        return Row(network.name, machine.title, batch, None, refusal, str(error))
    except CapacityError as error:
        return Row(network.name, machine.title, batch, None, "does not fit", str(error))


def validation(machine: Machine) -> str:
    """Return the largest errors of a machine's figures beside published ones, by kind of figure, or "unvalidated".

    A figure counts for the very parameters it was published for: those of the machine, or of the preset it names.
    """
    default = sim.machines().get(machine.name)
    if default is None or type(default) is not type(machine):
        return "unvalidated"
    errors: dict[str, list[float]] = {}
    for row in _validated(machine.name):
        preset = row.figure.arguments.get("preset")
        reference = default if preset is None else sim.presets()[preset]
        if reference.parameters == machine.parameters:
            kind = row.figure.label if row.figure.gated else "not gated"
            errors.setdefault(kind, []).append(abs(row.error))
    kinds = [f"{kind} {percent(max(errors[kind]))} ({len(errors[kind])})" for kind in _KINDS if kind in errors]
    return ", ".join(kinds) or "unvalidated"


@cache
def _validated(name: str) -> tuple[PublishedRow, ...]:
    from sim import validation as published

    files = published.published().values()
    return tuple(published.validate(name)) if any(file.machine == name for file in files) else ()
