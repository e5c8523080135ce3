"""The host beside what `sim.cpu` says of it: the operations the model prices, measured and predicted.

Cores, vectors, clock and caches are those Linux reports. It does not report the peak of main memory, so that is taken
from the measured copy unless it is given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel.errors import CheckError, UnsupportedError, shown
from accel.layers.conv import Conv
from accel.work import Kind, Work
from sim.cpu import Cpu
from sim.engine.lowering import FLOAT32_BYTES, as_records
from sim.validation.host_probe import CONV, COPY_ELEMENTS, PRODUCTS

REPORTED = ("cores", "threads", "clock_hz", "simd_bits", "fma_units", "l1_bytes", "l2_bytes", "llc_bytes")
"""Parameters of `sim.cpu.Cpu` that Linux reports."""

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_VECTORS = {"avx512f": 512, "avx": 256, "asimd": 128, "sse2": 128, "neon": 128}
"""Bits of a vector by the flag that says there are such, widest first."""
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_PROBE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class HostRow:
    """One operation on this host.

    Attributes
    ----------
    name : str
    threads : int
    measured_seconds : float
    ours_seconds : float, optional
        ``None`` where the measurement is what our figure would be made from.
    macs, bytes : float
        What the operation does, or moves if it does no arithmetic.
    """

    name: str
    threads: int
    measured_seconds: float
    ours_seconds: float | None
    macs: float
    bytes: float

    @property
    def error(self) -> float | None:
        """``ours / measured - 1``, in seconds."""
        return None if self.ours_seconds is None else self.ours_seconds / self.measured_seconds - 1


def found(cpuinfo: str, caches: Mapping[tuple[int, str], int], processors: set[int]) -> dict[str, int | float]:
    """Return the parameters of `sim.cpu.Cpu` that a Linux host reports.

    Parameters
    ----------
    cpuinfo : str
        Text of ``/proc/cpuinfo``.
    caches : mapping of (level, type) to bytes
        As under ``/sys/devices/system/cpu/cpu0/cache``.
    processors : set of int
        Those this process may run on.
    """
    blocks = [_fields(block) for block in cpuinfo.split("\n\n") if block.strip()]
    mine = [block for block in blocks if block.get("processor", "").isdigit() and int(block["processor"]) in processors]
    first = mine[0] if mine else {}
    flags = set(first.get("flags", first.get("Features", "")).split())
    cores = {(block.get("physical id", "0"), block.get("core id", block["processor"])) for block in mine}
    parameters: dict[str, int | float] = {"cores": max(1, len(cores)), "threads": max(1, len(processors))}
    parameters["simd_bits"] = next((bits for flag, bits in _VECTORS.items() if flag in flags), 128)
    parameters["fma_units"] = 2 if flags & {"fma", "asimd"} else 1
    clocks = [float(block["cpu MHz"]) for block in mine if "cpu MHz" in block]
    if clocks:
        parameters["clock_hz"] = max(clocks) * 1e6
    levels = {"l1_bytes": (1, "Data"), "l2_bytes": (2, "Unified")}
    parameters |= {name: caches[level] for name, level in levels.items() if level in caches}
    last = [size for (_, kind), size in sorted(caches.items()) if kind == "Unified"]
    if last:
        parameters["llc_bytes"] = last[-1]
    return parameters


def host(**stated: Any) -> tuple[Cpu, list[HostRow]]:
    """Return the `cpu` machine of this host and its reference operations, measured and predicted.

    Parameters
    ----------
    **stated
        Parameters of the machine that are known better than Linux reports them.

    Raises
    ------
    UnsupportedError
        If the host is not Linux.
    CheckError
        If measuring fails.
    """
    if not _CPUINFO.is_file():
        raise UnsupportedError(
            f"measuring the host needs Linux, whose {_CPUINFO} describes it; {sys.platform} has none"
        )
    processors = os.sched_getaffinity(0)
    parameters: dict[str, Any] = found(_CPUINFO.read_text(encoding="utf-8", errors="replace"), _caches(), processors)
    machine = Cpu(title="host", **parameters).with_parameters(**stated)
    measured = {threads: _measured(threads) for threads in sorted({1, machine.threads})}
    if "bandwidth_gbs" not in stated:
        moved = 2 * COPY_ELEMENTS * FLOAT32_BYTES
        fastest = max(moved / seconds["copy"] for seconds in measured.values())
        machine = machine.with_parameters(bandwidth_gbs=fastest / machine.bandwidth_efficiency / 1e9)
    rows: list[HostRow] = []
    for threads, seconds in measured.items():
        on_them = machine.with_parameters(threads=threads)
        for name, work in _works().items():
            known = name != "copy" or "bandwidth_gbs" in stated
            ours = _predicted(on_them, work) if known else None
            rows.append(HostRow(name, threads, seconds[name], ours, work.macs, 0.0 if work.macs else _moved(work)))
    return machine, rows


def _works() -> dict[str, Work]:
    """Return every reference operation as the Work it is."""
    copy = Work(kind=Kind.MOVE, ifmap=COPY_ELEMENTS, ofmap=COPY_ELEMENTS)
    products = {
        name: Work(
            kind=Kind.CONTRACT, m=m, c=c, p=p, h=p, macs=m * p * c, ifmap=p * c, weight=m * c, ofmap=m * p
        )
        for name, (m, p, c) in PRODUCTS.items()
    }  # fmt: skip
    channels, size, kernel = CONV
    border = (kernel // 2,) * 4
    conv = Conv(in_channels=channels, out_channels=channels, kernel=(kernel, kernel), padding=border, has_bias=False)
    return {"copy": copy, **products, "conv": conv.work([(channels, size, size)])[0]}


def _moved(work: Work) -> float:
    return (work.ifmap + work.ofmap) * FLOAT32_BYTES


def _predicted(machine: Cpu, work: Work) -> float:
    return Cpu.cost(as_records([work], 1)[0], machine.record).cycles / machine.clock_hz


def _measured(threads: int) -> dict[str, float]:
    """Return the seconds of every operation on so many threads, from a process that starts with them."""
    environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(threads))
    command = [sys.executable, "-m", "sim.validation.host_probe", str(threads)]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True
        )
    except subprocess.TimeoutExpired:
        raise CheckError(f"measuring this host took longer than {_PROBE_SECONDS} seconds") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "no message").strip().splitlines()[-1]
        raise CheckError(f"measuring this host failed: {shown(last)}") from None
    return json.loads(done.stdout)


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _caches() -> dict[tuple[int, str], int]:
    sizes: dict[tuple[int, str], int] = {}
    for index in _CACHES.glob("index*"):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
            sizes[int(level), kind] = int(size.removesuffix("K")) << 10
        except (OSError, ValueError):
            continue
    return sizes
