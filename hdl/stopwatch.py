"""The stopwatch: how many cycles a core takes for a tensor that it has to itself."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

COUNT_BITS = 32
NUMBER_BITS = 8
"""Of a tensor's number since reset, which wraps."""


class Stopwatch(wiring.Component):
    """Counts the cycles from a tensor's first transfer at any input to its last at any output, both included.

    Only a tensor that enters an empty core is timed: others wait for those before them. That is what
    `accel.stepper.Run.latency_cycles` counts, so the two must be equal.

    Parameters
    ----------
    outputs : int
        Output ports of the core.

    Members
    -------
    released : In(1)
        The next tensor may enter from the next cycle on.
    enters : In(1)
        A beat moves at some input.
    ends : In(outputs)
        The last beat of a tensor moves at that output.
    asked : In(8)
        Number of a tensor.
    cycles : Out(32)
        What that tensor took; 0 if it was not timed.
    """

    def __init__(self, outputs: int):
        self.outputs = outputs
        super().__init__(
            {
                "released": In(1), "enters": In(1), "ends": In(outputs), "asked": In(NUMBER_BITS),
                "cycles": Out(COUNT_BITS),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        number, timed = Signal(NUMBER_BITS), Signal(NUMBER_BITS)
        gone = [Signal(NUMBER_BITS, name=f"gone_{port}") for port in range(self.outputs)]
        armed, runs, known = Signal(), Signal(), Signal()
        count = Signal(COUNT_BITS)
        ended, alone = Signal(self.outputs), Signal()
        m.d.comb += [
            alone.eq(Cat(tensors == number for tensors in gone).all()),
            self.cycles.eq(Mux(known & (self.asked == timed), count, 0)),
        ]
        for port, tensors in enumerate(gone):
            m.d.sync += tensors.eq(tensors + self.ends[port])
        with m.If(armed & self.enters):
            m.d.sync += [armed.eq(0), runs.eq(1), count.eq(1), ended.eq(0)]
        with m.If(runs):
            m.d.sync += [count.eq(count + 1), ended.eq(ended | self.ends)]
            with m.If((ended | self.ends).all()):
                m.d.sync += [runs.eq(0), known.eq(1)]
        with m.If(self.released):
            m.d.sync += number.eq(number + 1)
            with m.If(alone):
                m.d.sync += [armed.eq(1), known.eq(0), timed.eq(number)]
            with m.Elif(timed == number):  # the number came round to one that was timed
                m.d.sync += known.eq(0)
        return m
