"""`accel.load`: a network by the name or path a person writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from accel.errors import InputError, shown
from accel.network import Network

_MAX_DIGITS = 10
"""Of a dimension; `accel.limits.MAX_ELEMENTS` has as many."""


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
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        from accel.onnx_import import load as load_onnx

        return load_onnx(path, dims=dims)
    if dims:
        raise InputError(f"dimensions can be given to an .onnx file only, not to {shown(name_or_path)}")
    if suffix == ".csv":
        from accel.shapes_csv import load_shapes

        return load_shapes(path)
    from accel import zoo

    return zoo.get(os.fspath(name_or_path))


def parse_dims(settings: Sequence[str]) -> dict[str, int]:
    """Return the sizes that ``NAME=N`` texts give to open dimensions.

    >>> parse_dims(["seq=16", "image.2=48"])
    {'seq': 16, 'image.2': 48}

    Raises
    ------
    InputError
        If one is not a name and a whole number, or a name repeats.
    """
    dims: dict[str, int] = {}
    for text in settings:
        name, _, size = text.rpartition("=")
        if not name or not (size.isascii() and size.isdigit() and len(size) <= _MAX_DIGITS):
            raise InputError(f"a dimension must be given as NAME=N, not {shown(text)}")
        if name in dims:
            raise InputError(f"dimension {shown(name)} must be given once")
        dims[name] = int(size)
    return dims
