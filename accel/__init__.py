"""One neural network, priced on many accelerators and generated as proven Verilog for one of them."""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "compare": "accel.app.compare",
    "explore": "accel.app.explore",
    "flow": "accel.app.flow",
    "generate": "accel.app.generate",
    "load": "accel.loading",
    "verify": "accel.app.verify",
}
"""Where each function that `accel` offers itself lives; imported when it is first asked for."""
_MODULES = ("reference",)
"""Modules that ``import accel`` is enough for."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"accel.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'accel' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_MODULES})
