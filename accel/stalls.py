"""Stall patterns at a design's ports: one definition, read by the stepper and by the testbench alike.

A pattern is a boolean array that is repeated for ever from the first cycle after reset. At an input the source begins
to offer a beat in a cycle where the pattern holds, and then offers it until it moves; at an output the sink is ready
in exactly the cycles where the pattern holds.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError, did_you_mean, shown

NAMES = ("none", "periodic", "random", "adversarial")
"""Never a stall; one cycle in a few; a fair coin; long runs of both, drawn from 1 to 233 cycles."""

_LENGTH = 8191
"""Cycles after which random patterns repeat: a prime, so that it beats with every period of a design."""
_RUNS = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233])


def pattern(name: str, seed: int, port: str) -> NDArray[np.bool_]:
    """Return the pattern of a port.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    seed : int
    port : str
        Any text that tells the ports of a design apart, such as "input 0"; every port gets a pattern of its own.

    Returns
    -------
    bool array
        At least one entry holds.
    """
    rng = np.random.default_rng([seed & 0xFFFFFFFF, zlib.crc32(port.encode())])
    match name:
        case "none":
            return np.ones(1, np.bool_)
        case "periodic":
            return np.arange(int(rng.integers(2, 6))) > 0
        case "random":
            return rng.random(_LENGTH) < 0.5
        case "adversarial":
            runs = rng.choice(_RUNS, _LENGTH)
            values: NDArray[Any] = np.repeat(np.arange(_LENGTH) % 2 == int(rng.integers(2)), runs)
            return values[:_LENGTH]
        case _:
            raise InputError(f"stall pattern must be one of {', '.join(NAMES)}, not {shown(name)}" + _hint(name))


def _hint(name: str) -> str:
    hint = did_you_mean(name, list(NAMES))
    return hint if "mean" in hint else ""
