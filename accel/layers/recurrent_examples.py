"""The making of integer examples of recurrent layers; no layer type lives here."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace

import numpy as np

from accel.cell import CellFormats
from accel.fixedpoint import FixedPoint, Ints, Quantization
from accel.layers.arithmetic import UINT8
from accel.layers.base import Array, Example
from accel.layers.integer_recurrent import IntegerRecurrent

PREACTIVATION = FixedPoint(16, 12)
GATE = FixedPoint(16, 15)
HIDDEN = FixedPoint(8, 7)
WIDE_HIDDEN = FixedPoint(16, 15)
STATE = FixedPoint(16, 11)
"""Formats for examples, as calibration chooses them."""


def recurrent_example(
    name: str,
    layer: IntegerRecurrent,
    steps: int,
    cell: CellFormats,
    *,
    output: int = 0,
    input: Quantization = UINT8,
    weight_bits: int = 8,
    result: FixedPoint = HIDDEN,
    given: tuple[FixedPoint, ...] = (),
) -> Example:
    """Return an `Example` of a recurrent layer with one output, and seeded random integer weights of the whole range.

    ``given`` are the formats of initial states that come with the input. The scales are such that gates neither stay in
    the middle nor saturate all the time.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    half = (1 << (weight_bits - 1)) - 1
    rows = layer.gates * layer.hidden_size

    def matrix(columns: int, largest: float) -> tuple[Ints, Array]:
        integers = rng.integers(-half, half + 1, (layer.directions, rows, columns))
        integers.flat[0] = -half
        scales = rng.uniform(0.5, 1.5, (layer.directions, rows)) * 4 / (half * largest * math.sqrt(columns))
        return integers, scales

    low, high = input.centered_range
    weight = matrix(layer.input_size, max(-low, high) * input.scale)
    recurrence = matrix(layer.hidden_size, 1.0)
    outputs = [result if i < 2 else form for i, form in enumerate(layer.state_formats(cell))]
    quantizations = (input, *(form.quantization for form in given))
    integer = layer.with_random_weights(rng).in_formats(cell, quantizations, outputs, weight, recurrence, weight_bits)
    shapes = ((steps, layer.input_size), *((layer.directions, layer.hidden_size) for _ in given))
    return Example(
        name=name,
        layer=replace(integer, output=output),
        shapes=shapes,
        quantizations=quantizations,
        output=result.quantization,
    )
