"""Exact contractions and the making of integer examples, shared by the layer types; no layer type lives here."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from accel.errors import ModelError
from accel.fixedpoint import Quantization, Requantize
from accel.intervals import accumulator_interval
from accel.layers.base import Array, Example, Layer, Shape

_EXACT = {np.dtype(np.float32): 2**24, np.dtype(np.float64): 2**53}
"""Up to which magnitude a type holds every integer."""

_PRODUCT_BITS = 64
"""What the reference computes products in."""

INT8 = Quantization(0.5, 3)
UINT8 = Quantization(0.25, 131, signed=False)
INT4 = Quantization(0.75, -1, bits=4)
UINT4 = Quantization(0.5, 7, bits=4, signed=False)
"""Activation quantisations for examples: odd zero points, every signedness, two widths."""


def exact_matmul(a: Array, b: Array) -> Array:
    """Return ``a @ b`` (batched), exact for integers.

    Integers go through float32 or float64 BLAS where no sum, in any order of addition, can exceed what the type holds
    exactly; else through int64. Floats are multiplied in their own type.
    """
    if not np.issubdtype(a.dtype, np.integer):
        return a @ b
    largest = max(-int(a.min(initial=0)), int(a.max(initial=0))) * int(
        np.abs(b.astype(np.int64)).sum(axis=-2).max(initial=0)
    )
    for dtype, exact in _EXACT.items():
        if largest <= exact:
            return (a.astype(dtype) @ b.astype(dtype)).astype(np.int64)
    return a.astype(np.int64) @ b.astype(np.int64)


def contraction_requantize(
    rows: Array, bias: Array | None, source: Quantization, output: Quantization, weight_scale: Array | float
) -> Requantize:
    """Return the rounding of a contraction with integer weights ``rows``, shape (outputs, terms).

    Raises
    ------
    ModelError
        If an accumulator times its multiplier could exceed 64 bits.
    """
    requantize = Requantize.onto(output, source.scale * weight_scale / output.scale)
    interval = accumulator_interval(rows, bias, *source.centered_range)
    bits = requantize.product_bits(interval.low, interval.high)
    if bits > _PRODUCT_BITS:
        raise ModelError(f"accumulators of {interval.bits} bits must fit {_PRODUCT_BITS} once scaled, not {bits}")
    return requantize


def integer_example(
    name: str,
    layer: Layer,
    shapes: tuple[Shape, ...],
    quantizations: tuple[Quantization, ...] | None = None,
    output: Quantization | None = None,
    *,
    weight_bits: int = 8,
    per_channel: bool = True,
) -> Example:
    """Return an `Example` of a contraction with seeded random integer weights that use their whole range.

    The requantisation is scaled so that outputs spread over, and saturate at, the output's range.
    """
    quantizations = quantizations or tuple(INT8 for _ in shapes)
    output = output or Quantization(0.25, -5)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    weights: dict[str, Any] = {"weight_bits": weight_bits}
    half = 1 << (weight_bits - 1)
    for field, shape in layer.weight_shapes().items():
        if field == "bias":
            weights[field] = rng.integers(-(1 << 10), 1 << 10, shape).astype(np.int64)
        else:
            values = rng.integers(-half, half, shape)
            values.flat[0] = -half
            weights[field] = values.astype(np.int16)
    reduction = max(1, layer.macs(shapes) // max(1, sum(w.ofmap for w in layer.work(shapes))))
    channels = sum(work.g * work.m for work in layer.work(shapes)) if per_channel else 1
    typical = 0.7 * half * 64 * reduction**0.5
    scales = rng.uniform(0.5, 1.5, channels) * 100 / typical
    weight_scale = scales * output.scale / quantizations[0].scale
    return Example(
        name=name,
        layer=replace(layer, **weights).quantized(shapes, quantizations, output, weight_scale),
        shapes=shapes,
        quantizations=quantizations,
        output=output,
    )


def quantized_example(
    name: str,
    layer: Layer,
    shapes: tuple[Shape, ...],
    quantizations: tuple[Quantization, ...] | None = None,
    output: Quantization | None = None,
    weight_scale: float = 1.0,
) -> Example:
    """Return an `Example` of a layer without weights, or with integer ones, between the given quantisations."""
    quantizations = quantizations or tuple(INT8 for _ in shapes)
    output = output or INT8
    integer_layer = layer.quantized(shapes, quantizations, output, weight_scale)
    return Example(name=name, layer=integer_layer, shapes=shapes, quantizations=quantizations, output=output)


def float_example(name: str, layer: Layer, shapes: tuple[Shape, ...]) -> Example:
    """Return an `Example` in floating point, with seeded random weights."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return Example(name=name, layer=layer.with_random_weights(rng), shapes=shapes)


def one_scale(layer: Layer, weight_scale: Array | float) -> float:
    """Return the one scale of a constant operand; a vector is refused."""
    if np.size(weight_scale) != 1:
        raise ModelError(f"{layer.op} constant must have one scale, not {np.size(weight_scale)}")
    return float(np.reshape(weight_scale, ()))
