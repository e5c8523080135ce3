"""Constant folding in plain numpy: the shape arithmetic of exporters, and anything else whose operands are known.

Every size is worked out and held against the limits before the array is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError
from accel.limits import MAX_FOLDED_ELEMENTS
from accel.onnx_import.attributes import Attributes
from accel.onnx_import.shape_rules import (
    axes_of,
    axis_of,
    permutation,
    reshaped,
    slices,
    split_sizes,
    squeezed_axes,
    unsqueezed,
)
from accel.onnx_import.tensors import TensorReader, checked_dims, element_type

Array = NDArray[Any]


@dataclass(slots=True)
class Call:
    """One operator applied to constants.

    Attributes
    ----------
    operands : list of array or None
        ``None`` for an optional input that is left out.
    attributes : Attributes
    opset : int
    outputs : int
        How many results are asked for.
    reader : TensorReader
    """

    operands: list[Array | None]
    attributes: Attributes
    opset: int
    outputs: int
    reader: TensorReader

    def __getitem__(self, index: int) -> Array:
        value = self.get(index)
        if value is None:
            raise ModelError(f"input {index + 1} must be given")
        return value

    def get(self, index: int) -> Array | None:
        """Return an optional operand."""
        return self.operands[index] if index < len(self.operands) else None

    def integers(self, index: int) -> list[int]:
        """Return an operand that must be a list of integers."""
        value = self[index]
        if value.ndim > 1 or value.dtype.kind not in "iu":
            raise ModelError(f"input {index + 1} must be a list of integers")
        self.room(value.shape)
        return [int(v) for v in value.reshape(-1)]

    def axes(self, index: int, since: int) -> list[int] | None:
        """Return axes that are an input since opset ``since`` and an attribute before."""
        if self.opset >= since:
            return None if self.get(index) is None else self.integers(index)
        listed = self.attributes.integers("axes")
        return None if listed is None else list(listed)

    def room(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return ``shape`` if a result of that shape is within the limits."""
        dims = checked_dims(tuple(int(d) for d in shape), "a folded constant")
        # An operand that is given twice counts once, or constants could double themselves.
        limit = max(MAX_FOLDED_ELEMENTS, sum({id(a): a.size for a in self.operands if a is not None}.values()))
        if math.prod(dims) > limit:
            raise ModelError(
                f"a folded constant must have at most {limit:,} elements (accel.limits.MAX_FOLDED_ELEMENTS, or what "
                f"its operands have), not {math.prod(dims):,}"
            )
        return dims

    def together(self) -> list[Array]:
        """Return all operands, after making sure that they broadcast within the limits."""
        arrays = [self[i] for i in range(len(self.operands))]
        try:
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
        except ValueError:
            raise ModelError(f"shapes {', '.join(str(a.shape) for a in arrays)} do not broadcast") from None
        self.room(shape)
        return arrays


def _constant_of_shape(call: Call) -> list[Array]:
    shape = call.room(call.integers(0))
    tensor = call.attributes.tensor("value")
    value = np.zeros(1, np.float32) if tensor is None else call.reader.read(tensor, "the value")[0]
    if value.size != 1:
        raise ModelError(f"ConstantOfShape must have one value, not {value.size}")
    return [np.full(shape, value.reshape(()), value.dtype)]


def _cast(call: Call) -> list[Array]:
    number = call.attributes.integer("to", 1)
    call.attributes.ignore("saturate", "round_mode")
    element = element_type(number, "the result of Cast")
    if element.is_packed:
        raise ModelError("Cast to a packed type is not supported on constants")
    with np.errstate(all="ignore"):
        return [call[0].astype(element.dtype)]


def _gather(call: Call) -> list[Array]:
    data, where = call[0], call[1]
    axis = axis_of(call.attributes.integer("axis", 0), data.ndim)
    if where.dtype.kind not in "iu":
        raise ModelError("Gather indices must be integers")
    size = data.shape[axis]
    if where.size and (int(where.min()) < -size or int(where.max()) >= size):
        raise ModelError(f"Gather indices must lie in [{-size}, {size - 1}]")
    call.room((*data.shape[:axis], *where.shape, *data.shape[axis + 1 :]))
    return [np.take(data, where.astype(np.int64), axis)]


def _concat(call: Call) -> list[Array]:
    arrays = [call[i] for i in range(len(call.operands))]
    if not arrays:
        raise ModelError("Concat must have inputs")
    axis = axis_of(call.attributes.integer("axis", 0), arrays[0].ndim)
    rests = {(a.ndim, a.shape[:axis], a.shape[axis + 1 :]) for a in arrays}
    if len(rests) != 1:
        raise ModelError("Concat inputs must have the same shape except along the axis")
    call.room((*arrays[0].shape[:axis], sum(a.shape[axis] for a in arrays), *arrays[0].shape[axis + 1 :]))
    return [np.concatenate(arrays, axis)]


def _unsqueeze(call: Call) -> list[Array]:
    axes = call.axes(1, 13)
    if axes is None:
        raise ModelError("Unsqueeze must have axes")
    data = call[0]
    return [data.reshape(call.room(unsqueezed(data.shape, axes)))]


def _squeeze(call: Call) -> list[Array]:
    return [np.squeeze(call[0], squeezed_axes(call[0].shape, call.axes(1, 13)))]


def _slice(call: Call) -> list[Array]:
    return [call[0][slices(call[0].shape, *slice_operands(call))]]


def slice_operands(call: Call) -> tuple[list[int], list[int], list[int] | None, list[int] | None]:
    """Return starts, ends, axes and steps of a Slice, inputs since opset 10 and attributes before."""
    if call.opset >= 10:
        axes = None if call.get(3) is None else call.integers(3)
        return call.integers(1), call.integers(2), axes, None if call.get(4) is None else call.integers(4)
    starts, ends, axes = (call.attributes.integers(n) for n in ("starts", "ends", "axes"))
    if starts is None or ends is None:
        raise ModelError("Slice must have starts and ends")
    return list(starts), list(ends), None if axes is None else list(axes), None


def _expand(call: Call) -> list[Array]:
    data, shape = call[0], call.integers(1)
    try:
        target = np.broadcast_shapes(data.shape, tuple(shape)) if all(d >= 0 for d in shape) else None
    except ValueError:
        target = None
    if target is None:
        raise ModelError(f"Expand cannot make {tuple(shape)} of a tensor of shape {data.shape}")
    return [np.broadcast_to(data, call.room(target))]


def _range(call: Call) -> list[Array]:
    start, limit, delta = (call[i] for i in range(3))
    if not start.size == limit.size == delta.size == 1 or start.dtype.kind not in "if":
        raise ModelError("Range must have three signed numbers")
    if not start.dtype == limit.dtype == delta.dtype:
        raise ModelError(f"Range must have numbers of one type, not {start.dtype}, {limit.dtype}, {delta.dtype}")
    first, last, step = (v.reshape(()).item() for v in (start, limit, delta))
    if step == 0 or not all(math.isfinite(v) for v in (first, last, step)):
        raise ModelError("Range must have finite numbers and a step other than zero")
    steps = (last - first) / step
    if not math.isfinite(steps):
        raise ModelError("Range must have a finite number of steps")
    count = max(0, math.ceil(steps))
    call.room((count,))
    return [(first + step * np.arange(count)).astype(start.dtype)]


def _reshape(call: Call) -> list[Array]:
    target = call.integers(1)
    return [call[0].reshape(reshaped(call[0].shape, target, call.attributes.flag("allowzero", False)))]


def _flatten(call: Call) -> list[Array]:
    data = call[0]
    axis = call.attributes.integer("axis", 1)
    if not -data.ndim <= axis <= data.ndim:
        raise ModelError(f"Flatten axis must lie in [{-data.ndim}, {data.ndim}], not {axis}")
    return [data.reshape(math.prod(data.shape[: axis % (data.ndim + 1) if axis >= 0 else axis + data.ndim]), -1)]


def _transpose(call: Call) -> list[Array]:
    return [np.transpose(call[0], permutation(call.attributes, call[0].ndim))]


def _tile(call: Call) -> list[Array]:
    data, repeats = call[0], call.integers(1)
    if len(repeats) != data.ndim or any(r < 0 for r in repeats):
        raise ModelError(f"Tile must have {data.ndim} repeats, not {tuple(repeats)}")
    call.room([d * r for d, r in zip(data.shape, repeats, strict=True)])
    return [np.tile(data, repeats)]


def _split(call: Call) -> list[Array]:
    data = call[0]
    axis = axis_of(call.attributes.integer("axis", 0), data.ndim)
    call.attributes.ignore("num_outputs")
    if call.opset >= 13:
        listed = None if call.get(1) is None else call.integers(1)
    else:
        listed = call.attributes.integers("split")
    sizes = split_sizes(data.shape[axis], listed, call.outputs)
    return list(np.split(data, np.cumsum(sizes)[:-1], axis))


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return a / b
    if not np.all(b):
        raise ModelError("integer division must not be by zero")
    quotient = np.abs(a) // np.abs(b)  # ONNX truncates toward zero
    return (quotient * np.sign(a) * np.sign(b)).astype(a.dtype)


def _elementwise(function: Callable[..., Array], count: int) -> Callable[[Call], list[Array]]:
    def apply(call: Call) -> list[Array]:
        arrays = call.together()
        if len(arrays) != count:
            raise ModelError(f"the operator must have {count} inputs, not {len(arrays)}")
        if any(a.dtype.kind not in "iufb" for a in arrays):
            raise ModelError("the operands must be numbers")
        with np.errstate(all="ignore"):
            return [np.asarray(function(*arrays))]

    return apply


def _same(function: Callable[..., Array], count: int, kinds: str = "iuf") -> Callable[[Call], list[Array]]:
    """Return the fold of an operator on ``count`` operands whose result has the first operand's type."""

    def typed(*arrays: Array) -> Array:
        if any(a.dtype.kind not in kinds for a in arrays):
            raise ModelError(f"the operands must be numbers, not {', '.join(str(a.dtype) for a in arrays)}")
        return np.asarray(function(*arrays)).astype(arrays[0].dtype)

    return _elementwise(typed, count)


def _pick(function: Callable[..., Array]) -> Callable[[Call], list[Array]]:
    def fold(call: Call) -> list[Array]:
        if not call.operands:
            raise ModelError("input 1 must be given")
        result, *rest = call.together()
        for other in rest:
            result = function(result, other)
        return [result]

    return fold


def _where(call: Call) -> list[Array]:
    condition, a, b = (call[i] for i in range(3))
    call.together()
    if condition.dtype.kind != "b":
        raise ModelError("Where must have a boolean condition")
    return [np.where(condition, a, b).astype(a.dtype)]


def _reduce(function: Callable[..., Array], since: int) -> Callable[[Call], list[Array]]:
    def fold(call: Call) -> list[Array]:
        data = call[0]
        axes = call.axes(1, since)
        keep = call.attributes.flag("keepdims", True)
        if not axes and call.attributes.flag("noop_with_empty_axes", False):
            return [data]
        where = axes_of(axes, data.ndim) if axes else tuple(range(data.ndim))
        if any(data.shape[a] == 0 for a in where):
            raise ModelError("a reduction must not be over an empty axis")
        with np.errstate(all="ignore"):
            return [np.asarray(function(data, axis=where, keepdims=keep)).astype(data.dtype)]

    return fold


def _clip(call: Call) -> list[Array]:
    low, high = clip_bounds(call)
    result = call[0]
    if low is not None:
        result = np.maximum(result, low)
    if high is not None:
        result = np.minimum(result, high)
    return [result]


def clip_bounds(call: Call) -> tuple[Array | None, Array | None]:
    """Return the bounds of a Clip as scalars, inputs since opset 11 and attributes before."""
    if call.opset >= 11:
        low, high = call.get(1), call.get(2)
    else:
        low, high = (np.float32(call.attributes.real(n, d)) for n, d in (("min", -3.4e38), ("max", 3.4e38)))
    clipped = call.get(0)
    if call.opset < 11 and clipped is not None and clipped.dtype.kind == "f":
        with np.errstate(over="ignore"):
            low, high = (None if bound is None else bound.astype(clipped.dtype) for bound in (low, high))
    for bound in (low, high):
        if bound is not None and (np.size(bound) != 1 or np.isnan(bound).any()):
            raise ModelError("Clip bounds must be numbers")
        if bound is not None and clipped is not None and bound.dtype != clipped.dtype:
            raise ModelError(f"Clip bounds must be {clipped.dtype}, as what they bound, not {bound.dtype}")
    return (
        None if low is None else np.asarray(low).reshape(()),
        None if high is None else np.asarray(high).reshape(()),
    )


def _integer_power(a: Array, b: Array) -> Array:
    return np.power(a.astype(np.float64), b) if a.dtype.kind in "iu" else np.power(a, b)


def _relu(a: Array) -> Array:
    return np.maximum(a, 0)


FOLDS: dict[str, Callable[[Call], list[Array]]] = {
    "Abs": _same(np.abs, 1),
    "Add": _same(np.add, 2),
    "And": _same(np.logical_and, 2, "b"),
    "Cast": _cast,
    "Ceil": _same(np.ceil, 1, "f"),
    "Clip": _clip,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _same(_divide, 2),
    "Equal": _elementwise(np.equal, 2),
    "Exp": _same(np.exp, 1, "f"),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _same(np.floor, 1, "f"),
    "Gather": _gather,
    "Greater": _elementwise(np.greater, 2),
    "Identity": lambda call: [call[0]],
    "Less": _elementwise(np.less, 2),
    "Log": _same(np.log, 1, "f"),
    "Max": _pick(np.maximum),
    "Min": _pick(np.minimum),
    "Mul": _same(np.multiply, 2),
    "Neg": _same(np.negative, 1),
    "Not": _same(np.logical_not, 1, "b"),
    "Or": _same(np.logical_or, 2, "b"),
    "Pow": _same(_integer_power, 2),
    "Range": _range,
    "Reciprocal": _same(np.reciprocal, 1, "f"),
    "ReduceMax": _reduce(np.max, 18),
    "ReduceMean": _reduce(np.mean, 18),
    "ReduceMin": _reduce(np.min, 18),
    "ReduceProd": _reduce(np.prod, 18),
    "ReduceSum": _reduce(np.sum, 13),
    "Relu": _same(_relu, 1),
    "Reshape": _reshape,
    "Size": lambda call: [np.array(call[0].size, np.int64)],
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _same(np.sqrt, 1, "f"),
    "Squeeze": _squeeze,
    "Sub": _same(np.subtract, 2),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
"""What can be folded, by operator; Shape, QuantizeLinear and DequantizeLinear are folded where values are known."""
