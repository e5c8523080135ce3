"""Sipeed Tang Nano 20K."""

from hdl.boards.base import Board
from hdl.pll import Rpll

BOARD = Board(
    name="tang-nano-20k",
    title="Sipeed Tang Nano 20K, GW2AR-18 QN88",
    target="gw2ar-18",
    source="constraints files that projects for this board publish, which agree; not held against Sipeed's schematic",
    oscillator_hz=27_000_000,
    pll=Rpll("GW2AR-18C"),
    clock_hz=54e6,
    memory_bits=144 * 1024,
    button_low=False,
    leds_low=True,
    held_high=0,
    # The line from the BL616, the button S1, lights 0 and 1.
    constraints="""\
IO_LOC "oscillator" 4;
IO_PORT "oscillator" IO_TYPE=LVCMOS33 PULL_MODE=NONE;
IO_LOC "receive" 70;
IO_PORT "receive" IO_TYPE=LVCMOS33 PULL_MODE=UP;
IO_LOC "transmit" 69;
IO_PORT "transmit" IO_TYPE=LVCMOS33 PULL_MODE=UP DRIVE=8;
IO_LOC "button" 88;
IO_PORT "button" IO_TYPE=LVCMOS33 PULL_MODE=DOWN;
IO_LOC "led_ready" 15;
IO_PORT "led_ready" IO_TYPE=LVCMOS33 PULL_MODE=NONE DRIVE=8;
IO_LOC "led_error" 16;
IO_PORT "led_error" IO_TYPE=LVCMOS33 PULL_MODE=NONE DRIVE=8;
""",
)
