"""`accel.load`: a network by the name or path a person writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from accel.errors import InputError, shown
from accel.network import Network


def load(name_or_path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None) -> Network:
    """Return a network of the zoo by name, or that of a file by path.

    Parameters
    ----------
    name_or_path : str or path
        ``resnet50``; ``model.onnx``; ``shapes.csv``. What ends in ``.onnx`` or ``.csv`` is a file.
    dims : mapping of str to int, optional
        Sizes for dimensions that an ONNX model leaves open, by their names.

    Raises
    ------
    InputError
        If there is no such network or file.
    ModelError
        If the file holds none that can be used.
    """
    path = Path(name_or_path)
    if path.suffix == ".onnx":
        from accel.onnx_import import load as load_onnx

        return load_onnx(path, dims=dims)
    if dims:
        raise InputError(f"dimensions can be given to an .onnx file only, not to {shown(name_or_path)}")
    if path.suffix == ".csv":
        from accel.shapes_csv import load_shapes

        return load_shapes(path)
    from accel import zoo

    return zoo.get(os.fspath(name_or_path))
