"""The sequencer: issues the steps of any schedule, cycle by cycle as docs/adr/0001 says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.errors import UnsupportedError
from accel.schedule.base import Schedule
from hdl.delay import delayed
from hdl.table import Column, CyclicTable, shape_of


class Sequencer(wiring.Component):
    """Issues steps, says when inputs are ready, frees what they hold, and hands out the slots of the output queues.

    Every condition is kept as a margin: a signed counter whose sign bit is the answer, moved by the increments of the
    position that is left. So all answers come from registers, nothing is compared in the issuing cycle, and the
    increments are read one position ahead from a `CyclicTable` made of the schedule's own arrays.

    Parameters
    ----------
    schedule : Schedule
        Without recurrence (``after`` all zero). Its first position needs a beat, since the table's first word stands
        from the second cycle after reset on.
    columns : mapping of str to int64 array, shape (positions,)
        Further words of the kernel's own, one per position.

    Members
    -------
    moved : In(1) per input port
        A beat moves in this cycle.
    ready : Out(1) per input port
        Another beat may come; from registers.
    sent : In(1) per output port
        A beat leaves in this cycle.
    issue : Out(1)
        A step is issued in this cycle.
    completes, last : Out(1)
        The step at hand completes a result; is the last of its position. Stable while it waits.
    position : Out(StructLayout)
        The further words of the position at hand.

    Attributes
    ----------
    table : CyclicTable
        What leaving each position changes, then the further columns; its word is that of the position at hand.

    Raises
    ------
    UnsupportedError
        If the schedule waits for results of its own, or does not wait for its input to begin.
    """

    def __init__(self, schedule: Schedule, columns: Mapping[str, Column] | None = None):
        if schedule.after.any():
            raise UnsupportedError("the sequencer supports schedules that do not wait for results of their own")
        if schedule.need[:, 0].max() < 0:
            raise UnsupportedError("the sequencer supports schedules that wait for a beat to begin")
        self.schedule = schedule
        self.columns = dict(columns or {})
        self.table = CyclicTable(self._per_position())
        layout = data.StructLayout({name: shape_of(column) for name, column in self.columns.items()})
        super().__init__(
            {
                "moved": In(1).array(len(schedule.beats)),
                "ready": Out(1).array(len(schedule.beats)),
                "sent": In(1).array(len(schedule.slots)),
                "issue": Out(1),
                "completes": Out(1),
                "last": Out(1),
                "position": Out(layout),
            }
        )

    def _per_position(self) -> dict[str, Column]:
        """Return what leaving each position changes, and the further columns."""
        s = self.schedule
        table = {"steps": np.roll(s.steps, -1), "period": np.roll(self._spacing, -1)}
        for port, beats in enumerate(s.beats):
            table[f"need_{port}"] = np.diff(s.need[port], append=s.need[port][0] + beats)
            table[f"free_{port}"] = np.diff(s.free[port], prepend=s.free[port][-1] - beats)
        return table | {f"word_{name}": column for name, column in self.columns.items()}

    @property
    def _spacing(self) -> Column:
        """The schedule's periods, where a position without results has one that it never reaches."""
        s = self.schedule
        return np.where(s.period > 0, s.period, s.steps + 1)

    def elaborate(self, platform):
        m = Module()
        s = self.schedule
        m.submodules.table = table = self.table
        word = table.word
        leave = Signal()
        m.d.comb += [leave.eq(self.issue & self.last), table.advance.eq(leave)]
        m.d.comb += [self.position[name].eq(word[f"word_{name}"]) for name in self.columns]

        waits = []
        for port, capacity in enumerate(s.capacity):
            need, free = word[f"need_{port}"], word[f"free_{port}"]
            first = int(s.need[port][0]) + 1
            most = max(int(self.table.columns[f"need_{port}"].max()), first)
            # Beats received beyond those that the step at hand needs.
            ahead = Signal(Shape.cast(range(-most, capacity + 1)), name=f"ahead_{port}", init=-first)
            m.d.sync += ahead.eq(ahead + self.moved[port] - Mux(leave, need, 0))
            waits.append(ahead[-1])
            # One less than the beats for which there is room.
            room = Signal(Shape.cast(range(-1, capacity)), name=f"room_{port}", init=capacity - 1)
            freed = delayed(m, Mux(leave, free, 0), s.release - 1, f"freed_{port}")
            m.d.sync += room.eq(room - self.moved[port] + freed)
            m.d.comb += self.ready[port].eq(~room[-1])
        for port, slots in enumerate(s.slots):
            # One less than the free slots.
            spare = Signal(Shape.cast(range(-1, slots)), name=f"spare_{port}", init=slots - 1)
            m.d.sync += spare.eq(spare + self.sent[port] - (self.issue & self.completes))
            waits.append(self.completes & spare[-1])
        m.d.comb += self.issue.eq(~any_of(waits))

        self._count(m, self.last, "left", s.steps, word.steps, leave, leave)
        self._count(m, self.completes, "until", self._spacing, word.period, leave, self.issue & self.completes)
        return m

    def _count(self, m: Module, flag, name: str, lengths: Column, following, leave, restart) -> None:
        """Drive ``flag``, true in the last of every ``length`` steps; a new position starts with ``following``."""
        if np.all(lengths == 1):
            m.d.comb += flag.eq(1)
            return
        left = Signal(range(int(lengths.max())), name=name, init=int(lengths[0]) - 1)
        final = Signal(name=f"{name}_none", init=int(lengths[0]) == 1)
        m.d.comb += flag.eq(final)
        uniform = bool(np.all(lengths == lengths[0]))
        length = (
            int(lengths[0]) if uniform else Mux(leave, following, self._current(m, name, lengths, following, leave))
        )
        with m.If(self.issue):
            m.d.sync += [
                left.eq(Mux(leave | restart, length - 1, left - 1)),
                final.eq(Mux(leave | restart, length == 1, left == 1)),
            ]

    def _current(self, m: Module, name: str, lengths: Column, following, leave) -> Signal:
        """Return the length of the position at hand."""
        current = Signal(range(int(lengths.max()) + 1), name=f"{name}_length", init=int(lengths[0]))
        with m.If(leave):
            m.d.sync += current.eq(following)
        return current


def any_of(flags):
    """Return the disjunction of one-bit values."""
    result = flags[0]
    for flag in flags[1:]:
        result = result | flag
    return result
