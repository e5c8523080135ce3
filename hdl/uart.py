"""A serial line: eight data bits, no parity, one stop bit, least significant bit first."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream as lib_stream
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

BAUDS = (1_000_000, 500_000, 115_200)
"""Rates that USB bridges and operating systems offer, the one preferred first."""
TOLERANCE = 0.01
"""How far the rate that a clock gives may be off: half a bit in ten is where a receiver fails, both ends share it."""
_LEAST_DIVISOR = 8
_BITS = 8


def baud(clock_hz: float) -> int:
    """Return the first of `BAUDS` that a whole number of clock cycles gives within `TOLERANCE`."""
    for rate in BAUDS[:-1]:
        cycles = divisor(clock_hz, rate)
        if cycles >= _LEAST_DIVISOR and abs(clock_hz / cycles / rate - 1) <= TOLERANCE:
            return rate
    return BAUDS[-1]


def divisor(clock_hz: float, rate: int) -> int:
    """Return the clock cycles of one bit."""
    return round(clock_hz / rate)


class Receiver(wiring.Component):
    """Takes bytes off a line.

    A bit is read in its middle. A byte without its stop bit is not given, and the line is waited for to be idle again.
    The reader must take a byte in the cycle it is given: the next is given ten bits later at the earliest.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit.

    Members
    -------
    line : In(1)
        Synchronous to the clock, 1 when idle.
    byte : Out(8)
    given : Out(1)
        ``byte`` holds a new byte, for one cycle.
    broken : Out(1)
        A stop bit was missing, for one cycle.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"line": In(1), "byte": Out(_BITS), "given": Out(1), "broken": Out(1)})

    def elaborate(self, platform):
        m = Module()
        wait = Signal(range(self.divisor + self.divisor // 2))
        left = Signal(range(_BITS + 2))
        m.d.sync += [self.given.eq(0), self.broken.eq(0)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [wait.eq(self.divisor + self.divisor // 2 - 2), left.eq(_BITS)]
                with m.If(~self.line):
                    m.next = "BITS"
            with m.State("BITS"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.d.sync += [wait.eq(self.divisor - 1), left.eq(left - 1)]
                    with m.If(left != 0):
                        m.d.sync += self.byte.eq(Cat(self.byte[1:], self.line))
                    with m.Else():
                        m.d.sync += [self.given.eq(self.line), self.broken.eq(~self.line)]
                        m.next = "STOP"
            with m.State("STOP"), m.If(self.line):
                m.next = "IDLE"
        return m


class Transmitter(wiring.Component):
    """Puts bytes on a line, one every ten bits at most.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit.

    Members
    -------
    bytes : In(stream of 8 bits)
    line : Out(1)
        From a register; 1 when idle.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"bytes": In(lib_stream.Signature(_BITS)), "line": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        wait = Signal(range(self.divisor))
        bits = Signal(_BITS + 1, init=(1 << _BITS + 1) - 1)
        left = Signal(range(_BITS + 3))
        m.d.comb += self.bytes.ready.eq(left == 0)
        m.d.sync += self.line.eq(bits[0])
        with m.If(self.bytes.valid & self.bytes.ready):
            m.d.sync += [
                bits.eq(Cat(Const(0, 1), self.bytes.payload)), left.eq(_BITS + 2), wait.eq(self.divisor - 1)
            ]  # fmt: skip
        with m.Elif(left != 0):
            m.d.sync += wait.eq(wait - 1)
            with m.If(wait == 0):
                m.d.sync += [bits.eq(Cat(bits[1:], Const(1, 1))), left.eq(left - 1), wait.eq(self.divisor - 1)]
        return m
