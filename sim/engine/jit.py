"""Compilation of cost functions, kept between processes and thrown away when any source of ours changes.

Numba's own cache looks at the file of the compiled function only; ours inline functions from other files (energy
tables, helpers), so the cache folder carries a hash of every source they may come from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numba.core.config
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])
_config = cast(Any, numba.core.config)


@functools.cache
def cache_folder() -> Path:
    """Return the folder compiled code is kept in: the user's cache folder, one subfolder per state of the sources."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__} {sys.version}".encode())
    for source in [
        *sorted(root.glob("*.py")),
        *sorted((root / "engine").glob("*.py")),
        *sorted((root / "walks").glob("*.py")),
        root.parent / "accel" / "work.py",
    ]:
        digest.update(source.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "accel" / f"compiled-{digest.hexdigest()[:16]}"


@contextmanager
def _our_cache_folder() -> Generator[None]:
    before = _config.CACHE_DIR
    if not before:
        _config.CACHE_DIR = str(cache_folder())
    try:
        yield
    finally:
        _config.CACHE_DIR = before


def jit(function: F, *, parallel: bool = False) -> F:
    """Return ``function`` compiled on first use: IEEE arithmetic, division as numpy's, kept between processes."""
    with _our_cache_folder():
        compiled = numba.njit(cache=True, error_model="numpy", parallel=parallel)(function)
    return cast(F, compiled)


def announce_compilation(what: str) -> None:
    """Say on standard error, the first time ``what`` is compiled with these sources, that it happens once."""
    if _config.DISABLE_JIT:
        return
    marker = cache_folder() / f"{what}.compiled"
    if marker.exists():
        return
    print(f"compiling {what} (once; kept in {marker.parent})", file=sys.stderr)
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError:
        print(f"{marker.parent} cannot be written: it will be compiled again next time", file=sys.stderr)


@jit
def ceil_div(a: float, b: float) -> float:
    """Return the least integer not below ``a / b``; exact for integers whose product stays below 2**53."""
    return np.ceil(a / b)
