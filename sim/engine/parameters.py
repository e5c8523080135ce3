"""Parameters of a machine: each with its unit, default, range and source, declared once as a dataclass field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from accel.errors import InputError, did_you_mean, shown

_KEY = "parameter"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is known of one parameter besides its value.

    Attributes
    ----------
    name, unit : str
    default : int, float or str
    low, high : float, optional
        The accepted range, both ends included.
    choices : tuple of str
        The accepted values of a parameter that is a name.
    source : str
        Where the default comes from.
    """

    name: str
    unit: str
    default: int | float | str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    source: str

    def checked(self, value: Any, machine: str) -> int | float | str:
        """Return ``value`` in the parameter's type, or refuse it.

        Raises
        ------
        InputError
            If it has the wrong type or lies outside the range.
        """
        subject = f"{machine} {self.name}"
        if isinstance(self.default, str):
            if not isinstance(value, str):
                raise InputError(f"{subject} must be a name, not {shown(value)}")
            if self.choices and value not in self.choices:
                raise InputError(f"{subject} must be one of {', '.join(self.choices)}, not {shown(value)}")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{subject} must be a number, not {shown(value)}")
        if isinstance(self.default, int):
            if value != int(value):
                raise InputError(f"{subject} must be a whole number, not {shown(value)}")
            value = int(value)
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise InputError(f"{subject} must be {self.range_text}, not {shown(value)}")
        return value if isinstance(self.default, int) else float(value)

    def parsed(self, text: str, machine: str) -> int | float | str:
        """Return the value that ``text`` from a command line stands for."""
        if isinstance(self.default, str):
            return self.checked(text, machine)
        try:
            return self.checked(int(text), machine)
        except ValueError:
            pass
        try:
            return self.checked(float(text), machine)
        except ValueError:
            raise InputError(f"{machine} {self.name} must be a number, not {shown(text)}") from None

    @property
    def range_text(self) -> str:
        """The accepted values in words."""
        if self.choices:
            return ", ".join(self.choices)
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"at least {self.low:g}"
        return f"at most {self.high:g}" if self.high is not None else "any"


def parameter(
    default: Any,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    source: str,
) -> Any:
    """Declare a machine's parameter as a dataclass field; arguments are the attributes of `Parameter`."""
    return field(default=default, metadata={_KEY: Parameter("", unit, default, low, high, tuple(choices), source)})


def parameters_of(machine: type[Any]) -> dict[str, Parameter]:
    """Return the parameters of a machine class by name, in the order they are declared."""
    found: dict[str, Parameter] = {}
    for declared in fields(machine):
        given = declared.metadata.get(_KEY)
        if given is not None:
            found[declared.name] = Parameter(
                declared.name, given.unit, given.default, given.low, given.high, given.choices, given.source
            )
    return found


def checked_overrides(machine: type[Any], name: str, values: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Return ``values`` with their types checked, or refuse an unknown or ill-typed one by name."""
    return {key: checked_parameter(machine, name, key).checked(value, name) for key, value in values.items()}


def checked_parameter(machine: type[Any], name: str, key: str) -> Parameter:
    """Return the parameter called ``key``, or refuse it by name."""
    known = parameters_of(machine)
    if key not in known:
        raise InputError(f"{name} has no parameter {shown(key)}{did_you_mean(key, list(known))}")
    return known[key]


def parse_settings(machine: type[Any], name: str, settings: Sequence[str]) -> dict[str, int | float | str]:
    """Return the overrides of ``--set k=v`` options, checked against the machine's parameters."""
    values: dict[str, int | float | str] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals:
            raise InputError(f"a setting must be written parameter=value, not {shown(setting)}")
        values[key] = checked_parameter(machine, name, key).parsed(text.strip(), name)
    return values
