"""The rules behind resource estimates, and the estimates held against Yosys."""

import numpy as np
import pytest

import accel
from accel import plan, shipped, targets, tools
from accel.plan.resources import Resources, logic_use, memory_use, multiplier_use, mux_luts, rom_luts, wide_use
from accel.schedule import logic
from accel.schedule.fold import Fold, Requantizer
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


# What parts offer, and what synthesis gave


@pytest.mark.parametrize("part", targets.registry().values(), ids=targets.registry())
def test_parts_are_whole(part):
    blocks = [cell for cell in part.memory_cells if cell.bram]
    assert all(rows * bits <= cell.bram * part.bram_bits for cell in blocks for rows, bits in cell.shapes)
    assert all(cell.bram or cell.lut for cell in part.memory_cells)
    assert part.source
    assert targets.get(part.name) is part
    assert targets.get(part.family).lut >= part.lut
    assert part.multiplier_dsps(part.dsp_a_bits, part.dsp_b_bits) == 1
    assert part.multiplier_dsps(part.dsp_b_bits, part.dsp_a_bits) == 1
    assert part.multiplier_dsps(part.dsp_a_bits + 2, part.dsp_b_bits) == 2  # of one bit more, two are cut off as logic


ECP5_RAMS = {
    # depth, bits: block RAMs and LUT RAM cells of 16 x 4 that Yosys 0.70 maps a RAM to on ECP5 (memory_libmap)
    (4, 8): (0, 2), (8, 16): (0, 4), (16, 64): (0, 16), (64, 40): (0, 40), (64, 44): (0, 44), (64, 52): (2, 0),
    (65, 40): (2, 0), (128, 8): (0, 16), (128, 16): (1, 0), (256, 8): (1, 0), (2048, 24): (3, 0), (16080, 24): (24, 0),
    (64, 24): (0, 24), (64, 27): (1, 0), (700, 40): (3, 0), (1500, 24): (3, 0), (600, 20): (2, 0), (1100, 10): (2, 0),
}  # fmt: skip
ROMS = {
    # depth, bits: block RAMs that it maps a constant table to, on ECP5 and on iCE40
    (10, 36): (0, 0), (21, 64): (0, 0), (100, 37): (0, 3), (120, 37): (2, 3), (64, 64): (0, 0), (256, 8): (0, 1),
    (300, 8): (1, 1), (22, 480): (0, 0), (64, 130): (4, 0), (176, 112): (4, 7), (840, 8): (1, 2), (1152, 24): (2, 8),
    (700, 40): (3, 8), (1500, 24): (2, 9), (1500, 30): (3, 12), (640, 24): (2, 5), (1152, 28): (3, 9),
    (1100, 10): (1, 4),
}  # fmt: skip
ICE40_RAMS = {
    (4, 8): 0, (8, 8): 0, (4, 16): 0, (8, 16): 1, (16, 64): 4, (64, 40): 3, (512, 8): 1, (16080, 24): 96, (4, 24): 0,
    (8, 24): 2, (16, 8): 1, (512, 9): 2, (640, 24): 5, (700, 30): 6, (1152, 24): 8,
}  # fmt: skip
XC7_RAMS = {
    # depth, bits: halves of block RAMs, and LUT RAM cells of four tables, on 7 series
    (256, 9): (0, 12), (64, 27): (0, 9), (32, 9): (0, 2), (512, 18): (1, 0), (256, 36): (1, 0), (744, 16): (1, 0),
}  # fmt: skip
XC7_ROMS = {(256, 8): 0, (960, 8): 0, (512, 36): 1, (1500, 24): 2}


def test_memories_take_what_synthesis_gives_them():
    for (depth, bits), (brams, cells) in ECP5_RAMS.items():
        use = memory_use(Memory("m", depth, bits), ECP5)
        assert use.bram == brams, (depth, bits)
        assert (use.lut >= 4 * cells) if cells else use.lut <= bits + 16
    for (depth, bits), brams in ROMS.items():
        rom = Memory("m", depth, bits, initialised=True)
        assert (memory_use(rom, ECP5).bram, memory_use(rom, UP5K).bram) == brams, (depth, bits)
    for (depth, bits), brams in ICE40_RAMS.items():
        assert memory_use(Memory("m", depth, bits), UP5K).bram == brams, (depth, bits)
    for (depth, bits), (halves, cells) in XC7_RAMS.items():
        use = memory_use(Memory("m", depth, bits), XC7)
        assert use.bram == halves, (depth, bits)
        assert 4 * cells <= use.lut <= 4 * cells + bits * (depth > 64) + 4, (depth, bits)
    for (depth, bits), halves in XC7_ROMS.items():
        assert memory_use(Memory("m", depth, bits, initialised=True), XC7).bram == halves, (depth, bits)
    assert memory_use(Memory("m", 1024, 18, copies=3), ECP5).bram == 3
    assert memory_use(Memory("m", 512, 8, clocked=False), UP5K).bram == 0


def test_lenet5_fits_what_synthesis_found():
    """Yosys 0.70 gave this design 27 MULT18X18D, 54 DP16KD, 5,771 look-up tables and 4,412 flip-flops on ECP5."""
    made = plan.make(
        accel.load(str(shipped.path("lenet5_qdq"))),
        target="ecp5-85f",
        budget={"multipliers": 27},
        folds={"conv1": Fold(2, 4), "conv2": Fold(2, 7), "fc1": Fold(1, 3), "fc2": Fold(1, 1), "logits": Fold(1, 1)},
    )
    assert made.resources["dsp"] == 27
    assert made.resources["bram"] == 54
    assert made.resources["lut"] == pytest.approx(5771, rel=1 / 4)
    assert made.resources["ff"] == pytest.approx(4412, rel=1 / 4)
