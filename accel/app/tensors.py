"""Data files: .npz archives of inputs, labels and outputs, read without trust and written whole."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accel.app import files
from accel.errors import InputError, shown
from accel.limits import MAX_DATA_BYTES
from accel.reference import checked_inputs

if TYPE_CHECKING:
    from accel.network import Network

Arrays = dict[str, NDArray[Any]]


def read_npz(path: str | Path) -> Arrays:
    """Return the arrays of an .npz file by name; nothing in it is executed and nothing outgrows the limit.

    Raises
    ------
    InputError
        If there is no such file, it is not an .npz file, an array holds Python objects or is shorter than its header
        says, or the arrays together are larger than `accel.limits.MAX_DATA_BYTES`.
    """
    try:
        if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
            raise InputError(f"data file {shown(path)} must be a file, not a pipe or a device")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MAX_DATA_BYTES:
                raise InputError(
                    f"data file {shown(path)} must be at most {MAX_DATA_BYTES:,} bytes unpacked "
                    f"(accel.limits.MAX_DATA_BYTES), not {size:,}"
                )
            arrays: Arrays = {}
            for member in members:
                with archive.open(member) as stream:
                    arrays[member.filename.removesuffix(".npy")] = _read_array(stream, member.file_size)
    except FileNotFoundError:
        raise InputError(f"data file {shown(path)} does not exist") from None
    except IsADirectoryError:
        raise InputError(f"data file {shown(path)} must be a file, not a folder") from None
    except InputError:
        raise
    except Exception as error:  # on malformed bytes zipfile, zlib and numpy raise a dozen types that share no base
        raise InputError(f"data file {shown(path)} is not a readable .npz file: {shown(error)}") from None
    if not arrays:
        raise InputError(f"data file {shown(path)} must hold at least one array")
    return arrays


def _read_array(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Read one .npy member after comparing what its header promises with the bytes there are."""
    data = stream.read(size)
    buffer = io.BytesIO(data)
    version = np.lib.format.read_magic(buffer)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(buffer)
    if dtype.hasobject:
        raise ValueError("it holds Python objects; only plain numbers are accepted")
    promised = dtype.itemsize
    for length in shape:
        promised *= length
    if promised != size - buffer.tell():
        raise ValueError(f"an array's header promises {promised:,} bytes and {size - buffer.tell():,} follow")
    return np.load(io.BytesIO(data), allow_pickle=False)


def write_npz(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` as a compressed .npz file, atomically.

    Raises
    ------
    InputError
        If the path cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # its default date is fixed: the same arrays make the same bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    files.write_bytes(path, buffer.getvalue())


def read_inputs(network: Network, path: str | Path) -> Arrays:
    """Return the arrays of an input file for the graph inputs of ``network``, in graph order.

    Raises
    ------
    InputError
        If the file cannot be read or an array does not fit: see `accel.reference.checked_inputs`.
    """
    arrays = read_npz(path)
    try:
        return checked_inputs(network, arrays)
    except InputError as error:
        raise InputError(f"data file {shown(path)}: {error}") from None


def samples(network: Network, inputs: Mapping[str, NDArray[Any]]) -> int:
    """Return the number of samples on the batch axis of ``inputs``; 1 where the model has no batch axis."""
    name, array = next(iter(inputs.items()))
    axis = network.tensors[name].batch_axis
    return 1 if axis is None else int(array.shape[axis])


def take(network: Network, inputs: Mapping[str, NDArray[Any]], count: int) -> Arrays:
    """Return the first ``count`` samples of every input, started over from the first when there are fewer."""
    taken: Arrays = {}
    for name, array in inputs.items():
        axis = network.tensors[name].batch_axis
        if axis is None:
            taken[name] = array
        else:
            taken[name] = np.take(array, np.arange(count) % array.shape[axis], axis=axis)
    return taken


def read_labels(path: str | Path, count: int) -> NDArray[np.int64]:
    """Return the integer array ``labels`` of a file, one class index for each of ``count`` samples.

    Raises
    ------
    InputError
        If the file holds no such array or it does not fit.
    """
    arrays = read_npz(path)
    if "labels" not in arrays:
        raise InputError(
            f"data file {shown(path)} must hold an array 'labels'; it holds {', '.join(map(shown, sorted(arrays)))}"
        )
    labels = arrays["labels"]
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise InputError(
            f"'labels' in {shown(path)} must be {count} integers, one for each sample, "
            f"not {labels.dtype} of shape {labels.shape}"
        )
    return labels.astype(np.int64)
