"""Main memories: timing, energy and peak bandwidth by kind, and the closed forms that follow from them.

References
----------
Timings: JEDEC JESD79-3/-4, JESD209-3/-4, JESD212, JESD235 speed bins as collected by DRAMsim3 (Li et al., IEEE CAL
2020). DDR and LPDDR energies: datasheet IDD through Micron TN-41-01, core only (no I/O, no termination); GDDR5 and
HBM2: O'Connor et al., "Fine-Grained DRAM", MICRO 2017; HMC: Jeddeloh and Keeth, VLSI 2012. Main memory of "horowitz"
is the middle of ISSCC 2014's range, I/O included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Dram:
    """One kind of main memory; times in nanoseconds, energies in picojoules.

    Attributes
    ----------
    clock_ns : float
        Period of the command clock, tCK.
    cl_ns, trcd_ns, trp_ns, tras_ns : float
        Read latency, row to column, precharge, and row active time.
    tfaw_ns, trfc_ns, trefi_ns : float
        Four-activation window, refresh time and refresh interval.
    burst : int
        Beats of a burst, two per clock.
    banks, row_bytes : int
        Of one channel; bytes of an open row.
    channel_bytes : int
        Width of a channel's data bus.
    transfers_per_second : float
        Beats per second of each data pin.
    read_pj_per_bit, write_pj_per_bit : float
    activate_pj : float
        Of one activation and precharge of all the devices of a channel; 0 where it is within the energy per bit.
    io_included : bool
        Whether the energy per bit includes the interface.
    """

    clock_ns: float
    cl_ns: float
    trcd_ns: float
    trp_ns: float
    tras_ns: float
    tfaw_ns: float
    trfc_ns: float
    trefi_ns: float
    burst: int
    banks: int
    row_bytes: int
    channel_bytes: int
    transfers_per_second: float
    read_pj_per_bit: float
    write_pj_per_bit: float
    activate_pj: float
    io_included: bool

    @property
    def peak_bytes_per_second(self) -> float:
        """Bytes per second of one channel's pins."""
        return self.channel_bytes * self.transfers_per_second

    @property
    def efficiency(self) -> float:
        """Share of the peak left by refresh to a stream that stays in open rows: 1 - tRFC / tREFI."""
        return 1 - self.trfc_ns / self.trefi_ns

    @property
    def row_hit_cycles(self) -> int:
        """Clocks from a read of an open row to its last beat: CL + BL / 2."""
        return self._clocks(self.cl_ns) + self.burst // 2

    @property
    def closed_row_cycles(self) -> int:
        """The same for a bank with no row open: tRCD more."""
        return self._clocks(self.trcd_ns) + self.row_hit_cycles

    @property
    def conflict_cycles(self) -> int:
        """The same for a bank with another row open: tRP more."""
        return self._clocks(self.trp_ns) + self.closed_row_cycles

    @property
    def pj_per_byte(self) -> float:
        """Picojoules per byte of a long stream, reads and writes alike, its row activations shared out."""
        return 4 * (self.read_pj_per_bit + self.write_pj_per_bit) + self.activate_pj / self.row_bytes

    def _clocks(self, ns: float) -> int:
        return round(ns / self.clock_ns)  # the listed times are whole clocks


DRAM: Mapping[str, Dram] = MappingProxyType(
    {
        "ddr3-1600": Dram(
            clock_ns=1.25, cl_ns=13.75, trcd_ns=13.75, trp_ns=13.75, tras_ns=35, tfaw_ns=30, trfc_ns=260,
            trefi_ns=7800, burst=8, banks=8, row_bytes=8192, channel_bytes=8, transfers_per_second=1.6e9,
            read_pj_per_bit=12.6, write_pj_per_bit=9.2, activate_pj=8 * 1230, io_included=False,
        ),
        "ddr4-2400": Dram(
            clock_ns=1 / 1.2, cl_ns=14.1, trcd_ns=14.1, trp_ns=14.1, tras_ns=32.4, tfaw_ns=21.6, trfc_ns=349,
            trefi_ns=7800, burst=8, banks=16, row_bytes=8192, channel_bytes=8, transfers_per_second=2.4e9,
            read_pj_per_bit=5.7, write_pj_per_bit=5.0, activate_pj=8 * 430, io_included=False,
        ),
        "ddr4-3200": Dram(
            clock_ns=0.625, cl_ns=13.9, trcd_ns=13.9, trp_ns=13.9, tras_ns=32.8, tfaw_ns=21.4, trfc_ns=353,
            trefi_ns=7900, burst=8, banks=16, row_bytes=8192, channel_bytes=8, transfers_per_second=3.2e9,
            read_pj_per_bit=5.7, write_pj_per_bit=5.0, activate_pj=8 * 430, io_included=False,  # the 2400's energies
        ),
        "lpddr3-1600": Dram(
            clock_ns=1.25, cl_ns=15, trcd_ns=18.75, trp_ns=18.75, tras_ns=42.5, tfaw_ns=50, trfc_ns=210,
            trefi_ns=3900, burst=8, banks=8, row_bytes=4096, channel_bytes=4, transfers_per_second=1.6e9,
            read_pj_per_bit=5.4, write_pj_per_bit=5.3, activate_pj=1410, io_included=False,
        ),
        "gddr5-6000": Dram(
            clock_ns=2 / 3, cl_ns=16, trcd_ns=16, trp_ns=16, tras_ns=37.4, tfaw_ns=26.7, trfc_ns=49,
            trefi_ns=2500, burst=8, banks=16, row_bytes=2048, channel_bytes=4, transfers_per_second=6e9,
            read_pj_per_bit=14.0, write_pj_per_bit=14.0, activate_pj=0, io_included=True,
        ),
        "hbm2-2000": Dram(
            clock_ns=1.0, cl_ns=14, trcd_ns=14, trp_ns=14, tras_ns=34, tfaw_ns=30, trfc_ns=260,
            trefi_ns=3900, burst=4, banks=16, row_bytes=2048, channel_bytes=16, transfers_per_second=2e9,
            read_pj_per_bit=3.92, write_pj_per_bit=3.92, activate_pj=0, io_included=True,
        ),
        "hmc": Dram(
            clock_ns=0.8, cl_ns=13.6, trcd_ns=13.6, trp_ns=13.6, tras_ns=27.2, tfaw_ns=21.6, trfc_ns=336,
            trefi_ns=7500, burst=16, banks=16, row_bytes=256, channel_bytes=4, transfers_per_second=2.5e9,
            read_pj_per_bit=10.48, write_pj_per_bit=10.48, activate_pj=0, io_included=True,
        ),
    }
)  # fmt: skip
"""Every kind of main memory by name."""

PJ_PER_BYTE = np.array([d.pj_per_byte for d in DRAM.values()])
"""`Dram.pj_per_byte` in the order of `DRAM`, for cost functions: indexed by the code of a ``memory`` parameter."""
