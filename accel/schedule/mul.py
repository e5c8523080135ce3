"""Products of two tensors, or of a tensor and a constant per channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from accel.fixedpoint import Ints, Quantization
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.mul import Mul as MulLayer
from accel.schedule import pipeline
from accel.schedule.base import FoldSpace, rounding_of
from accel.schedule.elementwise import Elementwise, by_tile, constant_per_channel
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class Mul(Elementwise):
    """``rhe(a b M)``; the second factor may be an input of one pixel, such as a gate per channel, or a constant.

    Each of the ``pe`` lanes has a multiplier for the product. Stages are those of `Elementwise` with "multiply" behind
    "select".

    Attributes
    ----------
    constant : int64 array, shape (channels,), optional
    """

    kind: ClassVar[str] = "mul"
    ops: ClassVar[tuple[str, ...]] = ("Mul",)

    constant: Ints | None

    @classmethod
    def of(
        cls,
        layer: Layer,
        shapes: Sequence[Shape],
        quantizations: Sequence[Quantization],
        output: Quantization,
        lanes: Sequence[int],
        *,
        fold: Fold | None = None,
        capacity: int | None = None,
        requantizer: Requantizer | None = None,
    ) -> Self:
        assert isinstance(layer, MulLayer)
        requantize = rounding_of(layer, cls.kind)
        pixels, channels, extents = cls.spread(cls.kind, shapes)
        chosen = cls.choose(extents, requantize, lanes, fold, capacity, requantizer)
        return cls(
            pixels, channels, extents, tuple(quantizations), output, requantize, tuple(lanes), *chosen,
            constant_per_channel(layer, cls.kind, shapes[0]),
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        pixels, channels, _ = cls.spread(cls.kind, shapes)
        return FoldSpace(pixels, channels, cls.steps_of(layer.requantize))

    @property
    def work_stages(self) -> Mapping[str, int]:
        return {"multiply": pipeline.MULTIPLY}

    @property
    def factors(self) -> tuple[Interval, Interval]:
        """What the two factors stay in."""
        if self.constant is None:
            return self.centered(0), self.centered(1)
        return self.centered(0), Interval(int(self.constant.min()), int(self.constant.max()))

    @property
    def constants_by_tile(self) -> Ints:
        """The constants of each result, shape (tiles, pe)."""
        assert self.constant is not None
        return by_tile(self.constant, self.fold.pe)

    @property
    def totals(self) -> tuple[Interval, ...]:
        a, b = self.factors
        corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return (Interval(min(corners), max(corners)),)

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        a, b = self.factors
        return {"mac": (self.fold.pe, a.bits, b.bits), **super().multipliers}
