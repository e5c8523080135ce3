"""Exact contractions and the making of integer examples, shared by the layer types; no layer type lives here."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from accel.fixedpoint import Quantization
from accel.layers.base import Array, Example, Layer, Shape

_FLOAT64_EXACT = 2**53


def exact_matmul(a: Array, b: Array) -> Array:
    """Return ``a @ b`` (batched), exact for integers.

    Integers go through float64 BLAS when every partial sum is below 2**53, which makes each of them exact in any
    order of addition; else through int64. Floats are multiplied in their own type.
    """
    if not np.issubdtype(a.dtype, np.integer):
        return a @ b
    largest = int(np.abs(a).max(initial=0)) * int(np.abs(b.astype(np.int64)).max(initial=0)) * a.shape[-1]
    if largest < _FLOAT64_EXACT:
        return np.rint(a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
    return a.astype(np.int64) @ b.astype(np.int64)


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
    quantizations = quantizations or tuple(Quantization(0.5, 3) for _ in shapes)
    output = output or Quantization(0.25, -5)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    weights: dict[str, Any] = {}
    half = 1 << (weight_bits - 1)
    for field, shape in layer.weight_shapes().items():
        if field == "bias":
            weights[field] = rng.integers(-(1 << 10), 1 << 10, shape).astype(np.int64)
        else:
            values = rng.integers(-half, half, shape)
            values.flat[0] = -half
            weights[field] = values.astype(np.int16)
    reduction = max(1, layer.macs(shapes) // max(1, sum(w.ofmap for w in layer.work(shapes))))
    channels = layer.infer(shapes)[0][0] if per_channel else 1
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
