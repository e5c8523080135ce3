"""Static schedules, one kernel type a file: when a kernel reads, computes and writes, in closed form."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from accel.errors import UnsupportedError, shown
from accel.layers.base import Layer
from accel.schedule.base import KernelSpec, LayerKernel

__all__ = ["for_layer", "registry"]


@cache
def registry() -> dict[str, type[KernelSpec]]:
    """Return every kernel type by its `KernelSpec.kind`, discovered from the files of this package."""
    found: dict[str, type[KernelSpec]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, KernelSpec)
                and value.__module__ == module.__name__
                and not inspect.isabstract(value)
            ):
                found[value.kind] = value
    return dict(sorted(found.items()))


def for_layer(layer: Layer) -> type[LayerKernel]:
    """Return the kernel type that computes a layer.

    Raises
    ------
    UnsupportedError
        If there is none.
    """
    kernels = [k for k in registry().values() if issubclass(k, LayerKernel)]
    refusals: list[str] = []
    for kernel in kernels:
        if layer.op in kernel.ops:
            refusal = kernel.refusal(layer)
            if refusal is None:
                return kernel
            refusals.append(f"kernel {kernel.kind} supports {refusal}")
    if refusals:
        raise UnsupportedError("; ".join(refusals), op=layer.op)
    known = ", ".join(sorted({op for k in kernels for op in k.ops}))
    raise UnsupportedError(f"no kernel computes {shown(layer.op)}; there are kernels for {known}", op=layer.op)
