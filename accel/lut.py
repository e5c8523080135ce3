"""Tables of functions on quantised numbers: one array, read by numpy and by the gateware's ROM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

MAX_TABLE_BITS = 8
"""Input bits of the widest table: 256 entries."""


def stored_integers(quantization: Quantization) -> Ints:
    """Return every integer of the type, in the order of its bits: 0 and up, then, if signed, the negative ones."""
    bits = np.arange(1 << quantization.bits, dtype=np.int64)
    return np.where(bits > quantization.type_range[1], bits - (1 << quantization.bits), bits)


def table(function: Function, source: Quantization, output: Quantization) -> Ints:
    """Return the stored output integer for every stored input integer, computed in float64 and rounded once.

    Parameters
    ----------
    function : callable
        From float64 real numbers to float64 real numbers, element by element.
    source, output : Quantization
        Of input and output.

    Returns
    -------
    int64 array, shape (2**source.bits,)
        Indexed by the stored integer; a negative one counts from the end, so its two's complement bits are the
        address of the same entry.

    Raises
    ------
    ModelError
        If the input is wider than 8 bits.
    """
    if source.bits > MAX_TABLE_BITS:
        raise ModelError(f"the input of a table must have at most {MAX_TABLE_BITS} bits, not {source.bits}")
    real = (stored_integers(source) - source.zero_point) * np.float64(source.scale)
    with np.errstate(over="ignore"):
        value: NDArray[Any] = np.rint(function(real.astype(np.float64)) / output.scale) + output.zero_point
    return np.clip(value, output.low, output.high).astype(np.int64)
