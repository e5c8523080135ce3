"""The reference: runs a network in numpy, its integer part exactly, and yields every tensor.

Layers between quantised tensors run in exact integers; float layers, at the borders of an integer network or in a
float network, run in float32. Memory stays bounded for any number of samples: they are run a block at a time, unless
states are kept from one to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError, did_you_mean, shown
from accel.layers.base import Array
from accel.network import Network, Node, Tensor
from accel.work import Kind

WORKING_BYTES = 1 << 27
"""About how much memory the samples of one block may take."""
MAX_BLOCK = 1024
"""Samples run at once, however small."""
_BYTES_PER_ELEMENT = 16
"""Of an intermediate value: int64, and a copy of it for the matrix product."""

Inputs = NDArray[Any] | Sequence[NDArray[Any]] | Mapping[str, NDArray[Any]]


def run(network: Network, x: Inputs) -> dict[str, Array]:
    """Return the graph outputs of ``network`` for inputs ``x``.

    Parameters
    ----------
    network : Network
        With weights.
    x : array, sequence of arrays or mapping of str to array
        The graph inputs, each in the model's own layout and type: one array if there is one input, a sequence in
        graph order, or a mapping by name. Any number of samples on the batch axis.

    Returns
    -------
    dict of str to array
        The graph outputs, in the model's own layout: float32, or stored integers in their own type.

    Raises
    ------
    InputError
        If weights are missing, or an input is missing or unknown, or its shape, type or values do not fit.
    """
    wanted = set(network.outputs)
    found = _run(network, checked_inputs(network, x), wanted.__contains__)
    return {name: _to_model(network.tensors[name], found[name]) for name in network.outputs}


def trace(network: Network, x: Inputs) -> dict[str, Array]:
    """Return every tensor of ``network`` for inputs ``x``, by name.

    Arrays are as layers see them, the batch axis first: float32, or stored integers in their own type. Parameters
    and errors are those of `run`.
    """
    return _run(network, checked_inputs(network, x), lambda name: True)


def checked_inputs(network: Network, x: Inputs) -> dict[str, Array]:
    """Return the graph inputs by name, in graph order and in the model's own layout, after checking them.

    Raises
    ------
    InputError
        If an input is missing or unknown, or its shape, type or values do not fit.
    """
    names = network.inputs
    if isinstance(x, Mapping):
        arrays: dict[str, NDArray[Any]] = dict(x)
        for name in arrays:
            if name not in names:
                raise InputError(f"network has no input {shown(name)}{did_you_mean(str(name), list(names))}")
    else:
        given: list[Any] = list(x) if isinstance(x, list | tuple) else [x]
        if len(given) != len(names):
            raise InputError(f"network must be given {len(names)} inputs ({_listed(names)}), not {len(given)}")
        arrays = dict(zip(names, given, strict=True))
    counts: dict[str, int] = {}
    for name in names:
        if name not in arrays:
            raise InputError(f"input {shown(name)} must be given; inputs: {_listed(names)}")
        tensor = network.tensors[name]
        try:
            arrays[name] = np.asarray(arrays[name])
        except ValueError:  # rows of different lengths
            raise InputError(f"input {shown(name)} must be an array") from None
        _check(tensor, arrays[name])
        if tensor.batch_axis is not None:
            counts[name] = arrays[name].shape[tensor.batch_axis]
    if len(set(counts.values())) > 1:
        raise InputError(
            "inputs must hold the same number of samples, not "
            + ", ".join(f"{count} of {shown(name)}" for name, count in counts.items())
        )
    return {name: arrays[name] for name in names}


def _check(tensor: Tensor, array: NDArray[Any]) -> None:
    subject = f"input {shown(tensor.name)}"
    axes: list[str] = [str(size) for size in tensor.shape]
    shape = list(array.shape)
    if tensor.batch_axis is not None:
        axes.insert(tensor.batch_axis, "n")
        if len(shape) == len(axes):
            del shape[tensor.batch_axis]
    if len(axes) != array.ndim or tuple(shape) != tensor.shape:
        raise InputError(f"{subject} must have shape ({', '.join(axes)}), not {array.shape}")
    if not array.size:
        raise InputError(f"{subject} must hold at least one sample")
    q = tensor.quantization
    dtype = np.dtype(np.float32) if q is None else q.dtype
    if array.dtype != dtype:
        raise InputError(f"{subject} must be {dtype}, not {array.dtype}")
    if q is None:
        if not np.isfinite(array).all():
            raise InputError(f"{subject} must be finite, without NaN or infinity")
    else:
        low, high = q.type_range
        if array.min() < low or array.max() > high:
            raise InputError(f"{subject} must lie in [{low}, {high}], not [{array.min()}, {array.max()}]")


def _run(network: Network, inputs: Mapping[str, Array], keeps: Callable[[str], bool]) -> dict[str, Array]:
    """Return the tensors that ``keeps`` names, batch axis first."""
    for node in network:
        if not node.layer.has_weights:
            raise InputError(
                f"network {shown(network.name)} must have weights to run; node {shown(node.name)} has none"
            )
    tensors = network.tensors
    samples = 1
    first: dict[str, Array] = {}
    for name, array in inputs.items():
        axis = tensors[name].batch_axis
        first[name] = array[None] if axis is None else np.moveaxis(array, axis, 0)
        if axis is not None:
            samples = array.shape[axis]
    first = {name: np.broadcast_to(array, (samples, *array.shape[1:])) for name, array in first.items()}
    block = samples if network.is_stateful else block_samples(network)
    parts: dict[str, list[Array]] = {}
    with np.errstate(all="ignore"):  # a float layer may overflow to infinity, as in any other runtime
        for start in range(0, samples, block):
            here = {name: array[start : start + block] for name, array in first.items()}
            for name, array in _steps(network, here, keeps):
                parts.setdefault(name, []).append(array)
    return {name: arrays[0] if len(arrays) == 1 else np.concatenate(arrays) for name, arrays in parts.items()}


def _steps(network: Network, inputs: Mapping[str, Array], keeps: Callable[[str], bool]) -> Iterator[tuple[str, Array]]:
    """Run one block; yield the tensors that ``keeps`` names and drop each one after its last reader."""
    live = dict(inputs)
    yield from ((name, array) for name, array in inputs.items() if keeps(name))
    readers = Counter(name for node in network for name in node.inputs)
    for node in network:
        for name, array in zip(node.outputs, compute(network, node, [live[t] for t in node.inputs]), strict=True):
            live[name] = array
            if keeps(name):
                yield name, array
        for name in node.inputs:
            readers[name] -= 1
            if not readers[name]:
                del live[name]


def compute(network: Network, node: Node, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """Return the outputs of one node for its inputs, batch axis first, in the tensors' own types."""
    sources = [network.tensors[t].quantization for t in node.inputs]
    results = [network.tensors[t].quantization for t in node.outputs]
    quantizations = [q for q in sources if q is not None]
    if len(quantizations) < len(sources) or None in results:
        return node.layer.forward(inputs)
    outputs = node.layer.integer(inputs, quantizations)
    return tuple(array.astype(q.dtype) for array, q in zip(outputs, results, strict=True) if q is not None)


def block_samples(network: Network) -> int:
    """Return how many samples are run at once so that the largest layer stays within `WORKING_BYTES`."""
    largest = max((_elements(network, node) for node in network), default=1)
    return max(1, min(MAX_BLOCK, WORKING_BYTES // (_BYTES_PER_ELEMENT * largest)))


def _elements(network: Network, node: Node) -> int:
    """Elements that a node reads, writes and lays out for its matrix product, for one sample."""
    elements = 1
    for work in network.work(node):
        laid_out = work.g * work.c * work.p * work.q * work.r * work.s if work.kind is Kind.CONTRACT else 0
        elements += work.ifmap + work.ofmap + laid_out
    return elements


def _to_model(tensor: Tensor, array: Array) -> Array:
    """Return ``array``, batch axis first, in the model's own layout."""
    if tensor.batch_axis is not None:
        return np.ascontiguousarray(np.moveaxis(array, 0, tensor.batch_axis))
    if len(array) > 1:
        raise InputError(f"output {shown(tensor.name)} has no batch axis: give one sample, not {len(array)}")
    return array[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names))
