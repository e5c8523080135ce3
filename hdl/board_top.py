"""The top of a board: PLL, reset, serial line and host link around a core."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from hdl import pll, uart
from hdl.boards.base import Board
from hdl.host_buffers import Lane
from hdl.host_link import HostLink

RESET_CYCLES = 1024
"""Cycles of reset once the PLL is locked: an iCE40's block RAM is not to be read in the first microseconds."""


class BoardTop(wiring.Component):
    """A core with all that makes a board of it; its ports are those that `Board.constraints` places.

    The button, and a PLL that is not locked, hold everything in reset.

    Parameters
    ----------
    board : Board
    core : str
        Module name of the core, which has ports as `hdl.top.Top` has.
    inputs, outputs : sequence of Lane
        Of the core's ports.
    divisor : int
        Clock cycles of a bit on the serial line.
    identity : bytes
        As for `HostLink`.

    Members
    -------
    oscillator, receive, button : In(1)
    transmit, led_ready, led_error : Out(1)
    held_high : Out(pins), where the board has such
    """

    def __init__(
        self, board: Board, core: str, inputs: Sequence[Lane], outputs: Sequence[Lane], divisor: int, identity: bytes
    ):
        self.board, self.core, self.divisor = board, core, divisor
        self.link = HostLink(inputs, outputs, identity)
        held = {"held_high": Out(board.held_high)} if board.held_high else {}
        super().__init__(
            {
                "oscillator": In(1), "receive": In(1), "button": In(1),
                "transmit": Out(1), "led_ready": Out(1), "led_error": Out(1),
            } | held
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        clock, locked = Signal(), Signal()
        m.submodules.pll = Instance(pll.MODULE, i_oscillator=self.oscillator, o_clock=clock, o_locked=locked)
        ready = self._ready(m, locked)
        m.d.comb += [ClockSignal().eq(clock), ResetSignal().eq(~ready)]

        m.submodules.link = link = self.link
        m.submodules.receiver = receiver = uart.Receiver(self.divisor)
        m.submodules.transmitter = transmitter = uart.Transmitter(self.divisor)
        m.submodules.receive_cdc = FFSynchronizer(self.receive, receiver.line, init=1)
        wiring.connect(m, link.line, transmitter.bytes)
        m.d.comb += [
            link.taken.eq(receiver.given),
            link.coded.eq(receiver.byte),
            link.broken.eq(receiver.broken),
            self.transmit.eq(transmitter.line),
            self.led_ready.eq(ready ^ self.board.leds_low),
            self.led_error.eq(link.failed ^ self.board.leds_low),
        ]
        if self.board.held_high:
            m.d.comb += self.held_high.eq(~0)
        m.submodules.core = Instance(self.core, i_clk=ClockSignal(), i_rst=link.core_rst, **self._streams())
        return m

    def _ready(self, m: Module, locked: Signal) -> Signal:
        """Return what ends the reset; it comes from a register that the reset does not touch."""
        steady, button = Signal(), Signal()
        count = Signal(range(RESET_CYCLES), reset_less=True)
        ready = Signal(reset_less=True)
        m.submodules.locked_cdc = FFSynchronizer(locked, steady)
        m.submodules.button_cdc = FFSynchronizer(self.button, button, init=int(self.board.button_low))
        with m.If(~steady | (button ^ self.board.button_low)):
            m.d.sync += [count.eq(0), ready.eq(0)]
        with m.Elif(count == RESET_CYCLES - 1):
            m.d.sync += ready.eq(1)
        with m.Else():
            m.d.sync += count.eq(count + 1)
        return ready

    def _streams(self) -> dict:
        """Return the connections of the core's stream ports."""
        pins = {}
        for lane in self.link.inputs:
            stream = getattr(self.link, lane.prefix)
            pins |= {
                f"i_{lane.prefix}_valid": stream.valid,
                f"o_{lane.prefix}_ready": stream.ready,
                f"i_{lane.prefix}_data": stream.payload,
                f"i_{lane.prefix}_last": Const(0),  # the core counts its beats
            }
        for lane in self.link.outputs:
            stream = getattr(self.link, lane.prefix)
            pins |= {
                f"o_{lane.prefix}_valid": stream.valid,
                f"i_{lane.prefix}_ready": stream.ready,
                f"o_{lane.prefix}_data": stream.payload,
                f"o_{lane.prefix}_last": Signal(name=f"{lane.prefix}_last"),
            }
        return pins
