"""What a board offers a design: a part, an oscillator, a serial line, a button and two lights."""

from __future__ import annotations

from dataclasses import dataclass

from hdl.pll import Pll, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One board.

    Attributes
    ----------
    name : str
        As on the command line.
    title : str
        Its name and part, in words.
    target : str
        Its part, a name of `accel.targets`.
    source : str
        The published schematic or constraints file that the pins come from.
    oscillator_hz : int
    pll : Pll
    clock_hz : float
        What is aimed at where the user names no clock.
    memory_bits : int
        Most that the host link's buffers may take of the part's block RAM.
    button_low, leds_low : bool
        Whether the reset button reads 0 when it is pressed, and whether a light shines at 0.
    held_high : int
        Pins that only need to be held at 1.
    constraints : str
        The constraints file: a place for each of the ports ``oscillator``, ``receive`` (to the FPGA), ``transmit``,
        ``button``, ``led_ready``, ``led_error`` and, if there are any, ``held_high``.
    """

    name: str
    title: str
    target: str
    source: str
    oscillator_hz: int
    pll: Pll
    clock_hz: float
    memory_bits: int
    button_low: bool
    leds_low: bool
    held_high: int
    constraints: str

    def clock(self, wanted_hz: float | None = None) -> Setting:
        """Return how the PLL is set for a clock; without one, for the board's own.

        Raises
        ------
        InputError
            If the PLL makes no clock near it.
        """
        return self.pll.nearest(self.oscillator_hz, self.clock_hz if wanted_hz is None else wanted_hz)
