"""The layer types; one file each, found by listing this folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from accel.layers.base import Array, Example, Layer, Shape

__all__ = ["Array", "Example", "Layer", "Shape", "registry"]


@cache
def registry() -> dict[str, type[Layer]]:
    """Return every concrete layer type by its `Layer.op`, discovered from the files of this package."""
    found: dict[str, type[Layer]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Layer)
                and value.__module__ == module.__name__
                and not inspect.isabstract(value)
            ):
                found[value.op] = value
    return dict(sorted(found.items()))
