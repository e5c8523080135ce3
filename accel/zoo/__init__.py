"""The zoo: published networks to price, one per file, without weights.

A file of this folder whose name does not start with an underscore is a network: its module exports ``build()`` and
``PUBLISHED``, what its sources print. ``network.with_random_weights(seed)`` fills in weights where they are wanted.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from accel.errors import InputError, did_you_mean, shown
from accel.network import Network
from accel.zoo._published import Published

__all__ = ["Published", "about", "get", "names", "published"]


@cache
def _names() -> dict[str, str]:
    """Return the networks' names by their spelling without case, hyphens, dots and underscores."""
    modules = (m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return {_folded(name): name for name in sorted(modules)}


def _folded(name: str) -> str:
    return "".join(c for c in name.lower() if c not in "-_. ")


def names() -> list[str]:
    """Return the name of every network, sorted."""
    return sorted(_names().values())


def get(name: str) -> Network:
    """Return the network called ``name``, without weights; case, hyphens and underscores are as one likes.

    >>> get("LeNet-5").macs
    416520

    Raises
    ------
    InputError
        If there is none, naming the nearest.
    """
    return _module(name).build()


def published(name: str) -> tuple[Published, ...]:
    """Return what the sources of network ``name`` print about it."""
    return _module(name).PUBLISHED


def about(name: str) -> str:
    """Return the first line of the network's description."""
    return (_module(name).__doc__ or "").strip().splitlines()[0]


def _module(name: str) -> ModuleType:
    known = _names()
    if _folded(name) not in known:
        raise InputError(f"no network is called {shown(name)}{did_you_mean(name, names())}")
    return importlib.import_module(f"{__name__}.{known[_folded(name)]}")
