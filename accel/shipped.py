"""The trained models that come with accel, in a checkout and in an installed wheel.

A shipped model NAME is up to five files: ``NAME.onnx`` (float), ``NAME_qdq.onnx`` (integer),
``NAME_inputs.npz`` and ``NAME_labels.npz`` (the test set) and ``NAME_calibration.npz``.
"""

from __future__ import annotations

from pathlib import Path

from accel.errors import InputError, ToolError, did_you_mean

_PACKAGED = Path(__file__).resolve().parent / "shipped_models"
_CHECKOUT = Path(__file__).resolve().parent.parent / "benchmarks" / "models"


def folder() -> Path:
    """Return the folder that holds the shipped models.

    Raises
    ------
    ToolError
        If this installation carries none.
    """
    for candidate in (_PACKAGED, _CHECKOUT):
        if any(candidate.glob("*.onnx")):
            return candidate
    raise ToolError("this installation carries no trained models; install accel from its source: pip install .")


def names() -> list[str]:
    """Return the shipped models' names, in alphabetical order, without the quantised variants."""
    stems = {file.stem for file in folder().glob("*.onnx")}
    return sorted(stem.removesuffix("_qdq") for stem in stems if not stem.endswith("_qdq"))


def path(name: str) -> Path:
    """Return the ONNX file of a shipped model.

    Parameters
    ----------
    name : str
        A model's name for the float model (``"lenet5"``), or ``"lenet5_qdq"`` for the integer one.

    Raises
    ------
    InputError
        If no shipped model has that name.
    """
    return _file(name, ".onnx")


def inputs_path(name: str) -> Path:
    """Return the test inputs of the model `name`: one array, under the model's own input name."""
    return _file(f"{name.removesuffix('_qdq')}_inputs", ".npz")


def labels_path(name: str) -> Path:
    """Return the labels of the test inputs: one integer array, `labels`."""
    return _file(f"{name.removesuffix('_qdq')}_labels", ".npz")


def calibration_path(name: str) -> Path:
    """Return calibration inputs, taken from the training set."""
    return _file(f"{name.removesuffix('_qdq')}_calibration", ".npz")


def _file(stem: str, suffix: str) -> Path:
    known = {file.stem: file for file in folder().glob(f"*{suffix}")}
    if stem not in known:
        raise InputError(f"no shipped model is called {stem!r}{did_you_mean(stem, sorted(known))}")
    return known[stem]
