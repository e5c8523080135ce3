"""1BitSquared iCEBreaker."""

from hdl.boards.base import Board
from hdl.pll import SbPll40Pad

BOARD = Board(
    name="icebreaker",
    title="1BitSquared iCEBreaker, iCE40UP5K-SG48",
    target="up5k",
    source="github.com/YosysHQ/icestorm, examples/icebreaker/icebreaker.pcf",
    oscillator_hz=12_000_000,
    pll=SbPll40Pad(),
    clock_hz=24e6,
    memory_bits=32 * 1024,
    button_low=True,
    leds_low=True,
    held_high=0,
    # The line from channel B of the FTDI chip, the user button, the green and the red light beside it.
    constraints="""\
set_io oscillator 35
set_io -pullup yes receive 6
set_io transmit 9
set_io -pullup yes button 10
set_io led_ready 37
set_io led_error 11
""",
)
