"""The boards: their pins, their clocks, and the Verilog of their tops."""

import re
from fractions import Fraction

import pytest

from accel import targets
from accel.errors import InputError
from hdl import boards, pll
from hdl.board_top import BoardTop
from hdl.host_buffers import Lane
from hdl.verilog import emit

BOARDS = boards.registry()
PLACED = (
    r'LOCATE COMP "(\w+)" SITE "(\w+)";',
    r"set_io (?:-pullup yes )?(\w+) (\w+)\n",
    r'IO_LOC "(\w+)" (\d+);',
)
"""Where a port is placed in an LPF, a PCF and a CST file."""


def test_boards_are_found_by_listing_their_folder_and_stand_on_listed_parts():
    assert {"icebreaker", "ulx3s"} <= BOARDS.keys()
    assert {board.target for board in BOARDS.values()} <= targets.registry().keys()
    with pytest.raises(InputError, match=r"no board is called 'ulx3'; did you mean 'ulx3s'\?"):
        boards.get("ulx3")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_port_of_a_top_has_one_place_and_no_place_has_two(board):
    lane = Lane("s", 1, 4, 8), Lane("m", 2, 3, 4)
    text = emit(BoardTop(board, "core", lane[:1], lane[1:], 20, bytes(16)), "top")
    (ports,) = re.findall(r"^module top\((.*)\);$", text, re.MULTILINE)
    placed = [place for form in PLACED for place in re.findall(form, board.constraints)]
    assert sorted(name for name, _ in placed) == sorted(ports.split(", "))
    assert len({site for _, site in placed}) == len(placed)
    assert f"  {pll.MODULE} pll (" in text
    for pin in ("clk", "rst", *(f"{p}_{n}" for p in "sm" for n in ("valid", "ready", "data", "last"))):
        assert f".{pin}(" in text


def ecp5_hz(oscillator_hz, dividers):
    return Fraction(oscillator_hz, dividers["CLKI_DIV"]) * dividers["CLKOP_DIV"] / dividers["CLKOS_DIV"]


def ice40_hz(oscillator_hz, dividers):
    return Fraction(oscillator_hz, dividers["DIVR"] + 1) * (dividers["DIVF"] + 1) / 2 ** dividers["DIVQ"]


def gowin_hz(oscillator_hz, dividers):
    return Fraction(oscillator_hz, dividers["IDIV_SEL"] + 1) * (dividers["FBDIV_SEL"] + 1)


FORMULAS = {"ulx3s": ecp5_hz, "icebreaker": ice40_hz, "tang-nano-20k": gowin_hz}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("mhz", [12, 16.2, 24, 33.3, 50, 61.7, 100])
def test_a_clock_is_what_its_dividers_make_and_within_a_hundredth(name, mhz):
    board = BOARDS[name]
    setting = board.clock(mhz * 1e6)
    assert abs(setting.hz / Fraction(mhz * 1e6) - 1) <= Fraction(1, 100)
    text = board.pll.verilog(board.oscillator_hz, setting)
    assert text.startswith(f"// {float(setting.hz) / 1e6:.6f} MHz\nmodule accel_pll(")
    if setting.dividers:
        assert setting.hz == FORMULAS[name](board.oscillator_hz, setting.dividers)
        assert all(f".{divider}({value})" in text for divider, value in setting.dividers.items())
    else:
        assert setting.hz == board.oscillator_hz


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_clock_that_is_the_oscillator_s_needs_no_pll(board):
    setting = board.clock(board.oscillator_hz)
    assert (setting.hz, setting.dividers) == (board.oscillator_hz, {})
    assert "assign clock = oscillator;" in board.pll.verilog(board.oscillator_hz, setting)


def test_the_search_finds_the_settings_that_the_makers_tools_find():
    # Project IceStorm: icepll -i 12 -o 24 and -o 60. Project Trellis: ecppll --highres makes 70 MHz of 25 exactly.
    assert BOARDS["icebreaker"].clock(24e6).dividers == {"DIVR": 0, "DIVF": 63, "DIVQ": 5, "FILTER_RANGE": 1}
    assert BOARDS["icebreaker"].clock(60e6).dividers == {"DIVR": 0, "DIVF": 79, "DIVQ": 4, "FILTER_RANGE": 1}
    assert BOARDS["ulx3s"].clock(70e6).hz == 70_000_000


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_no_setting_leaves_the_limits_of_the_primitive(board):
    part = board.pll
    for setting in part.settings(board.oscillator_hz):
        dividers = setting.dividers
        after = dividers.get("CLKOS_DIV") or dividers.get("ODIV_SEL") or 2 ** dividers["DIVQ"]
        assert part.VCO_HZ[0] <= setting.hz * after <= part.VCO_HZ[1]
        assert part.OUTPUT_HZ[0] <= setting.hz <= part.OUTPUT_HZ[1]


@pytest.mark.parametrize(
    ("name", "mhz", "nearest"),
    [
        ("icebreaker", 13, "12 and 16.125"),
        ("icebreaker", 300, "270"),
        ("ulx3s", 1, "3.125"),
        ("ulx3s", 500, "400"),
        ("tang-nano-20k", 700, "621"),
    ],
)
def test_a_clock_that_cannot_be_made_is_refused_with_the_nearest(name, mhz, nearest):
    with pytest.raises(
        InputError, match=rf"of {BOARDS[name].oscillator_hz / 1e6:g} MHz, not {mhz} MHz; nearest: {nearest} MHz"
    ):
        BOARDS[name].clock(mhz * 1e6)
