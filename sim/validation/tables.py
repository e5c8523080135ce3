"""Our energy and memory tables beside the sources they state."""

from __future__ import annotations

from sim.engine.dram import DRAM
from sim.engine.energy import (
    ARITHMETIC_PJ,
    CACHE_PJ_PER_64_BITS,
    DRAM_PJ_PER_64_BITS,
    scale_from_45_nm,
    sram_pj_per_byte,
)


def arithmetic_pj(operation: str) -> float:
    """Return picojoules of an operation at 45 nm."""
    return ARITHMETIC_PJ[operation]


def cache_pj(kib: int) -> float:
    """Return picojoules of a 64-bit access to a cache at 45 nm."""
    return CACHE_PJ_PER_64_BITS[kib]


def dram_pj_low() -> float:
    """Return the low end of a 64-bit access to main memory."""
    return DRAM_PJ_PER_64_BITS[0]


def sram_pj(kib: int, node_nm: int) -> float:
    """Return picojoules of a 64-bit read of a plain RAM."""
    return 8 * sram_pj_per_byte(kib * 1024, node_nm)


def scaling(node_nm: float, volts: float) -> float:
    """Return dynamic energy over that at 45 nm and 0.9 V."""
    return scale_from_45_nm(node_nm, volts)


def row_hit_cycles(memory: str) -> float:
    """Return clocks from a read of an open row to its last beat."""
    return DRAM[memory].row_hit_cycles


def closed_row_cycles(memory: str) -> float:
    """Return clocks from activating a row to the last beat of a read."""
    return DRAM[memory].closed_row_cycles


def conflict_cycles(memory: str) -> float:
    """Return clocks from closing another row to the last beat of a read."""
    return DRAM[memory].conflict_cycles


def channel_gbs(memory: str) -> float:
    """Return a channel's peak in GB/s."""
    return 1e-9 * DRAM[memory].peak_bytes_per_second


def streaming_share(memory: str) -> float:
    """Return the share of the peak that refresh leaves to a stream within open rows."""
    return DRAM[memory].efficiency


def pj_per_bit(memory: str) -> float:
    """Return picojoules per bit of a long stream."""
    return DRAM[memory].pj_per_byte / 8
