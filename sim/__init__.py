"""What each machine costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel.network import Network
    from accel.report import Report
    from sim.engine.machine import Machine
    from sim.validation import Row


def machines() -> dict[str, Machine]:
    """Return every machine by name, with its default parameters."""
    from sim.engine import registry

    return registry.machines()


def presets() -> dict[str, Machine]:
    """Return every well-known instance of a machine by name."""
    from sim.engine import registry

    return registry.presets()


def machine(spec: str | Path | Machine, **parameters: Any) -> Machine:
    """Return the machine that a name, a preset, a ``FILE.toml`` or a ``FILE.py`` means, with parameters overridden.

    Raises
    ------
    InputError
        If there is no such machine, file or parameter.
    """
    from sim.engine import registry

    return registry.machine(spec, **parameters)


def run(
    network: Network,
    spec: str | Path | Machine,
    batch: int = 1,
    *,
    fidelity: str = "closed",
    training: bool = False,
    **parameters: Any,
) -> Report:
    """Return the Report of a network on a machine, see `machine`: of inference, or of one training step.

    >>> import accel, sim
    >>> sim.run(accel.load("lenet5"), "diannao", tn=32)  # doctest: +SKIP
    """
    return machine(spec, **parameters).run(network, batch, fidelity=fidelity, training=training)


def validate(machine: str | None = None) -> list[Row]:
    """Return every published figure, or those of one machine, beside ours.

    Raises
    ------
    InputError
        If nothing is published for ``machine``.
    """
    from sim import validation

    return validation.validate(machine)
