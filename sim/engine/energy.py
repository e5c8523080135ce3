"""Energy of arithmetic and of on-chip memory, and how both scale with the process node.

References
----------
M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, Fig. 1.1.9: 45 nm, 0.9 V.
R. Balasubramonian et al., "CACTI 7", ACM TACO 2017; `SRAM_PJ_PER_READ` is made with it.
A. Stillmaker, B. Baas, "Scaling equations for the accurate prediction of CMOS device performance from 180 nm to
7 nm", Integration 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from accel.errors import InputError
from sim.engine.jit import jit

ARITHMETIC_PJ: Mapping[str, float] = MappingProxyType(
    {
        "int8_add": 0.03, "int16_add": 0.05, "int32_add": 0.1, "int8_mult": 0.2, "int32_mult": 3.1,
        "float16_add": 0.4, "float32_add": 0.9, "float16_mult": 1.1, "float32_mult": 3.7,
    }
)  # fmt: skip
"""Picojoules of one operation at 45 nm and 0.9 V (Horowitz)."""

CACHE_PJ_PER_64_BITS: Mapping[int, float] = MappingProxyType({8: 10.0, 32: 20.0, 1024: 100.0})
"""Picojoules of a 64-bit access to a cache of so many KiB at 45 nm, tags included (Horowitz)."""

DRAM_PJ_PER_64_BITS = (1300.0, 2600.0)
"""Picojoules of a 64-bit access to main memory at 45 nm, low and high (Horowitz)."""

SRAM_KIB: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
SRAM_PJ_PER_READ: Mapping[int, tuple[float, ...]] = MappingProxyType(
    {
        65: (2.69, 3.21, 5.55, 8.11, 14.9, 28.4, 23.6, 51.4, 69.0, 97.2, 140, 192, 259),
        45: (1.61, 1.92, 3.32, 4.85, 8.91, 9.58, 13.4, 29.6, 38.7, 51.8, 69.1, 97.6, 139),
        32: (0.84, 1.03, 1.81, 3.33, 5.05, 7.68, 7.59, 14.8, 21.6, 29.7, 39.0, 55.7, 74.6),
        22: (0.40, 0.51, 0.92, 1.73, 2.39, 4.00, 5.33, 7.42, 10.3, 15.5, 20.7, 29.4, 39.8),
    }
)
"""Picojoules of a 64-bit read of a plain RAM of `SRAM_KIB`, by node: CACTI 7, HP cells, 350 K, energy-delay optimum."""

SRAM_EXPONENT: Mapping[int, float] = MappingProxyType({65: 0.57, 45: 0.55, 32: 0.55, 22: 0.56})
"""Exponent p of the fit E = a KiB**p to `SRAM_PJ_PER_READ`, within 32 %; scales a measured access with its size."""

_VOLTAGE_FIT: Mapping[int, tuple[float, float, float]] = MappingProxyType(
    {
        65: (3.755, -4.398, 1.975), 45: (1.103, -0.362, 0.2767), 32: (0.9559, -0.7823, 0.471),
        20: (0.373, -0.1582, 0.04104), 16: (0.2958, -0.1241, 0.03024), 7: (0.1776, -0.09097, 0.02447),
    }
)  # fmt: skip


def dynamic_energy(node_nm: float, volts: float) -> float:
    """Return the relative dynamic energy of an operation at a node and supply: a V² + b V + c.

    Between listed nodes the result is interpolated linearly in the node, which for 28 nm (32 to 20) is uncertain by
    about 40 %: the 20 nm models are multigate, those of 32 nm planar.

    Raises
    ------
    InputError
        Outside 7 to 65 nm.
    """
    if not 7 <= node_nm <= 65:
        raise InputError(f"a process node must be from 7 to 65 nm, not {node_nm:g}")
    known = sorted(_VOLTAGE_FIT)
    energies = [a * volts**2 + b * volts + c for a, b, c in (_VOLTAGE_FIT[node] for node in known)]
    return float(np.interp(node_nm, known, energies))


def scale_from_45_nm(node_nm: float, volts: float) -> float:
    """Return dynamic energy at ``node_nm`` and ``volts`` over that at 45 nm and 0.9 V."""
    return dynamic_energy(node_nm, volts) / dynamic_energy(45, 0.9)


def mac_pj(multiply: str, add: str, node_nm: float = 45, volts: float = 0.9) -> float:
    """Return picojoules of a multiply and an add named in `ARITHMETIC_PJ`, scaled to a node and supply."""
    return (ARITHMETIC_PJ[multiply] + ARITHMETIC_PJ[add]) * scale_from_45_nm(node_nm, volts)


def sram_pj_per_byte(size_bytes: float, node_nm: float) -> float:
    """Return picojoules per byte read from a RAM of ``size_bytes``, between table entries by the logarithm of size.

    The table's node nearest to ``node_nm`` is used: SRAM scales less than logic, so nothing is scaled.
    """
    node = min(SRAM_PJ_PER_READ, key=lambda n: abs(n - node_nm))
    kib = math.log2(max(size_bytes, 1.0) / 1024)
    return float(np.interp(kib, np.log2(SRAM_KIB), SRAM_PJ_PER_READ[node])) / 8


@jit
def sram_growth(size_bytes: float, reference_bytes: float, exponent: float) -> float:
    """Return how much more an access to a memory costs than to one of ``reference_bytes``: a power law of size."""
    return (size_bytes / reference_bytes) ** exponent
