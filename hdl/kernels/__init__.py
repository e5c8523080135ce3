"""The kernels: one file each, found by listing this folder; each elaborates its spec from ``accel/schedule``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from accel.errors import UnsupportedError
from accel.schedule.base import KernelSpec
from hdl.kernel import Kernel

__all__ = ["Kernel", "kernel", "registry"]


@cache
def registry() -> dict[str, type[Kernel]]:
    """Return every kernel component by its `Kernel.kind`, discovered from the files of this package."""
    found: dict[str, type[Kernel]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Kernel) and value.__module__ == module.__name__:
                found[value.kind] = value
    return dict(sorted(found.items()))


def kernel(spec: KernelSpec) -> Kernel:
    """Return the component that elaborates ``spec``.

    Raises
    ------
    UnsupportedError
        If there is no kernel of its kind.
    """
    if spec.kind not in registry():
        raise UnsupportedError(f"there is no gateware for kernel {spec.kind!r}; there is for {', '.join(registry())}")
    return registry()[spec.kind](spec)
