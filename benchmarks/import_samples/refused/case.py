"""A model to refuse, and short ways to write one down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from benchmarks.import_samples import floats
from benchmarks.import_samples.sketch import Sketch

INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True, slots=True)
class Case:
    """A model to refuse.

    Attributes
    ----------
    name : str
    fragment : str
        Part of the message.
    write : callable
        Writes it, and whatever lies beside it, into a folder; returns the model's path.
    """

    name: str
    fragment: str
    write: Callable[[Path], Path]


def saved(name: str, fragment: str, model: onnx.ModelProto | bytes) -> Case:
    """Return the case of a model, given as such or as its bytes."""
    data = model if isinstance(model, bytes) else model.SerializeToString()

    def write(folder: Path) -> Path:
        path = folder / "model.onnx"
        path.write_bytes(data)
        return path

    return Case(name, fragment, write)


def changed(
    name: str,
    fragment: str,
    change: Callable[[onnx.ModelProto], Any],
    base: Callable[[], onnx.ModelProto] = floats.lenet,
) -> Case:
    """Return the case of a good model after ``change``."""
    model = onnx.ModelProto()
    model.CopyFrom(base())
    change(model)
    return saved(name, fragment, model)


def op(
    name: str,
    fragment: str,
    op_type: str,
    *inputs: Any,
    shape: tuple[Any, ...] = ("n", 3, 8, 8),
    opset: int = 17,
    domain: str = "",
    outputs: int = 1,
    reads: int = 0,
    empty: bool = False,
    **attributes: Any,
) -> Case:
    """Return a case of one node on a graph input ``x``; arrays among ``inputs`` become initialisers.

    The graph's output is the node's output number ``reads``; ``empty`` leaves the node without inputs.
    """
    s = Sketch(opset)
    s.input("x", *shape)
    names = ["x", *(i if isinstance(i, str) else s.const(i, np.asarray(i).dtype.name) for i in inputs)]
    first = s.op(op_type, *names[: 0 if empty else None], domain=domain, outputs=outputs, **attributes)
    return saved(name, fragment, s.model(f"{first}_{reads}" if reads else first))


def fold(name: str, fragment: str, op_type: str, *operands: Any, repeats: int = 1, opset: int = 17) -> Case:
    """Return a case of one node on constants, or of a chain of them, added to a graph input."""
    s = Sketch(opset)
    names = [s.const(value, np.asarray(value).dtype.name) for value in operands]
    total = s.input("x", 1, 1)
    for _ in range(repeats):
        total = s.op("Add", total, s.op("Cast", s.op(op_type, *names), to=TensorProto.FLOAT))
    return saved(name, fragment, s.model(total))
