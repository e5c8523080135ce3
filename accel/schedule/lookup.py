"""Any function of one number, from a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from accel import layers
from accel.errors import ModelError
from accel.fixedpoint import Ints, Quantization
from accel.layers.base import Layer, Shape
from accel.layers.unary import Unary
from accel.schedule import pipeline
from accel.schedule.base import FoldSpace, Memory
from accel.schedule.elementwise import Elementwise
from accel.schedule.fold import Fold, Requantizer


@dataclass(frozen=True, eq=False)
class Lookup(Elementwise):
    """The entry of a table for every stored integer, a result a step; each of the ``pe`` lanes has a table.

    Stages are those of `Elementwise` with "table" behind "select".

    Attributes
    ----------
    table : int64 array, shape (2**bits of the input,)
        By the stored integer's bits; see `accel.lut.table`.
    """

    kind: ClassVar[str] = "lookup"
    ops: ClassVar[tuple[str, ...]] = tuple(op for op, layer in layers.registry().items() if issubclass(layer, Unary))

    table: Ints

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
        assert isinstance(layer, Unary)
        if layer.table is None:
            raise ModelError(f"kernel {cls.kind} needs a layer with a table, not a float {layer.op}")
        pixels, channels, extents = cls.spread(cls.kind, shapes)
        chosen = cls.choose(extents, None, lanes, fold, capacity, requantizer)
        return cls(
            pixels, channels, extents, tuple(quantizations), output, None, tuple(lanes), *chosen, layer.table
        )  # fmt: skip

    @classmethod
    def fold_space(cls, layer: Layer, shapes: Sequence[Shape], lanes: Sequence[int]) -> FoldSpace:
        pixels, channels, _ = cls.spread(cls.kind, shapes)
        return FoldSpace(pixels, channels, 1, macs=0)

    @property
    def work_stages(self) -> Mapping[str, int]:
        return {"table": pipeline.READ}

    @property
    def memories(self) -> tuple[Memory, ...]:
        table = Memory("table", len(self.table), self.output.bits, copies=self.fold.pe, initialised=True)
        return (*super().memories, table)
