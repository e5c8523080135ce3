"""QuantizeLinear and DequantizeLinear, of activations and of constants."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import ACCUMULATOR_BITS, Quantization, signed_bits
from accel.onnx_import.qoperator import ACCUMULATORS
from accel.onnx_import.shape_rules import axis_of
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.tensors import element_type
from accel.onnx_import.values import Array, Codes, Const

MAX_ACTIVATION_BITS = 16
_UINT8 = 2
_DEFAULT_AXIS = 1


@dataclass(frozen=True, slots=True)
class Parameters:
    """The scale and zero point of a QuantizeLinear or DequantizeLinear.

    Attributes
    ----------
    scale : float64 array, shape () or (n,)
        The float32 values.
    zero_point : int64 array of the same shape
    bits : int
        Of the integer type.
    signed : bool
    axis : int, optional
        Where scales run along; ``None`` for one of them.
    """

    scale: Array
    zero_point: Array
    bits: int
    signed: bool
    axis: int | None

    @property
    def range(self) -> tuple[int, int]:
        """The type's lowest and highest integer."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)


def parameters(site: Site, rank: int, stored: Const | None = None) -> Parameters:
    """Return a node's scale and zero point, checked.

    Parameters
    ----------
    site : Site
    rank : int
        Axes of the tensor that is quantised.
    stored : Const, optional
        The integers that are dequantised, whose type counts where there is no zero point.
    """
    attributes = site.node.attributes
    scale = site.constant(1, "the scale").array
    if scale.dtype.kind != "f" or not scale.size or scale.ndim > 1:
        raise ModelError(f"the scale must be one real number, or one per channel, not {scale.dtype} {scale.shape}")
    with np.errstate(over="ignore"):
        scale = scale.astype(np.float32)  # what every runtime computes with
    if not np.all(np.isfinite(scale) & (scale > 0)):
        bad = scale.reshape(-1)[~(np.isfinite(scale) & (scale > 0)).reshape(-1)][0]
        raise ModelError(f"the scale must be positive and finite, not {float(bad)!r}")
    if attributes.integer("block_size", 0):
        raise ModelError("block_size is not supported; use one scale, or one per channel")
    attributes.ignore("saturate", "precision", "output_dtype")
    axis = attributes.integer("axis", _DEFAULT_AXIS)
    zero = site.maybe_constant(2, "the zero point")
    if zero is not None:
        if zero.array.dtype.kind not in "iu" or zero.array.size != scale.size:
            raise ModelError(f"the zero point must be {scale.size} integers, not {zero.array.dtype} {zero.array.shape}")
        bits, signed = zero.bits, zero.array.dtype.kind == "i"
    elif stored is not None:
        bits, signed = stored.bits, stored.array.dtype.kind == "i"
    else:
        element = element_type(attributes.integer("output_dtype", _UINT8) or _UINT8, "the result")
        bits, signed = element.bits, element.dtype.kind == "i"
    points = np.zeros(scale.size, np.int64) if zero is None else zero.array.reshape(-1).astype(np.int64)
    if scale.size == 1:
        return Parameters(scale.reshape(()).astype(np.float64), points.reshape(()), bits, signed, None)
    return Parameters(scale.astype(np.float64), points, bits, signed, axis_of(axis, rank))


def activation_quantization(given: Parameters) -> Quantization:
    """Return the quantisation of an activation: per tensor, 2 to 16 bits."""
    if given.axis is not None:
        raise ModelError(f"activations must have one scale, not {given.scale.size}")
    if given.bits > MAX_ACTIVATION_BITS:
        raise ModelError(f"activation bits must be 2 to {MAX_ACTIVATION_BITS}, not {given.bits}")
    return Quantization(float(given.scale), int(given.zero_point), given.bits, given.signed)


@lowers("QuantizeLinear", "com.microsoft.QuantizeLinear")
def quantize(site: Site) -> None:
    """Lower QuantizeLinear: a border of the integers, or the rounding of constant weights."""
    value = site.value(0)
    if isinstance(value, Const):
        _quantize_constant(site, value)
        return
    if value.quantization is not None:
        raise ModelError("its input must be real numbers, not integers")
    site.emit_border("quantize", value, activation_quantization(parameters(site, len(value.shape))))


@lowers("DequantizeLinear", "com.microsoft.DequantizeLinear")
def dequantize(site: Site) -> None:
    """Lower DequantizeLinear: a border of the integers, or weights with their integers kept."""
    value = site.value(0)
    if isinstance(value, Const):
        _dequantize_constant(site, value)
        return
    if value.quantization is None:
        raise ModelError("its input must be integers, not real numbers")
    given = activation_quantization(parameters(site, len(value.shape)))
    held = site.lowering.quantization(value)
    if value.name in site.lowering.unscaled:
        if (given.bits, given.signed) != (held.bits, held.signed) and site.optional(2) is not None:
            raise ModelError("its zero point must have the type of its input")
        site.lowering.settle(value.name, replace(held, scale=given.scale, zero_point=given.zero_point))
    elif (given.scale, given.zero_point) != (held.scale, held.zero_point):
        raise ModelError(
            f"its scale and zero point must be those its input was quantised with, {held.scale!r} and "
            f"{held.zero_point}, not {given.scale!r} and {given.zero_point}"
        )
    site.emit_border("dequantize", value, None)


def _spread(values: Array, given: Parameters, rank: int) -> Array:
    return values if given.axis is None else values.reshape([-1 if a == given.axis else 1 for a in range(rank)])


def _matching(given: Parameters, shape: tuple[int, ...]) -> None:
    if given.axis is not None and shape[given.axis] != given.scale.size:
        raise ModelError(f"there must be {shape[given.axis]} scales for axis {given.axis}, not {given.scale.size}")


def _quantize_constant(site: Site, value: Const) -> None:
    array = value.array
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ModelError("its input must be finite real numbers")
    given = parameters(site, array.ndim)
    _matching(given, array.shape)
    scale = _spread(given.scale.astype(np.float32), given, array.ndim)
    with np.errstate(over="ignore"):
        scaled = np.rint(array.astype(np.float32) / scale).astype(np.float64)
    codes = np.clip(scaled + _spread(given.zero_point, given, array.ndim), *given.range)
    dtype = np.dtype(f"{'' if given.signed else 'u'}int{max(8, given.bits)}")
    site.define(Const(codes.astype(dtype), given.bits))


def _dequantize_constant(site: Site, value: Const) -> None:
    array = value.array
    if array.dtype.kind not in "iu":
        raise ModelError(f"its input must be integers, not {array.dtype}")
    given = parameters(site, array.ndim, value)
    _matching(given, array.shape)
    zero = site.maybe_constant(2, "the zero point")
    if zero is not None and zero.array.dtype != array.dtype:
        raise ModelError("its zero point must have the type of its input")
    centered = array.astype(np.int64) - _spread(given.zero_point, given, array.ndim)
    low, high = value.range
    width = signed_bits(low - int(given.zero_point.max()), high - int(given.zero_point.min()))
    real = centered * _spread(given.scale, given, array.ndim)
    if not math.isfinite(float(np.abs(real).max(initial=0))) or float(np.abs(real).max(initial=0)) > 3.4e38:
        raise ModelError("its values must be finite")
    codes = Codes(centered, given.scale, given.axis, width)
    site.define(Const(real.astype(np.float32), 32, codes=codes))


@lowers(ACCUMULATORS)
def accumulators(site: Site) -> None:
    """Lower what stands behind ConvInteger and MatMulInteger: its results are integers as they are, of scale one."""
    site.emit_border("quantize", site.activation(), Quantization(1.0, 0, ACCUMULATOR_BITS))


@lowers("Cast")
def cast(site: Site) -> None:
    """Lower Cast to floating point, which is float32 here: of real numbers, or of integers whose scale is one."""
    value = site.activation()
    site.node.attributes.ignore("saturate", "round_mode")
    target = element_type(site.node.attributes.integer("to", 0), "the result").dtype
    if target.kind != "f":
        raise ModelError(f"an activation can be cast to floating point only, not to {target}")
    if value.quantization is None:
        site.alias(value)
        return
    held = site.lowering.quantization(value)
    if value.name in site.lowering.unscaled:
        site.lowering.settle(value.name, held)
    elif (held.scale, held.zero_point) != (1, 0):
        raise ModelError("its input must be integers without a scale; those of a QuantizeLinear need DequantizeLinear")
    site.emit_border("dequantize", value, None)


@lowers("DynamicQuantizeLinear")
def dynamic_quantize(site: Site) -> None:
    """Refuse scales that depend on the data."""
    raise ModelError("scales must be fixed, not computed from the data; quantise the model statically")
