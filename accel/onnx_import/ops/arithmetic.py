"""Element-wise arithmetic of activations, or of an activation and a constant."""

from __future__ import annotations

import numpy as np

from accel.errors import ModelError
from accel.layers.add import Add
from accel.layers.clip import Clip
from accel.layers.div import Div
from accel.layers.elementwise import Elementwise
from accel.layers.max import Max
from accel.layers.min import Min
from accel.layers.mul import Mul
from accel.layers.pow import Pow
from accel.layers.reshape import Reshape
from accel.layers.sub import Sub
from accel.onnx_import.merging import add_to_bias
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.values import Activation, Const


@lowers("Add", "Sum")
def add(site: Site) -> None:
    """Lower Add; a constant becomes the bias of the layer before where it can."""
    values = [site.value(i) for i in range(len(site.node.inputs))]
    if len(values) == 1 and isinstance(values[0], Activation):
        site.alias(values[0])
        return
    if len(values) == 2:
        for this, that, name in ((*values, site.node.inputs[0]), (*values[::-1], site.node.inputs[1])):
            if isinstance(this, Activation) and isinstance(that, Const) and this.quantization is None:
                if add_to_bias(site, this, that, name):
                    return
                _with_constant(site, Add, this, that)
                return
    _activations(site, Add)


@lowers("Mul")
def mul(site: Site) -> None:
    """Lower Mul."""
    _binary(site, Mul)


@lowers("Sub")
def sub(site: Site) -> None:
    """Lower Sub; a constant is the second operand, or the first by way of its negative."""
    first = site.value(0)
    if isinstance(first, Const):
        second = site.activation(1)
        minus = Mul(constant_shape=(), constant=np.array(-1, np.float32))
        negative = site.emit(minus, second, batch_axis=second.batch_axis, output=None)
        _with_constant(site, Add, negative, first)
        return
    _binary(site, Sub)


@lowers("Div")
def div(site: Site) -> None:
    """Lower Div; by a constant it is a Mul."""
    if not isinstance(site.value(1), Const):
        _activations(site, Div)
        return
    divisor = site.weights(1, "the divisor")
    if not np.all(divisor.array):
        raise ModelError("the divisor must not be zero")
    with np.errstate(over="ignore"):
        inverse = (1 / divisor.array.astype(np.float64)).astype(np.float32)
    if not np.isfinite(inverse).all():
        raise ModelError("the divisor must have a finite inverse")
    _with_constant(site, Mul, site.activation(), Const(inverse, 32))


@lowers("Max", "Min")
def extreme(site: Site) -> None:
    """Lower Max and Min; with one number they are a Clip."""
    kind = Max if site.node.op == "Max" else Min
    values = [site.value(i) for i in range(len(site.node.inputs))]
    constants = [v for v in values if isinstance(v, Const)]
    if len(values) != 2 or not constants:
        _activations(site, kind)
        return
    x = next((v for v in values if isinstance(v, Activation)), None)
    assert x is not None  # all constant is folded
    if constants[0].array.size == 1 and constants[0].array.ndim <= len(x.shape):
        bound = constants[0].scalar("its constant")
        layer = Clip(low=bound) if kind is Max else Clip(high=bound)
        site.emit(layer, x, batch_axis=x.batch_axis)
    else:
        _with_constant(site, kind, x, constants[0])


@lowers("Pow", "Sqrt", "Reciprocal", "Neg")
def power(site: Site) -> None:
    """Lower constant powers and negation."""
    x = site.activation()
    if site.node.op == "Neg":
        layer = Mul(constant_shape=(), constant=np.array(-1, np.float32))
    elif site.node.op == "Pow":
        layer = Pow(exponent=site.constant(1, "the exponent").scalar("the exponent"))
    else:
        layer = Pow(exponent=0.5 if site.node.op == "Sqrt" else -1.0)
    site.emit(layer, x, batch_axis=x.batch_axis)


def _binary(site: Site, kind: type[Elementwise]) -> None:
    first, second = site.value(0), site.value(1)
    if isinstance(first, Const):
        first, second = second, first
    if isinstance(first, Activation) and isinstance(second, Const):
        _with_constant(site, kind, first, second)
    else:
        _activations(site, kind)


def _activations(site: Site, kind: type[Elementwise]) -> None:
    inputs = [site.activation(i) for i in range(len(site.node.inputs))]
    rank = max(len(x.shape) for x in inputs)
    aligned = [_aligned(site, x, rank) for x in inputs]
    axes = {x.batch_axis for x in aligned}
    if len(axes) != 1:
        raise ModelError("its inputs must have the batch on the same axis")
    site.emit(kind(), *aligned, batch_axis=axes.pop())


def _aligned(site: Site, x: Activation, rank: int) -> Activation:
    """Return ``x`` with axes of length one in front until it has ``rank``, as ONNX broadcasts."""
    missing = rank - len(x.shape)
    if not missing:
        return x
    if x.batch_axis is not None:
        if site.lowering.batch != 1:
            raise ModelError("its inputs must have the same number of axes")
        # One sample: its axis may as well be the first of the new ones.
        return site.emit(Reshape(shape=((1,) * (missing - 1)) + x.shape), x, batch_axis=0, output=None)
    return site.emit(Reshape(shape=(1,) * missing + x.shape), x, batch_axis=None, output=None)


def _with_constant(site: Site, kind: type[Elementwise], x: Activation, constant: Const) -> None:
    if not np.isfinite(constant.array).all() or constant.array.dtype.kind != "f":
        raise ModelError("its constant must be finite real numbers")
    fitted = without_batch(x, constant, site.lowering.batch)
    layer = kind(constant_shape=fitted.array.shape, constant=fitted.array)
    site.emit(layer, x, batch_axis=x.batch_axis, codes={"constant": fitted.codes})


def without_batch(x: Activation, constant: Const, batch: int) -> Const:
    """Return a constant operand of ``x`` in the shape of one sample: its batch axis must hold one value."""
    array = constant.array
    if x.batch_axis is None:
        return constant
    axis = x.batch_axis - (len(x.shape) - array.ndim)
    if axis < 0:
        if array.ndim > len(x.shape):
            raise ModelError(f"its constant must have at most {len(x.shape)} axes, not shape {array.shape}")
        return constant
    if array.shape[axis] == batch and batch != 1:
        if not np.array_equal(np.broadcast_to(array.take([0], axis), array.shape), array):
            raise ModelError("its constant must be the same for every sample of the batch")
        return Const(array.take(0, axis), constant.bits)
    if array.shape[axis] != 1:
        raise ModelError(f"its constant must be the same for every sample, not shape {array.shape}")
    return constant.reshaped((*array.shape[:axis], *array.shape[axis + 1 :]))
