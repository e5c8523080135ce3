"""Radiona ULX3S with an ECP5-85F."""

from hdl.boards.base import Board
from hdl.pll import Ehxplll

BOARD = Board(
    name="ulx3s",
    title="Radiona ULX3S, LFE5U-85F",
    target="ecp5-85f",
    source="github.com/emard/ulx3s, doc/constraints/ulx3s_v20.lpf and doc/schematics.pdf, boards v2 and v3",
    oscillator_hz=25_000_000,
    pll=Ehxplll(),
    clock_hz=40e6,
    memory_bits=512 * 1024,
    button_low=False,
    leds_low=False,
    held_high=1,
    # The line from the FTDI chip, the button "fire 1", lights D0 and D1; held high: GPIO0 of the ESP32, which resets
    # the FPGA when it is low.
    constraints="""\
LOCATE COMP "oscillator" SITE "G2";
IOBUF PORT "oscillator" PULLMODE=NONE IO_TYPE=LVCMOS33;
FREQUENCY PORT "oscillator" 25 MHZ;
LOCATE COMP "receive" SITE "M1";
IOBUF PORT "receive" PULLMODE=UP IO_TYPE=LVCMOS33;
LOCATE COMP "transmit" SITE "L4";
IOBUF PORT "transmit" PULLMODE=UP IO_TYPE=LVCMOS33 DRIVE=4;
LOCATE COMP "button" SITE "R1";
IOBUF PORT "button" PULLMODE=DOWN IO_TYPE=LVCMOS33;
LOCATE COMP "led_ready" SITE "B2";
IOBUF PORT "led_ready" PULLMODE=NONE IO_TYPE=LVCMOS33 DRIVE=4;
LOCATE COMP "led_error" SITE "C2";
IOBUF PORT "led_error" PULLMODE=NONE IO_TYPE=LVCMOS33 DRIVE=4;
LOCATE COMP "held_high" SITE "L2";
IOBUF PORT "held_high" PULLMODE=UP IO_TYPE=LVCMOS33 DRIVE=4;
""",
)
