"""What every machine is: frozen parameters, and a `run` that turns a network into a Report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast

from accel.errors import CapacityError, InputError, UnsupportedError, shown
from accel.expressions import parse
from accel.limits import MAX_BATCH
from accel.network import Network
from accel.report import Report
from sim.engine.parameters import Parameter, checked_overrides, parameters_of


@dataclass(frozen=True, kw_only=True)
class Machine(ABC):
    """A machine: one file under ``sim``, one subclass in it, every field declared with `parameter`.

    `dataclasses.replace` or `with_parameters` is how a sweep varies it.

    Attributes
    ----------
    title : str
        What the instance is called in reports: the machine's name, or that of a preset or of the user's file.
    """

    name: ClassVar[str]
    """What people type."""
    summary: ClassVar[str]
    """One line: what it models, after whom."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    """Parameter sets of well-known instances, by a name that is accepted wherever a machine's is."""
    monotone: ClassVar[tuple[str, ...]] = ()
    """Parameters of which more never hurts."""
    buffers: ClassVar[tuple[str, ...]] = ()
    """Parameters that size on-chip memory; main-memory traffic responds to them."""
    keeps_weights: ClassVar[bool] = False
    """Whether all weights stay on chip between inferences."""
    limits: ClassVar[tuple[str, ...]] = ()
    """Expressions of the parameters that must hold, such as ``"tm * tn * dsp_per_mac <= dsp"``."""
    fidelities: ClassVar[tuple[str, ...]] = ("closed",)
    trains: ClassVar[bool] = False
    """Whether it can do the backward pass of a training step too."""

    title: str = ""

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.name)
        values = {key: getattr(self, key) for key in self.parameter_table()}
        for key, value in checked_overrides(type(self), self.name, values).items():
            object.__setattr__(self, key, value)
        for limit in self.limits:
            expression = parse(limit)
            if not bool(expression(values)):
                stated = ", ".join(f"{n} = {values[n]}" for n in sorted(expression.names))
                raise CapacityError(f"{self.title} must have {limit}, not {stated}")

    @classmethod
    def parameter_table(cls) -> dict[str, Parameter]:
        """Return every parameter by name: unit, default, range, source."""
        return parameters_of(cls)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter's value by name."""
        return {key: getattr(self, key) for key in self.parameter_table()}

    def with_parameters(self, **values: Any) -> Self:
        """Return the machine with other parameters.

        Raises
        ------
        InputError
            If a name is unknown or a value outside its range.
        CapacityError
            If a limit no longer holds.
        """
        return replace(self, **checked_overrides(type(self), self.name, values))

    @abstractmethod
    def run(self, network: Network, batch: int = 1, *, fidelity: str = "closed", training: bool = False) -> Report:
        """Price a network: its inference, or one training step.

        Raises
        ------
        UnsupportedError
            Naming the layer the machine does not do, a fidelity it does not have, or training.
        CapacityError
            If something does not fit.
        """

    def check_run(self, batch: int, fidelity: str, training: bool = False) -> None:
        """Refuse a batch that is no positive whole number, a fidelity the machine does not have, and training."""
        given = cast(object, batch)  # what a caller without a type checker may pass
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise InputError(f"batch must be positive, not {shown(given)}")
        if given > MAX_BATCH:
            raise InputError(f"batch must be at most {MAX_BATCH:,}, not {given:,}")
        if fidelity not in self.fidelities:
            raise UnsupportedError(f"{self.title} has fidelity {', '.join(self.fidelities)}, not {shown(fidelity)}")
        if training and not self.trains:
            raise UnsupportedError(f"{self.title} is for inference: it does not do training steps", op="training")

    @cached_property
    def area_mm2(self) -> float | None:
        """Silicon area, only where a source gives it."""
        return None
