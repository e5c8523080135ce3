"""Times the reference operations of `sim.validation.host` in a process of its own, where BLAS has the threads it says.

Run as ``python -m sim.validation.host_probe THREADS``; prints seconds by operation as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRODUCTS = {"gemm": (1024, 1024, 1024), "gemm of few rows": (64, 1024, 4096), "gemv": (4096, 1, 4096)}
"""Rows, columns and depth of float32 matrix products; the last reads 64 MiB of weights once."""
CONV = (64, 56, 3)
"""Channels in and out, rows and columns, kernel of a float32 convolution (ResNet's second stage)."""
COPY_ELEMENTS = 1 << 25
"""Of a float32 copy, 128 MiB each way."""

_REPEATS = 5
_ENOUGH_SECONDS = 0.6
"""An operation is repeated at least twice, then until this is spent or often enough; the fastest time counts."""


def main() -> None:
    """Print the seconds of every operation on as many threads as the command line says."""
    threads = int(sys.argv[1])
    rng = np.random.default_rng(0)
    seconds = {"copy": _copy(threads)}
    for name, (rows, columns, depth) in PRODUCTS.items():
        a = rng.random((rows, depth), dtype=np.float32)
        b = rng.random((depth, columns), dtype=np.float32)
        out = np.empty((rows, columns), dtype=np.float32)
        seconds[name] = _fastest(lambda a=a, b=b, out=out: np.matmul(a, b, out=out))
    channels, size, kernel = CONV
    x = rng.random((channels, size, size), dtype=np.float32)
    weight = rng.random((channels, channels * kernel * kernel), dtype=np.float32)
    seconds["conv"] = _fastest(lambda: _convolve(x, weight, kernel))
    print(json.dumps(seconds))


def _convolve(x: NDArray[np.float32], weight: NDArray[np.float32], kernel: int) -> NDArray[np.float32]:
    """Return the same-size convolution of one image, as a matrix product of its windows."""
    border = kernel // 2
    padded = np.pad(x, ((0, 0), (border, border), (border, border)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(weight.shape[1], -1)
    return weight @ columns


def _copy(threads: int) -> float:
    """Return the seconds of a copy, a part of it on each thread; numpy copies without Python's lock."""
    source, target = np.ones(COPY_ELEMENTS, np.float32), np.zeros(COPY_ELEMENTS, np.float32)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))

    def copy(part: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        part[0][:] = part[1]

    with ThreadPoolExecutor(threads) as pool:
        return _fastest(lambda: list(pool.map(copy, parts)))


def _fastest(operation: Callable[[], Any]) -> float:
    best, spent, times = float("inf"), 0.0, 0
    operation()
    while times < 2 or (times < _REPEATS and spent < _ENOUGH_SECONDS):
        started = time.perf_counter()
        operation()
        taken = time.perf_counter() - started
        best, spent, times = min(best, taken), spent + taken, times + 1
    return best


if __name__ == "__main__":
    main()
