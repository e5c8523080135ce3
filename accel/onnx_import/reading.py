"""A model file or ModelProto, read without trusting a byte of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from accel.errors import InputError, ModelError, shown
from accel.limits import MAX_DEPTH, MAX_MODEL_BYTES

MIN_OPSET, MAX_OPSET = 7, 28
"""Opset 7 brought numpy's broadcasting; operators that changed between 7 and 13 are read in both forms."""


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed model and where it came from.

    Attributes
    ----------
    model : ModelProto
        Parsed, not yet checked.
    folder : Path, optional
        Where external data may lie; ``None`` for a model in memory.
    name : str
        The file's stem, or the graph's name.
    """

    model: onnx.ModelProto
    folder: Path | None
    name: str


def read(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> Source:
    """Return the parsed model.

    Raises
    ------
    InputError
        If there is no such file or it cannot be read.
    ModelError
        If it is larger than the limit or not an ONNX model.
    """
    if isinstance(source, onnx.ModelProto):
        size = source.ByteSize()
        if size > MAX_MODEL_BYTES:
            raise ModelError(
                f"a model must have at most {MAX_MODEL_BYTES:,} bytes (accel.limits.MAX_MODEL_BYTES), not {size:,}"
            )
        return Source(source, None, "")
    if isinstance(source, bytes):
        return Source(_parse(source, "the model"), None, "")
    path = Path(source)
    return Source(_parse(_bytes_of(path), shown(path)), path.parent, path.stem)


def _bytes_of(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"a model must be a file, and {shown(path)} is not one")
        if status.st_size > MAX_MODEL_BYTES:
            raise ModelError(
                f"a model must have at most {MAX_MODEL_BYTES:,} bytes (accel.limits.MAX_MODEL_BYTES), and "
                f"{shown(path)} has {status.st_size:,}"
            )
        return path.read_bytes()
    except ValueError:  # a null byte in the path
        raise InputError(f"{shown(path)} is not a path") from None
    except OSError as error:
        raise InputError(f"model {shown(path)} cannot be read: {error.strerror}") from None


def _parse(data: bytes, what: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise ModelError(
            f"{what} is not an ONNX model: its bytes do not parse (truncated, or messages nested deeper than "
            f"{MAX_DEPTH}, accel.limits.MAX_DEPTH)"
        ) from None
    if not model.HasField("graph"):
        raise ModelError(f"{what} is not an ONNX model: it has no graph")
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """Return the model's version of the default operator set.

    Raises
    ------
    ModelError
        If it has none, two, or one outside what this importer knows.
    """
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1:
        raise ModelError(f"a model must import the default operator set once, not {len(versions)} times")
    if not MIN_OPSET <= versions[0] <= MAX_OPSET:
        raise ModelError(f"the model's opset must be {MIN_OPSET} to {MAX_OPSET}, not {versions[0]}")
    return versions[0]
