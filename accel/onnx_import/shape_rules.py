"""What ONNX's layout operators make of a shape, shared by constants and activations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from accel.errors import ModelError, shown
from accel.onnx_import.attributes import Attributes
from accel.onnx_import.tensors import checked_rank


def axis_of(axis: int, rank: int) -> int:
    """Return ``axis`` counted from the front, refusing one the tensor does not have."""
    if not -rank <= axis < rank:
        raise ModelError(f"axis must lie in [{-rank}, {rank - 1}], not {axis}")
    return axis % rank


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Return ``axes`` counted from the front, all different."""
    resolved = tuple(axis_of(a, rank) for a in axes)
    if len(set(resolved)) != len(resolved):
        raise ModelError(f"axes must be different, not {tuple(axes)}")
    return resolved


def reshaped(shape: Sequence[int], target: Sequence[int], allow_zero: bool = False) -> tuple[int, ...]:
    """Return the shape that ONNX's Reshape gives: 0 copies a dimension, -1 takes what is left."""
    total = math.prod(shape)
    dims = list(target)
    for axis, dim in enumerate(dims):
        if dim == 0 and not allow_zero:
            if axis >= len(shape):
                raise ModelError(f"Reshape must not copy axis {axis} of a tensor of shape {tuple(shape)}")
            dims[axis] = shape[axis]
    if dims.count(-1) > 1 or any(d < -1 for d in dims):
        raise ModelError(f"Reshape must have a target of dimensions with at most one -1, not {tuple(target)}")
    if -1 in dims:
        rest = math.prod(d for d in dims if d != -1)
        if rest == 0 or total % rest:
            raise ModelError(f"Reshape cannot make {tuple(target)} of a tensor of shape {tuple(shape)}")
        dims[dims.index(-1)] = total // rest
    if math.prod(dims) != total:
        raise ModelError(f"Reshape cannot make {tuple(target)} of a tensor of shape {tuple(shape)}")
    checked_rank(len(dims), "a Reshape target")
    return tuple(dims)


def slices(
    shape: Sequence[int], starts: list[int], ends: list[int], axes: list[int] | None, steps: list[int] | None
) -> tuple[slice, ...]:
    """Return ONNX's Slice as numpy slices, one per axis."""
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ModelError("Slice must have as many starts, ends, axes and steps")
    cuts = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes_of(axes, len(shape)), starts, ends, steps, strict=True):
        if step == 0:
            raise ModelError("Slice steps must not be zero")
        size = shape[axis]
        # An end below -size means "before the first element", which Python writes as None when stepping backwards.
        stop = None if step < 0 and end < -size else end
        cuts[axis] = slice(start, stop, step)
    return tuple(cuts)


def unsqueezed(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """Return ``shape`` with axes of size one inserted where the result has ``axes``."""
    rank = len(shape) + len(axes)
    checked_rank(rank, "what Unsqueeze makes")
    where = axes_of(axes, rank)
    rest = iter(shape)
    return tuple(1 if axis in where else next(rest) for axis in range(rank))


def squeezed_axes(shape: Sequence[int], axes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the axes that Squeeze removes; each must have size one."""
    if axes is None:
        return tuple(axis for axis, dim in enumerate(shape) if dim == 1)
    resolved = axes_of(axes, len(shape))
    for axis in resolved:
        if shape[axis] != 1:
            raise ModelError(f"Squeeze axis {axis} must have size 1, not {shape[axis]}")
    return resolved


def permutation(attributes: Attributes, rank: int) -> tuple[int, ...]:
    """Return the permutation of a Transpose."""
    perm = attributes.integers("perm")
    if perm is None:
        return tuple(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        raise ModelError(f"Transpose perm must be a permutation of {rank} axes, not {perm}")
    return perm


def split_sizes(size: int, listed: Sequence[int] | None, outputs: int) -> list[int]:
    """Return the sizes of a Split's parts along an axis of ``size``."""
    if listed is None:
        part = -(-size // outputs)
        listed = [max(0, min(part, size - part * i)) for i in range(outputs)]
    if len(listed) != outputs or sum(listed) != size or any(s < 0 for s in listed):
        raise ModelError(f"Split must divide {size} into {outputs} parts, not {tuple(listed)}")
    return list(listed)


SEQUENCE_LENGTHS = 4
"""The place of ``sequence_lens`` among the inputs of a recurrent operator."""


def common_length(lengths: NDArray[Any], steps: int) -> int:
    """Return the one length that every sequence of a batch has, of at most ``steps``."""
    found = sorted({int(length) for length in lengths.reshape(-1)})
    if len(found) != 1 or not 1 <= found[0] <= steps:
        raise ModelError(f"sequence_lens must all be one length from 1 to {steps}, not {shown(found)}")
    return found[0]
