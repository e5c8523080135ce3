"""Small ONNX models built in code, one for each thing the importer accepts: seeds of the fuzzer, cases of the tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import onnx

from benchmarks.import_samples import floats, qdq, qoperator

__all__ = ["models"]


@cache
def models() -> dict[str, onnx.ModelProto]:
    """Return every sample by name, such as ``qdq.residual``."""
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": build()
        for module in (floats, qdq, qoperator)
        for name, build in _builders(module.__dict__)
    }


def _builders(namespace: dict[str, object]) -> list[tuple[str, Callable[[], onnx.ModelProto]]]:
    return [
        (name, value)
        for name, value in namespace.items()
        if callable(value) and getattr(value, "__annotations__", {}).get("return") == "onnx.ModelProto"
    ]
