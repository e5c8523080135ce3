"""Picks integer scales: what a float tensor's values are, and the scale that represents them with the least error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.fixedpoint import Quantization

Floats = npt.NDArray[np.float32]

_SHRINK_STEPS = 40
_SMALLEST_SHRINK = 0.4
_SAMPLE_VALUES = 8192
_GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Scale:
    """How the real value ``(q - zero_point) * scale`` is written as an integer q of `bits` bits.

    Unsigned, but for what enters and leaves recurrent cells.
    """

    scale: np.float32
    zero_point: int
    bits: int
    signed: bool = False

    @property
    def quantization(self) -> Quantization:
        """The same scale as a network's tensor carries it."""
        return Quantization(float(self.scale), self.zero_point, self.bits, self.signed)


class Observation:
    """The values of one tensor over a calibration run: its exact range, and an evenly spread sample."""

    def __init__(self) -> None:
        self.low = 0.0  # an integer scale always represents 0 exactly
        self.high = 0.0
        self._samples: list[Floats] = []

    def add(self, values: Floats, *, share: float = 1.0) -> None:
        """Take in one batch. `share` is the part of the sample that this batch may fill."""
        flat = values.reshape(-1)
        if flat.size == 0:
            return
        self.low = min(self.low, float(flat.min()))
        self.high = max(self.high, float(flat.max()))
        wanted = max(1, min(flat.size, int(_SAMPLE_VALUES * share)))
        # steps of the golden ratio spread evenly and never fall in with rows or channels, as a stride would
        places = (np.arange(wanted) * _GOLDEN_RATIO % 1.0 * flat.size).astype(np.int64)
        self._samples.append(flat[places])

    def merged(self, other: Observation) -> Observation:
        """Return one observation of both tensors' values."""
        both = Observation()
        both.low, both.high = min(self.low, other.low), max(self.high, other.high)
        both._samples = self._samples + other._samples
        return both

    @property
    def sample(self) -> Floats:
        """The sampled values together with the two extremes."""
        return np.concatenate([*self._samples, np.array([self.low, self.high], np.float32)])


def activation_scale(seen: Observation, bits: int) -> Scale:
    """Return the unsigned, asymmetric scale of `bits` bits with the least squared error on what was seen.

    The candidates are the whole range and ever narrower ones around 0. A range in which nothing but 0 was seen gets
    the scale 1.
    """
    levels = (1 << bits) - 1
    if seen.high - seen.low < np.finfo(np.float32).tiny * levels:
        return Scale(np.float32(1), 0, bits)
    sample = seen.sample.astype(np.float64)
    best: tuple[float, Scale] | None = None
    for shrink in np.linspace(1.0, _SMALLEST_SHRINK, _SHRINK_STEPS):
        scale = np.float32((seen.high - seen.low) * shrink / levels)
        zero_point = int(np.clip(np.rint(-seen.low * shrink / scale), 0, levels))
        q = np.clip(np.rint(sample / scale) + zero_point, 0, levels)
        error = float(np.mean(np.square((q - zero_point) * np.float64(scale) - sample)))
        if best is None or error < best[0]:
            best = error, Scale(scale, zero_point, bits)
    assert best is not None  # the candidates are never empty
    return best[1]


def weight_scales(weight: Floats, axis: int, bits: int) -> Floats:
    """Return one symmetric scale per channel along `axis`, each with the least squared error at `bits` bits.

    Integers run from -(2^(bits-1) - 1) to 2^(bits-1) - 1. A channel of zeros gets the scale 1.
    """
    limit = (1 << (bits - 1)) - 1
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    largest[largest < np.finfo(np.float32).tiny * limit] = limit
    best_scale = np.zeros(len(rows), np.float32)
    best_error = np.full(len(rows), np.inf)
    for shrink in np.linspace(1.0, _SMALLEST_SHRINK, _SHRINK_STEPS):
        scale = (largest * shrink / limit).astype(np.float32)
        wide = scale[:, None].astype(np.float64)
        error = np.square(np.clip(np.rint(rows / wide), -limit, limit) * wide - rows).mean(axis=1)
        better = error < best_error
        best_scale[better], best_error[better] = scale[better], error[better]
    return best_scale


def row_integers(matrix: Floats, bits: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return a matrix (directions, rows, columns) as integers, and one scale per row, which both directions share."""
    scales = weight_scales(matrix, 1, bits)
    limit = (1 << (bits - 1)) - 1
    integers = np.clip(np.rint(matrix / scales[:, None]), -limit, limit)
    return integers.astype(np.int8), scales
