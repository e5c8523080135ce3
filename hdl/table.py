"""A cyclic table: one word after another of a fixed sequence, found in registers when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

Column = NDArray[np.int64]

_MOST_CANDIDATES = 8


@dataclass(frozen=True, eq=False)
class Folding:
    """A sequence of words as rows of ``width`` words, equal rows stored once.

    Attributes
    ----------
    width : int
        Words of a row; divides the length of the sequence.
    words : int64 array, shape (distinct rows * width, columns)
        The distinct rows, in the order in which they first appear.
    rows : tuple of int
        For each row of the sequence, which distinct row it is.
    """

    width: int
    words: Column
    rows: tuple[int, ...]

    @classmethod
    def smallest(cls, table: Column) -> Folding:
        """Return the folding of ``table``, shape (length, columns), that stores the fewest words and row numbers."""
        length = len(table)
        best: Folding | None = None
        for width in (w for w in range(1, length + 1) if length % w == 0):
            rows = table.reshape(length // width, -1)
            distinct, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
            order = np.argsort(first)
            numbers = np.argsort(order)[inverse.reshape(-1)]
            candidate = cls(width, distinct[order].reshape(-1, table.shape[1]), tuple(int(n) for n in numbers))
            if best is None or candidate.size < best.size:
                best = candidate
        assert best is not None
        return best

    @property
    def distinct(self) -> int:
        """Number of distinct rows."""
        return len(self.words) // self.width

    @property
    def size(self) -> int:
        """Words and row numbers stored."""
        return len(self.words) + (len(self.rows) if self.distinct > 1 else 0)


def shape_of(column: Column) -> Shape:
    """Return the narrowest Amaranth shape, of one bit at least, that holds every integer of ``column``."""
    low, high = int(column.min()), int(column.max())
    return unsigned(1) if low == high == 0 else Shape.cast(range(low, high + 1))


def _differences(column: Column) -> Column:
    """Return the steps between entries modulo the column's width; the last, which is never taken, folds best."""
    steps = np.diff(column) % (1 << shape_of(column).width)
    candidates = [np.append(steps, last) for last in np.unique(steps)[:_MOST_CANDIDATES]]
    return min(candidates, key=lambda s: Folding.smallest(s[:, None]).size)


class CyclicTable(wiring.Component):
    """Presents the words of a fixed cyclic sequence one by one.

    The current word stands in registers. A cycle with ``advance`` moves on to the next, and after the last to the
    first; one word a cycle. The first word stands from the second cycle after reset on, and ``advance`` must not be
    given before.

    Columns that never change become constants. A column is kept as its differences where these fold into fewer words,
    so that an address that counts up costs a counter and no memory. Rows of words that repeat are stored once.

    Parameters
    ----------
    columns : mapping of str to int64 array, shape (length,)
        Integers by column name; names are identifiers. A column with a negative entry is signed.

    Members
    -------
    advance : In(1)
        Go to the next word.
    final : Out(1)
        The current word is the last of the sequence.
    word : Out(StructLayout)
        The current word: a field for every column, as wide as its entries need.
    """

    def __init__(self, columns: Mapping[str, Column]):
        self.columns = {name: np.asarray(column, np.int64) for name, column in columns.items()}
        (self.length,) = {len(column) for column in self.columns.values()}
        layout = data.StructLayout({name: shape_of(column) for name, column in self.columns.items()})
        super().__init__({"advance": In(1), "final": Out(1), "word": Out(layout)})

    def elaborate(self, platform):
        m = Module()
        self._find_final(m)
        stored: dict[str, Signal] = {}
        for name, column in self.columns.items():
            field = self.word[name]
            if np.all(column == column[0]):
                m.d.comb += field.eq(int(column[0]))
                continue
            steps = self._steps(name)
            if steps is None:
                entry = Signal(shape_of(column), name=name)
                m.d.comb += field.eq(entry)
                stored[name] = entry
                continue
            value = Signal(shape_of(column), name=name, init=int(column[0]))
            step = Signal(len(value), name=f"{name}_step")
            m.d.comb += field.eq(value)
            with m.If(self.advance):
                m.d.sync += value.eq(Mux(self.final, int(column[0]), value + step))
            if name in self.stored:
                stored[name] = step
            else:
                m.d.comb += step.eq(int(steps[0]))
        if stored:
            self._read(m, stored)
        return m

    def _steps(self, name: str) -> Column | None:
        """Return the differences of a column, where they fold into fewer words than the column itself."""
        column = self.columns[name]
        steps = _differences(column)
        return steps if Folding.smallest(steps[:, None]).size < Folding.smallest(column[:, None]).size else None

    @cached_property
    def stored(self) -> dict[str, Column]:
        """What is read from a memory, by the name of its column: the column itself or its differences."""
        found: dict[str, Column] = {}
        for name, column in self.columns.items():
            if np.all(column == column[0]):
                continue
            steps = self._steps(name)
            if steps is None:
                found[name] = column
            elif np.any(steps != steps[0]):
                found[name] = steps
        return found

    @cached_property
    def folding(self) -> Folding:
        """How the memory holds what is `stored`, column by column."""
        return Folding.smallest(np.stack(list(self.stored.values()), axis=1))

    def _find_final(self, m: Module) -> None:
        if self.length == 1:
            m.d.comb += self.final.eq(1)
            return
        left = Signal(range(self.length), init=self.length - 1)
        final = Signal()
        m.d.comb += self.final.eq(final)
        with m.If(self.advance):
            m.d.sync += [
                left.eq(Mux(final, self.length - 1, left - 1)),
                final.eq(left == 1),
            ]

    def _read(self, m: Module, stored: Mapping[str, Signal]) -> None:
        """Read the stored columns one word ahead: the memory's output register is the current word."""
        folding = self.folding
        widths = [len(signal) for signal in stored.values()]
        words = [packed(row, widths) for row in folding.words]
        m.submodules.words = memory = Memory(shape=sum(widths), depth=len(words), init=words)
        port = memory.read_port()
        prime = Signal(init=1)
        address = Signal(range(len(words)))
        m.d.sync += prime.eq(0)
        m.d.comb += [port.addr.eq(address), port.en.eq(self.advance | prime)]
        offset = 0
        for signal, width in zip(stored.values(), widths, strict=True):
            m.d.comb += signal.eq(port.data[offset : offset + width])
            offset += width

        column = Signal(range(folding.width))
        row_ends = Signal()
        m.d.comb += row_ends.eq(port.en & (column == folding.width - 1))
        row_start = self._next_row(m, folding, row_ends)
        with m.If(row_ends):
            m.d.sync += [address.eq(row_start), column.eq(0)]
        with m.Elif(port.en):
            m.d.sync += [address.eq(address + 1), column.eq(column + 1)]

    def _next_row(self, m: Module, folding: Folding, taken: Signal):
        """Return the address of the row after the one being read."""
        if folding.distinct == 1:
            return 0
        starts = [number * folding.width for number in folding.rows]
        m.submodules.rows = memory = Memory(shape=range(max(starts) + 1), depth=len(starts), init=starts)
        port = memory.read_port(domain="comb")
        row = Signal(range(len(starts)), init=1)
        m.d.comb += port.addr.eq(row)
        with m.If(taken):
            m.d.sync += row.eq(Mux(row == len(starts) - 1, 0, row + 1))
        return port.data


def packed(values, widths) -> int:
    """Return integers side by side in one word, the first in the low bits, each modulo its width."""
    word, offset = 0, 0
    for value, width in zip(values, widths, strict=True):
        word |= (int(value) & ((1 << width) - 1)) << offset
        offset += width
    return word
