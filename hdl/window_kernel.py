"""What convolutions and pools share: sequencer, window buffer and output queue around a datapath."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from accel.schedule.base import Schedule
from hdl.delay import delayed
from hdl.queue import OutputQueue
from hdl.sequencer import Sequencer
from hdl.table import Column
from hdl.window_buffer import WindowBuffer


class WindowFrame:
    """The frame of a window kernel, built into its module: ports joined, steps issued, elements read.

    Parameters
    ----------
    m : Module
    schedule : Schedule
        With one input and one output port.
    buffer : WindowBuffer
    input, output : stream interfaces
        The kernel's ports.
    columns : mapping of str to int64 array, shape (positions,), optional
        Words of the kernel's own, one per position.

    Attributes
    ----------
    sequencer : Sequencer
    elements : View
        What the buffer's lanes read.
    queue : OutputQueue
        Its ``write`` and ``word`` are the datapath's to drive.
    """

    def __init__(
        self,
        m: Module,
        schedule: Schedule,
        buffer: WindowBuffer,
        input,
        output,
        columns: Mapping[str, Column] | None = None,
    ):
        m.submodules.sequencer = sequencer = Sequencer(schedule, {**buffer.position_columns, **(columns or {})})
        m.submodules.buffer = buffer
        m.submodules.queue = queue = OutputQueue(output.p.shape(), schedule.slots[0])
        wiring.connect(m, queue.output, wiring.flipped(output))
        m.d.comb += [
            input.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(input.valid & input.ready),
            sequencer.sent[0].eq(queue.sent),
            buffer.moved.eq(sequencer.moved[0]),
            buffer.beat.eq(input.payload),
            buffer.issue.eq(sequencer.issue),
            buffer.leave.eq(sequencer.issue & sequencer.last),
            *(buffer.position[name].eq(sequencer.position[name]) for name in buffer.position_columns),
        ]
        self.sequencer, self.elements, self.queue = sequencer, buffer.elements, queue
        self._m = m

    def accumulating(self, cycles: int):
        """Return flags of the step that was issued ``cycles`` cycles ago: issued, first of its result, completes it."""
        m, sequencer = self._m, self.sequencer
        first = Signal(init=1)
        with m.If(sequencer.issue):
            m.d.sync += first.eq(sequencer.completes)
        completes = sequencer.issue & sequencer.completes
        return (
            delayed(m, sequencer.issue, cycles, "issued"),
            delayed(m, first, cycles, "first"),
            delayed(m, completes, cycles, "completes"),
        )
