"""FPGA parts, one a file that exports ``TARGET``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from accel.errors import InputError, did_you_mean, shown
from accel.targets.base import Target

__all__ = ["Target", "get", "registry"]


@cache
def registry() -> dict[str, Target]:
    """Return every part by name, discovered from the files of this package."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    found = [target for m in modules if isinstance(target := getattr(m, "TARGET", None), Target)]
    return {target.name: target for target in sorted(found, key=lambda t: t.name)}


def get(name: str) -> Target:
    """Return a part by its name, or the largest listed part of a family.

    Raises
    ------
    InputError
        If there is no such part or family.
    """
    parts = registry()
    if name in parts:
        return parts[name]
    family = [t for t in parts.values() if t.family == name]
    if not family:
        known = sorted({*parts, *(t.family for t in parts.values())})
        raise InputError(f"no target is called {shown(name)}{did_you_mean(name, known)}")
    return max(family, key=lambda t: t.lut)
