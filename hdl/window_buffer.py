"""The input buffer of window kernels: beats written in order, any element of the window read by every lane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.fixedpoint import Ints
from accel.schedule import pipeline
from accel.schedule.base import Stream
from accel.schedule.lanes import by_beat
from accel.schedule.sliding import Sliding
from hdl.delay import delayed
from hdl.stream import beat_layout
from hdl.table import Column, CyclicTable, shape_of


@dataclass(frozen=True, eq=False)
class Reads:
    """What each lane reads in each step of a cycle of steps, arrays of shape (steps, lanes).

    Attributes
    ----------
    offset : int64 array
        Beat, relative to the window's first.
    channel : int64 array, optional
        Channel within the beat; ``None`` to read whole beats.
    row, column : int64 array
        Kernel row and column.
    counts : bool array
        Whether there is anything to read; a lane past the end of a ragged fold reads ``fill``.
    """

    offset: Ints
    channel: Ints | None
    row: Ints
    column: Ints
    counts: np.ndarray

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Lanes by the beat they read: lanes that always read the same beat share one copy of the buffer."""
        return by_beat(self.offset)


class WindowBuffer(wiring.Component):
    """A circular buffer of beats that lanes read relative to a sliding window.

    Elements are as wide as stored integers with ``zero_point`` subtracted, which happens on the way in. An element in
    the padding, or past the end of a ragged fold, reads as ``fill``. A step issued in cycle t has its elements at
    t + ADDRESS + READ + SELECT; a step a cycle. The sequencer sees to it that what is read has come and is not yet
    overwritten: a beat that moves in cycle t can be read by a step issued in t + 1.

    Parameters
    ----------
    stream : Stream
        What arrives.
    zero_point : int
        Subtracted from every channel.
    capacity : int
        Beats held; a power of two.
    sliding : Sliding
        Where the window is at each position.
    reads : Reads
        The cycle of steps.
    fill : int

    Members
    -------
    moved : In(1)
        ``beat`` arrives in this cycle.
    beat : In(ArrayLayout)
    issue, leave : In(1)
        A step is issued; it is the last of its position.
    position : In(StructLayout)
        `position_columns` at the position at hand.
    elements : Out(ArrayLayout of lanes)
        One element, or one whole beat, per lane.

    Attributes
    ----------
    position_columns : dict of str to int64 array, shape (positions,)
        What the buffer wants to know of each position.
    """

    def __init__(self, stream: Stream, zero_point: int, capacity: int, sliding: Sliding, reads: Reads, fill: int):
        self.stream, self.zero_point, self.capacity = stream, zero_point, capacity
        self.sliding, self.reads, self.fill = sliding, reads, fill
        low, high = (-(1 << (stream.bits - 1)), 1 << (stream.bits - 1)) if stream.signed else (0, 1 << stream.bits)
        self.element = Shape.cast(range(min(low - zero_point, fill), max(high - zero_point, fill + 1)))
        self.whole = data.ArrayLayout(self.element, stream.lanes)
        self.position_columns = self._position_columns()
        lanes = reads.offset.shape[1]
        super().__init__(
            {
                "moved": In(1),
                "beat": In(beat_layout(stream)),
                "issue": In(1),
                "leave": In(1),
                "position": In(data.StructLayout({n: shape_of(c) for n, c in self.position_columns.items()})),
                "elements": Out(data.ArrayLayout(self.whole if reads.channel is None else self.element, lanes)),
            }
        )

    def _position_columns(self) -> dict[str, Column]:
        sliding = self.sliding
        rows, columns = sliding.output
        found = {"origin_step": np.diff(sliding.origins, append=sliding.origins[0] + sliding.beats) % self.capacity}
        if sliding.padded:
            found["rows_inside"] = np.repeat(sliding.inside(0), columns)
            found["columns_inside"] = np.tile(sliding.inside(1), rows)
        return found

    def elaborate(self, platform):
        m = Module()
        reads = self.reads
        address_bits = (self.capacity - 1).bit_length()
        write_address, write_beat, write = self._written(m, address_bits)

        columns: dict[str, Column] = {}
        for number, lanes in enumerate(reads.groups):
            columns[f"offset_{number}"] = reads.offset[:, lanes[0]] % self.capacity
        for lane in range(reads.offset.shape[1]):
            if reads.channel is not None:
                columns[f"channel_{lane}"] = reads.channel[:, lane]
            columns[f"counts_{lane}"] = reads.counts[:, lane].astype(np.int64)
            if self.sliding.padded:
                columns[f"row_{lane}"] = np.where(reads.counts[:, lane], reads.row[:, lane], 0)
                columns[f"column_{lane}"] = np.where(reads.counts[:, lane], reads.column[:, lane], 0)
        m.submodules.steps = steps = CyclicTable(columns)
        m.d.comb += steps.advance.eq(self.issue)

        origin = Signal(address_bits, init=int(self.sliding.origins[0]) % self.capacity)
        with m.If(self.leave):
            m.d.sync += origin.eq(origin + self.position.origin_step)

        for number, lanes in enumerate(reads.groups):
            m.submodules[f"copy_{number}"] = copy = Memory(shape=self.whole, depth=self.capacity, init=[])
            write_port, read_port = copy.write_port(), copy.read_port()
            address = Signal(address_bits, name=f"address_{number}", reset_less=True)
            beat = Signal(self.whole, name=f"beat_{number}", reset_less=True)
            m.d.sync += [address.eq(origin + steps.word[f"offset_{number}"]), beat.eq(read_port.data)]
            m.d.comb += [
                write_port.addr.eq(write_address), write_port.data.eq(write_beat), write_port.en.eq(write),
                read_port.addr.eq(address),
            ]  # fmt: skip
            for lane in lanes:
                element = Signal(self.elements[lane].shape(), name=f"element_{lane}", reset_less=True)
                m.d.sync += element.eq(self._select(m, lane, beat, steps.word))
                m.d.comb += self.elements[lane].eq(element)
        return m

    def _written(self, m: Module, address_bits: int):
        """Return the registered write: address, beat with the zero point subtracted, enable."""
        address = Signal(address_bits, name="write_address")
        beat = Signal(self.whole, name="write_beat", reset_less=True)
        write = Signal(name="write")
        m.d.sync += [write.eq(self.moved), address.eq(address + write)]
        m.d.sync += [beat[lane].eq(self.beat[lane] - self.zero_point) for lane in range(self.stream.lanes)]
        return address, beat, write

    def _select(self, m: Module, lane: int, beat, word):
        """Return what ``lane`` takes from the beat that its group has read."""
        wait = pipeline.ADDRESS + pipeline.READ
        inside = word[f"counts_{lane}"]
        if self.sliding.padded:
            inside = (
                inside
                & self.position.rows_inside.bit_select(word[f"row_{lane}"], 1)
                & self.position.columns_inside.bit_select(word[f"column_{lane}"], 1)
            )
        always = not self.sliding.padded and bool(self.reads.counts[:, lane].all())
        keep = None if always else delayed(m, inside, wait, f"inside_{lane}", flag=False)
        if self.reads.channel is None:
            return Cat(_kept(keep, beat[channel], self.fill, self.element) for channel in range(self.stream.lanes))
        channels = np.unique(self.reads.channel[:, lane])
        if len(channels) == 1:
            return _kept(keep, beat[int(channels[0])], self.fill, self.element)
        channel = delayed(m, word[f"channel_{lane}"], wait, f"channel_{lane}", flag=False)
        return _kept(keep, beat[channel], self.fill, self.element)


def _kept(keep, value, fill: int, shape: Shape):
    """Return ``value``, or ``fill`` unless ``keep``, exactly as wide as ``shape``."""
    return value if keep is None else Mux(keep, value, fill)[: shape.width]
