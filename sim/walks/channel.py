"""Main memory as a walk sees it: one data bus, banks with one open row each, bursts, refresh.

Requests are served in order. A bank opens a row as soon as its last transfer is over, so activations hide behind
transfers from other banks; they show when one bank is asked for row after row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.dram import DRAM
from sim.engine.jit import jit

_BANKS = np.array([float(d.banks) for d in DRAM.values()])
_ROW_BYTES = np.array([float(d.row_bytes) for d in DRAM.values()])
_BURST_BYTES = np.array([float(d.burst * d.channel_bytes) for d in DRAM.values()])
_OPEN_SECONDS = np.array([(d.trp_ns + d.trcd_ns) * 1e-9 for d in DRAM.values()])
_FIRST_SECONDS = np.array([d.cl_ns * 1e-9 for d in DRAM.values()])
_EFFICIENCY = np.array([d.efficiency for d in DRAM.values()])

BUS_FREE, ACTIVATIONS, BYTES = 0, 1, 2
_KIND, _CYCLES_PER_BYTE, _OPEN_CYCLES, _FIRST_CYCLES = 3, 4, 5, 6
_STATE = 7


@jit
def channel(m: Any) -> Any:
    """Return an idle channel of the machine's ``memory`` at its bandwidth, all rows closed.

    Row 0 holds the bus (`BUS_FREE` in cycles, `ACTIVATIONS`, `BYTES` asked for, constants); rows 1 and 2 hold, for
    every bank, the open row and the time of its last transfer.
    """
    kind = int(m["memory"])
    state = np.zeros((3, max(_STATE, int(_BANKS[kind]))))
    state[0, _KIND] = kind
    state[0, _CYCLES_PER_BYTE] = 1 / (m["bytes_per_cycle"] * _EFFICIENCY[kind])
    state[0, _OPEN_CYCLES] = _OPEN_SECONDS[kind] * m["clock_hz"]
    state[0, _FIRST_CYCLES] = _FIRST_SECONDS[kind] * m["clock_hz"]
    state[1, :] = -1.0
    return state


@jit
def transfer(state: Any, address: float, size: float, earliest: float) -> float:
    """Move ``size`` bytes at ``address``, not before ``earliest``; return when the last byte has arrived, in cycles.

    Whole bursts move; a transfer that crosses rows opens each.
    """
    if size <= 0:
        return earliest
    kind = int(state[0, _KIND])
    row_bytes, burst = _ROW_BYTES[kind], _BURST_BYTES[kind]
    state[0, BYTES] += size
    at = np.floor(address / burst) * burst
    end = np.ceil((address + size) / burst) * burst
    done = earliest
    while at < end:
        page = np.floor(at / row_bytes)
        bank = int(page % _BANKS[kind])
        piece = min(end, (page + 1) * row_bytes) - at
        start = max(state[0, BUS_FREE], earliest)
        if state[1, bank] != page:
            start = max(start, max(state[2, bank], earliest) + state[0, _OPEN_CYCLES])
            state[1, bank] = page
            state[0, ACTIVATIONS] += 1
        done = start + piece * state[0, _CYCLES_PER_BYTE]
        state[0, BUS_FREE] = done
        state[2, bank] = done
        at += piece
    return done + state[0, _FIRST_CYCLES]


COMPUTE, LOAD, STORE = 0.0, 1.0, 2.0
"""What a logged slice of time went to; loads and stores share the bus."""


@jit
def log_slice(log: Any, what: float, start: float, end: float) -> None:
    """Note that ``what`` took from ``start`` to ``end``, in cycles, while there is room.

    ``log`` has shape (1 + room, 3): the first element counts every slice, noted or not; slices follow as rows.
    """
    if end > start:
        count = int(log[0, 0]) + 1
        log[0, 0] = count
        if count < len(log):
            log[count, 0], log[count, 1], log[count, 2] = what, start, end
