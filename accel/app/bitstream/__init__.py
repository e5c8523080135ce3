"""How each FPGA family becomes a bitstream with the open tools; one family per file, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from accel.app.bitstream.base import STATISTICS, Family, Placed, Synthesis
from accel.errors import UnsupportedError

__all__ = ["STATISTICS", "Family", "Placed", "Synthesis", "family", "supported", "synthesis"]


@cache
def _flows() -> dict[str, Synthesis]:
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base")
    return {name: importlib.import_module(f"{__name__}.{name}").FLOW for name in names}


def supported() -> list[str]:
    """Return the names of the families that have a flow to a bitstream here."""
    return [name for name, flow in _flows().items() if isinstance(flow, Family)]


def family(name: str) -> Family:
    """Return the flow of a family by its name.

    Raises
    ------
    UnsupportedError
        If there is none.
    """
    flow = _flows().get(name)
    if not isinstance(flow, Family):
        raise UnsupportedError(f"no bitstream flow for family {name!r}; there is one for {', '.join(supported())}")
    return flow


def synthesis(name: str) -> Synthesis:
    """Return how Yosys synthesises for a family, which it may do where there is no flow to a bitstream.

    Raises
    ------
    UnsupportedError
        If it does not.
    """
    flow = _flows().get(name)
    if flow is None:
        raise UnsupportedError(f"no synthesis for family {name!r}; there is one for {', '.join(_flows())}")
    return flow
