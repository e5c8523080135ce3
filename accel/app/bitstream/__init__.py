"""How each FPGA family becomes a bitstream with the open tools; one family per file, found by its name."""

from __future__ import annotations

import importlib
import pkgutil

from accel.app.bitstream.base import STATISTICS, Family, Placed
from accel.errors import UnsupportedError

__all__ = ["STATISTICS", "Family", "Placed", "family", "supported"]


def supported() -> list[str]:
    """Return the names of the families that have a flow here."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base")


def family(name: str) -> Family:
    """Return the flow of a family by its name.

    Raises
    ------
    UnsupportedError
        If there is none.
    """
    if name not in supported():
        raise UnsupportedError(f"no bitstream flow for family {name!r}; there is one for {', '.join(supported())}")
    flow: Family = importlib.import_module(f"{__name__}.{name}").FLOW
    return flow
