"""TensorProto to numpy: every length is checked against the dimensions before anything is allocated."""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from accel.errors import ModelError, shown
from accel.limits import MAX_ELEMENTS, MAX_MODEL_BYTES, MAX_RANK

_T = onnx.TensorProto


@dataclass(frozen=True, slots=True)
class ElementType:
    """One ONNX element type: the numpy type it is held in, its own width, the protobuf field of unpacked values."""

    dtype: np.dtype[Any]
    bits: int
    field: str

    @property
    def is_packed(self) -> bool:
        """Whether several elements share a byte."""
        return self.bits < 8


def _element(name: str, bits: int, fields: str) -> ElementType:
    return ElementType(np.dtype(name), bits, fields)


ELEMENT_TYPES: dict[int, ElementType] = {
    _T.FLOAT: _element("float32", 32, "float_data"),
    _T.DOUBLE: _element("float64", 64, "double_data"),
    _T.FLOAT16: _element("float16", 16, "int32_data"),
    _T.INT64: _element("int64", 64, "int64_data"),
    _T.INT32: _element("int32", 32, "int32_data"),
    _T.INT16: _element("int16", 16, "int32_data"),
    _T.INT8: _element("int8", 8, "int32_data"),
    _T.INT4: _element("int8", 4, "int32_data"),
    _T.UINT64: _element("uint64", 64, "uint64_data"),
    _T.UINT32: _element("uint32", 32, "uint64_data"),
    _T.UINT16: _element("uint16", 16, "int32_data"),
    _T.UINT8: _element("uint8", 8, "int32_data"),
    _T.UINT4: _element("uint8", 4, "int32_data"),
    _T.BOOL: _element("bool", 8, "int32_data"),
}
"""The element types that are read, by their number in ONNX."""


def element_type(number: int, what: str) -> ElementType:
    """Return the element type ``number``, or refuse ``what`` by the type's name."""
    found = ELEMENT_TYPES.get(number)
    if found is None:
        known = _T.DataType.values()
        name = _T.DataType.Name(number) if number in known else str(number)
        raise ModelError(f"{what} has element type {name}; supported: float, integers of 4 to 64 bits, bool")
    return found


@dataclass(slots=True)
class TensorReader:
    """Reads the constants of one model, external data included, and keeps count of their bytes.

    Attributes
    ----------
    folder : Path, optional
        The model's folder; external data must lie inside it, also after following symbolic links.
    """

    folder: Path | None
    total_bytes: int = field(default=0, init=False)

    def read(self, tensor: onnx.TensorProto, what: str) -> tuple[NDArray[Any], int]:
        """Return the tensor's values and the width of its elements in bits.

        Parameters
        ----------
        tensor : TensorProto
        what : str
            How a refusal names it.

        Raises
        ------
        ModelError
            If the type is not supported, a dimension is negative, a limit is exceeded or the data's length differs
            from what the dimensions ask for.
        """
        element = element_type(tensor.data_type, what)
        dims = checked_dims(tuple(tensor.dims), what)
        count = math.prod(dims)
        if tensor.HasField("segment"):
            raise ModelError(f"{what} is a segment of a tensor; only whole tensors are supported")
        needed = (count * element.bits + 7) // 8
        self.total_bytes += needed
        if self.total_bytes > MAX_MODEL_BYTES:
            raise ModelError(
                f"the model's constants must have at most {MAX_MODEL_BYTES:,} bytes together "
                "(accel.limits.MAX_MODEL_BYTES)"
            )
        if tensor.data_location == _T.EXTERNAL:
            return _decode(self._external(tensor, what, needed), element, dims), element.bits
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != needed:
                raise ModelError(f"{what} must have {needed:,} bytes for shape {dims}, not {len(tensor.raw_data):,}")
            return _decode(tensor.raw_data, element, dims), element.bits
        return _from_field(tensor, element, dims, what), element.bits

    def _external(self, tensor: onnx.TensorProto, what: str, needed: int) -> bytes:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if self.folder is None:
            raise ModelError(f"{what} is stored outside the model, which is only read for a model in a file")
        location = entries.get("location", "")
        root = self.folder.resolve()
        try:
            path = (root / location).resolve(strict=True)
            inside = path.is_relative_to(root) and not Path(location).is_absolute()
            status = path.stat() if inside else None
        except (OSError, ValueError, RuntimeError):  # absent; a null byte; a loop of links
            raise ModelError(f"{what} names external data {shown(location)}, which cannot be read") from None
        if status is None or not stat.S_ISREG(status.st_mode):
            raise ModelError(
                f"{what} names external data {shown(location)}, which must be a file inside the model's folder"
            )
        offset = _count(entries.get("offset", "0"), what, "offset")
        length = _count(entries.get("length", str(needed)), what, "length")
        if length != needed or offset + length > status.st_size:
            raise ModelError(
                f"{what} must have {needed:,} bytes of external data, not {length:,} at offset {offset:,} of "
                f"a file of {status.st_size:,}"
            )
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(needed)
        except OSError as error:
            raise ModelError(f"external data {shown(location)} cannot be read: {error.strerror}") from None
        if len(data) != needed:
            raise ModelError(f"external data {shown(location)} ends after {len(data):,} of {needed:,} bytes")
        return data


def checked_dims(dims: tuple[int, ...], what: str, *, smallest: int = 0) -> tuple[int, ...]:
    """Return ``dims`` if they are within the limits, or refuse ``what``."""
    checked_rank(len(dims), what)
    if any(d < smallest for d in dims):
        raise ModelError(f"{what} must have dimensions of at least {smallest}, not {dims}")
    elements = math.prod(d for d in dims if d)  # numpy counts like this, a dimension of zero or not
    if elements > MAX_ELEMENTS:
        raise ModelError(
            f"{what} must have at most {MAX_ELEMENTS:,} elements (accel.limits.MAX_ELEMENTS), not {elements:,}"
        )
    return dims


def checked_rank(rank: int, what: str) -> None:
    """Refuse ``what`` if it has too many axes."""
    if rank > MAX_RANK:
        raise ModelError(f"{what} must have at most {MAX_RANK} axes (accel.limits.MAX_RANK), not {rank}")


def _count(text: str, what: str, key: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ModelError(f"{what} external data {key} must be a whole number of bytes, not {shown(text)}")
    return int(text)


def _decode(data: bytes, element: ElementType, dims: tuple[int, ...]) -> NDArray[Any]:
    if not element.is_packed:
        return np.frombuffer(data, element.dtype.newbyteorder("<")).astype(element.dtype).reshape(dims)
    packed = np.frombuffer(data, np.uint8)
    nibbles = np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)[: math.prod(dims)]
    return _sign_extended(nibbles, element).reshape(dims)


def _sign_extended(nibbles: NDArray[Any], element: ElementType) -> NDArray[Any]:
    if element.dtype.kind == "u":
        return nibbles
    return ((nibbles.astype(np.int8) ^ 8) - 8).astype(np.int8)


def _from_field(tensor: onnx.TensorProto, element: ElementType, dims: tuple[int, ...], what: str) -> NDArray[Any]:
    values = getattr(tensor, element.field)
    count = math.prod(dims)
    expected = (count + 1) // 2 if element.is_packed else count
    if len(values) != expected:
        raise ModelError(f"{what} must have {expected:,} values for shape {dims}, not {len(values):,}")
    if element.dtype.kind == "f" and element.field != "int32_data":
        return np.array(values, element.dtype).reshape(dims)
    wide = np.array(values, np.uint64 if element.field == "uint64_data" else np.int64)
    if element.is_packed:
        if wide.size and (wide.min() < 0 or wide.max() > 255):
            raise ModelError(f"{what} must hold two elements in a byte, not {int(wide.max())}")
        packed = wide.astype(np.uint8)
        return _sign_extended(np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)[:count], element).reshape(dims)
    carrier = np.dtype(np.uint16) if element.dtype.kind == "f" else element.dtype
    narrow = wide.astype(carrier)
    if not np.array_equal(narrow.astype(wide.dtype), wide):
        raise ModelError(f"{what} holds values outside the range of {element.dtype}")
    return narrow.view(element.dtype).reshape(dims) if element.dtype.kind == "f" else narrow.reshape(dims)
