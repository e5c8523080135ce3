"""The rules behind resource estimates, and the estimates held against Yosys."""

import numpy as np
import pytest

from accel import targets, tools
from accel.plan.resources import Resources, logic_use, memory_use, multiplier_use, mux_luts, rom_luts, wide_use
from accel.schedule import logic
from accel.schedule.fold import Requantizer
from accel.schedule.logic import Logic, Table
from accel.schedule.memory import ROM_BANK_WORDS, Memory, rom_banks
from benchmarks import resources
from benchmarks.resource_designs import subjects

ECP5, UP5K, XC7 = (targets.get(name) for name in ("ecp5-85f", "up5k", "xc7a35t"))


# Multipliers


@pytest.mark.parametrize(
    ("a", "b", "signed", "ecp5", "up5k", "xc7"),
    [
        # as Yosys 0.70 maps them
        (9, 8, True, 1, 1, 1),
        (18, 18, True, 1, 3, 1),  # 15 and 3 bits each on iCE40, of which those of 3 make a product of look-up tables
        (17, 17, True, 1, 1, 1),  # 15 bits and 2, which are too few
        (2, 17, True, 1, 1, 1),
        (16, 17, True, 1, 1, 1),
        (17, 16, False, 1, 1, 1),  # unsigned, 16 bits fit a port of 16
        (17, 7, False, 1, 1, 1),
        (19, 18, True, 1, 3, 1),
        (25, 18, True, 2, 4, 1),
        (4, 5, True, 1, 0, 1),
        (3, 5, True, 1, 0, 0),
        (2, 8, True, 1, 0, 1),
        (1, 17, False, 0, 0, 0),
    ],
)
def test_multipliers_are_cut_as_yosys_cuts_them(a, b, signed, ecp5, up5k, xc7):
    found = [part.multiplier_dsps(a, b, signed=signed) for part in (ECP5, UP5K, XC7)]
    assert found == [ecp5, up5k, xc7]
    assert all(part.multiplier_dsps(b, a, signed=signed) == n for part, n in zip((ECP5, UP5K, XC7), found, strict=True))


def test_a_product_too_short_for_a_dsp_block_takes_look_up_tables():
    assert multiplier_use(3, 5, UP5K) == Resources(lut=15)


@pytest.mark.parametrize("bits", range(1, 60))
@pytest.mark.parametrize("signed", [False, True])
def test_pieces_make_the_operand_and_fit_a_signed_port_of_18_bits(bits, signed):
    pieces = logic.pieces(bits, signed)
    assert sum(width for width, _ in pieces) == bits
    assert [is_signed for _, is_signed in pieces] == [False] * (len(pieces) - 1) + [signed]
    assert all(width + (not is_signed) <= 18 for width, is_signed in pieces)


def test_wide_multipliers_are_made_of_their_pieces():
    assert wide_use(19, 24, ECP5).dsp == 4
    assert wide_use(16, 24, ECP5).dsp == 2
    assert wide_use(19, 16, UP5K).dsp == 2
    assert wide_use(18, 17, XC7).dsp == 1


def test_low_pieces_that_are_always_zero_multiply_nothing():
    assert logic.factor_bits(np.array([1 << 23])) == 24 - 17
    assert logic.factor_bits(np.array([1 << 23, 1 << 17])) == 24 - 17
    assert logic.factor_bits(np.array([1 << 23, 5])) == 24


# Memories; the block RAMs of many shapes are in test_accel_plan


def test_banks_share_block_ram_where_nothing_is_written():
    ram, rom = Memory("m", 1500, 24), Memory("m", 1500, 24, initialised=True)
    assert (memory_use(ram, ECP5).bram, memory_use(rom, ECP5).bram) == (3, 2)
    assert memory_use(rom, ECP5).lut == 24 * mux_luts(3, ECP5.fabric)


def test_a_deep_table_is_cut_into_the_gateware_s_banks():
    (whole, rest) = rom_banks("m", 2 * ROM_BANK_WORDS + 100, 12)
    assert (whole.depth, whole.copies, rest.depth, rest.copies) == (ROM_BANK_WORDS, 2, 100, 1)
    assert sum(memory_use(m, ECP5).bram for m in (whole, rest)) == 4
    assert [m.depth for m in rom_banks("m", ROM_BANK_WORDS, 1)] == [ROM_BANK_WORDS]


@pytest.mark.parametrize(("depth", "ecp5", "up5k", "xc7"), [(16, 1, 1, 1), (54, 4, 6, 1), (256, 17, 26, 4)])
def test_small_tables_take_look_up_tables_by_their_depth(depth, ecp5, up5k, xc7):
    assert [rom_luts(depth, part.fabric) for part in (ECP5, UP5K, XC7)] == [ecp5, up5k, xc7]


def test_block_ram_that_does_not_read_first_is_given_what_does():
    memory = Memory("m", 128, 24)
    assert memory_use(memory, UP5K) == Resources(bram=2, lut=24 + 4, ff=49)  # Yosys 0.70: 33 and 57
    assert memory_use(Memory("m", 512, 36), XC7) == Resources(bram=1)


def test_registers_behind_a_small_table_become_shift_registers_where_there_are_such():
    (rom,) = rom_banks("m", 16, 112)
    assert memory_use(rom, XC7) == Resources(lut=112 + 112)
    assert memory_use(rom, ECP5) == Resources(lut=112, ff=336)


# Logic


def test_the_table_of_a_kernel_s_reads_keeps_what_does_not_repeat():
    steps = np.arange(12)
    assert Table.of({"counts up": (steps, 1)}).bits == 0
    assert Table.of({"constant": (steps * 0 + 3, 5)}).logic == logic.table(12)
    jumps = np.array([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32])
    table = Table.of({"offset": (jumps, 2)})  # as its differences, 1 1 8 again and again
    assert (table.words, table.bits) == (3, 2 * 6)
    drawn = np.random.default_rng(1).integers(0, 8, 12)
    assert Table.of({"drawn": (drawn, 4), "offset": (jumps, 1)}).words == 12


def test_a_multiplier_of_one_bit_adds_one_row():
    form = Requantizer("serial", 1, 6)
    narrow = logic.requantizer(form, 1, [11], np.array([1 << 23]), 30, 34, 8)
    wide = logic.requantizer(form, 1, [11], np.array([0xA3D70A]), 30, 34, 8)
    assert (narrow.digit, narrow.further_digit) == (0, 0)
    assert (wide.digit, wide.further_digit) == (22, 33)
    assert logic_use(narrow, ECP5).lut < logic_use(wide, ECP5).lut


def test_dsp_blocks_with_an_adder_take_sums_of_two_products():
    pair = logic.macs(1, 2, 17, 20, signed=True, packed=False)
    alone = logic.macs(1, 1, 17, 20, signed=True, packed=False)
    assert logic_use(alone, XC7) == Resources()
    assert logic_use(alone, ECP5) == Resources(lut=40, ff=20 + 20)
    assert logic_use(pair, XC7).lut == 20
    assert logic_use(pair, ECP5).lut == 20 + 20 + 18
    packed = logic.macs(2, 2, 17, 20, signed=True, packed=True)
    assert logic_use(packed, XC7).lut == 2 * (20 + 18)


def test_logic_adds_up_by_kind():
    a, b = Logic(adder=3, muxes=((8, 2),), delays=((1, 5),)), Logic(adder=4, muxes=((4, 5),), register=2)
    assert a + b == Logic(adder=7, muxes=((8, 2), (4, 5)), register=2, delays=((1, 5),))
    both = logic_use(a + b, ECP5)
    assert both == logic_use(a, ECP5) + logic_use(b, ECP5)


# Against synthesis


def test_the_benchmark_has_enough_designs():
    families = [targets.get(subject.target).family for subject in subjects()]
    for family, least in (("ecp5", 12), ("ice40", 6), ("artix7", 6)):
        assert families.count(family) >= least
    assert len({str(subject) for subject in subjects()}) == len(families)
    assert all(any(str(subject).startswith(name) for subject in subjects()) for name in resources.QUICK)


@pytest.mark.synth
@pytest.mark.skipif(tools.YOSYS.version is None, reason="needs Yosys: pip install 'accel-codesign[build]'")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if "xc7" in name else []) for name in resources.QUICK]
)
def test_predictions_are_within_the_limits(name, tmp_path):
    (subject,) = (subject for subject in subjects() if str(subject).startswith(name))
    row = resources.measure(subject, tmp_path)
    assert not row.missed, str(row)
