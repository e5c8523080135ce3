"""PReLU: a slope of its own for every channel on the negative side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from accel.fixedpoint import Ints, Quantization
from accel.intervals import Interval
from accel.layers.base import Layer, Shape
from accel.layers.prelu import PRelu as PReluLayer
from accel.schedule import pipeline
from accel.schedule.base import FoldSpace, rounding_of
from accel.schedule.elementwise import Elementwise, by_tile, per_channel
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class PRelu(Elementwise):
    """``rhe(a M)`` where ``a`` is not negative, ``rhe(a slope Ms)`` elsewhere: a sum of two terms, one of them zero.

    Each of the ``pe`` lanes has a multiplier for ``a slope``. Stages are those of `Elementwise` with "multiply" behind
    "select".

    Attributes
    ----------
    slope : int64 array, shape (channels,)
    """

    kind: ClassVar[str] = "prelu"
    ops: ClassVar[tuple[str, ...]] = ("PRelu",)

    slope: Ints

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
        assert isinstance(layer, PReluLayer)
        requantize = rounding_of(layer, cls.kind)
        assert layer.slope is not None
        pixels, channels, extents = cls.spread(cls.kind, shapes)
        chosen = cls.choose(extents, requantize, lanes, fold, capacity, requantizer)
        return cls(
            pixels, channels, extents, tuple(quantizations), output, requantize, tuple(lanes), *chosen,
            per_channel(layer.slope, f"kernel {cls.kind} supports one slope per channel", shapes[0]),
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        pixels, channels, _ = cls.spread(cls.kind, shapes)
        return FoldSpace(pixels, channels, cls.steps_of(layer.requantize))

    @property
    def work_stages(self) -> Mapping[str, int]:
        return {"multiply": pipeline.MULTIPLY}

    @property
    def slopes_by_tile(self) -> Ints:
        """The slopes of each result, shape (tiles, pe)."""
        return by_tile(self.slope, self.fold.pe)

    @property
    def slopes(self) -> Interval:
        """What the slopes stay in."""
        return Interval(int(self.slope.min()), int(self.slope.max()))

    @property
    def totals(self) -> tuple[Interval, ...]:
        low, high = self.sources[0].centered_range
        falling = [min(low, 0) * self.slopes.low, min(low, 0) * self.slopes.high]
        return Interval(0, max(high, 0)), Interval(min(0, *falling), max(0, *falling))

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return {"mac": (self.fold.pe, self.centered(0).bits, self.slopes.bits), **super().multipliers}
