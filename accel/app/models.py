"""Finding the model a user names: a file, or one of the trained models that come with accel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from accel import shipped
from accel.errors import InputError, did_you_mean, shown
from accel.onnx_import.dims import fix_dims
from accel.onnx_import.reading import read

_QDQ = "_qdq"


@dataclass(frozen=True, slots=True)
class Model:
    """A model file and, if it is a shipped one, the data that comes with it.

    Attributes
    ----------
    name : str
        The file's stem without ``_qdq``.
    path : Path
    calibration, inputs, labels : Path or None
        Of a shipped model; ``None`` for any other.
    """

    name: str
    path: Path
    calibration: Path | None = None
    inputs: Path | None = None
    labels: Path | None = None


def find(model: str | Path, *, integer: bool) -> Model:
    """Return the model that ``model`` names: a path, or a shipped model's name.

    Parameters
    ----------
    model : str or path
        ``lenet5`` and ``lenet5_qdq`` are shipped names; a file of that name in the current folder comes first.
    integer : bool
        Whether a shipped name without ``_qdq`` means the integer variant, if there is one.

    Raises
    ------
    InputError
        If it is neither.
    """
    text = str(model)
    try:
        path = Path(model)
        if path.is_file():
            return _with_data(path.stem, path)
    except (OSError, ValueError) as error:
        raise InputError(f"model {shown(text)} cannot be read: {shown(error)}") from None
    known = shipped.names()
    if text.removesuffix(_QDQ) in known:
        if integer and not text.endswith(_QDQ):
            quantised = shipped.folder() / f"{text}{_QDQ}.onnx"
            return _with_data(text, quantised if quantised.is_file() else shipped.path(text))
        return _with_data(text, shipped.path(text))
    if path.exists() and text:
        raise InputError(f"model must be a file, and {shown(text)} is none")
    if path.suffix or len(path.parts) > 1:
        raise InputError(f"model {shown(text)} does not exist")
    raise InputError(f"model must be a file or a shipped model, not {shown(text)}{did_you_mean(text, known)}")


def sized(model: Model, dims: Mapping[str, int], path: Path) -> Model:
    """Return the model with open dimensions fixed, written to ``path``; itself if ``dims`` is empty.

    Raises
    ------
    AccelError
        If the model cannot be used, or has no such dimension.
    """
    if not dims:
        return model
    proto = read(model.path).model
    fix_dims(proto, dims)
    path.write_bytes(proto.SerializeToString())
    return replace(model, path=path)


def _with_data(stem: str, path: Path) -> Model:
    name = stem.removesuffix(_QDQ)
    if path.resolve().parent != shipped.folder().resolve():
        return Model(name, path)
    return Model(name, path, shipped.calibration_path(name), shipped.inputs_path(name), shipped.labels_path(name))
