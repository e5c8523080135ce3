"""The parallel loop over designs, one compiled copy per machine, calling the machine's own cost function."""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Callable
from pathlib import Path
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


_FIRST_BYTES, _FIRST_PJ, _FIELDS = 0, 0, 0  # of the machine's Cost; constants of the compiled loop
TOTALS = ("macs", "cycles", "compute_cycles", "dram_bytes", "sram_bytes", "picojoules")
"""What is summed for every design."""


def _sweep(works: Any, counts: Any, designs: Any, totals: Any) -> None:
    for d in prange(len(designs)):
        machine = designs[d]
        _prepare(machine)
        macs, cycles, computing, dram, sram, energy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(len(works)):
            cost = _cost(works[k], machine)
            count = counts[k]
            macs += count * cost.macs
            cycles += count * cost.cycles
            computing += count * cost.compute_cycles
            moved = 0.0
            for j in range(_FIRST_BYTES, _FIRST_PJ):
                moved += cost[j]
            dram += count * cost.bytes_dram
            sram += count * (moved - cost.bytes_dram)
            spent = 0.0
            for j in range(_FIRST_PJ, _FIELDS):
                spent += cost[j]
            energy += count * spent
        totals[d, 0], totals[d, 1], totals[d, 2] = macs, cycles, computing
        totals[d, 3], totals[d, 4], totals[d, 5] = dram, sram, energy


@functools.cache
def _compiled(machine: type[ClosedFormMachine]) -> Callable[..., None]:
    fields = machine.Cost._fields
    names = {
        "prange": prange, "range": range, "len": len, "_prepare": machine.prepare, "_cost": machine.cost,
        "_FIRST_BYTES": sum(not f.startswith(("bytes_", "pj_")) for f in fields),
        "_FIRST_PJ": sum(not f.startswith("pj_") for f in fields), "_FIELDS": len(fields),
    }  # fmt: skip
    # numba keeps compiled code by qualified name: one per machine, and per state of a user's machine file
    source = Path(getattr(machine.cost, "py_func", machine.cost).__code__.co_filename)
    state = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    loop = types.FunctionType(_sweep.__code__, names, f"sweep_{machine.name}_{state}".replace("-", "_"))
    loop.__qualname__ = loop.__name__
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
    float64 array, shape (d, len(TOTALS))
    """
    announce_compilation(f"sweep {machine.name}")
    if totals is None:
        totals = np.empty((len(designs), len(TOTALS)))
    _compiled(machine)(works, counts, designs, totals)
    return totals


def distinct(works: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the distinct records of ``works`` and how often each occurs."""
    unique, counts = np.unique(works.view(np.float64).reshape(len(works), -1), axis=0, return_counts=True)
    return np.ascontiguousarray(unique).view(works.dtype).reshape(-1), counts.astype(np.float64)
