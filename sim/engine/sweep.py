"""The parallel loop over designs, one compiled copy per machine, calling the machine's own cost function."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from sim.engine.closed_form import ClosedFormMachine
from sim.engine.jit import announce_compilation, jit


def _prepare(machine: Any) -> None:
    """Stand for the machine's ``prepare`` in the loop below."""


def _cost(work: Any, machine: Any) -> Any:
    """Stand for the machine's ``cost`` in the loop below."""


def _sweep(works: Any, counts: Any, designs: Any, totals: Any) -> None:
    for d in prange(len(designs)):
        machine = designs[d]
        _prepare(machine)
        for j in range(totals.shape[1]):
            totals[d, j] = 0.0
        for k in range(len(works)):
            cost = _cost(works[k], machine)
            for j in range(len(cost)):
                totals[d, j] += counts[k] * cost[j]


@functools.cache
def _compiled(machine: type[ClosedFormMachine]) -> Callable[..., None]:
    names = {"prange": prange, "range": range, "len": len, "_prepare": machine.prepare, "_cost": machine.cost}
    loop = types.FunctionType(_sweep.__code__, names, f"sweep_{machine.name}".replace("-", "_"))
    loop.__qualname__ = loop.__name__  # numba keeps compiled code by qualified name: one per machine
    loop.__module__ = __name__
    return jit(loop, parallel=True)


def sweep(
    machine: type[ClosedFormMachine],
    works: NDArray[Any],
    counts: NDArray[Any],
    designs: NDArray[Any],
    totals: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the summed cost of ``works`` for every design.

    Parameters
    ----------
    machine : class
    works : records of `sim.engine.lowering.RECORD_DTYPE`, shape (k,)
    counts : float64 array, shape (k,)
        How often each record occurs.
    designs : records of ``machine.record_dtype()``, shape (d,)
        Parameters filled; derived fields are filled here.
    totals : float64 array, optional
        Where to put the answer.

    Returns
    -------
    float64 array, shape (d, len(machine.Cost._fields))
    """
    announce_compilation(f"sweep {machine.name}")
    if totals is None:
        totals = np.empty((len(designs), len(machine.Cost._fields)))
    _compiled(machine)(works, counts, designs, totals)
    return totals


def distinct(works: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the distinct records of ``works`` and how often each occurs."""
    unique, counts = np.unique(works.view(np.float64).reshape(len(works), -1), axis=0, return_counts=True)
    return np.ascontiguousarray(unique).view(works.dtype).reshape(-1), counts.astype(np.float64)
