"""The logic of a kernel, block by block as the gateware builds it: what the estimate of look-up tables rests on.

A `Logic` counts bits of the few kinds of logic there are; how many look-up tables a bit of each takes is the family's
(`accel.targets.base.Fabric`). Each function here describes the component of ``hdl`` that its docstring names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from accel.fixedpoint import Ints, signed_bits
from accel.schedule import pipeline
from accel.schedule.fold import Requantizer
from accel.schedule.memory import ROM_BANK_WORDS, Memory, table_memory

if TYPE_CHECKING:
    from accel.schedule.base import Schedule

PIECE_BITS = 17
"""Unsigned bits of one operand of an 18 x 18 signed multiplier."""


@dataclass(frozen=True, slots=True)
class Logic:
    """Bits of logic by kind.

    Attributes
    ----------
    adder : int
        Of carry chains.
    gate : int
        Switched on and off, or chosen of two, before they go into a carry chain.
    compressor : int
        Of full adders in front of a carry chain, where more than two numbers are added.
    digit, further_digit : int
        Of the rows of a serial multiplier beyond the first, each with its gate: the next two, and those after them.
    margin, timer, counter : int
        Of a sequencer's margins; of counters that are reloaded and compared; of those that only count.
    muxes : tuple of (int, int)
        Bits, and what each is chosen of.
    register : int
        Flip-flops.
    delays : tuple of (int, int)
        Bits, and the cycles each is delayed by.
    constant_adder : int
        Of carry chains that add a constant.
    product_register : int
        Flip-flops behind products that nothing is added to.
    product_sums : tuple of (int, int, bool)
        Bits, how many products are summed, and whether their factors are signed; the products' registers included.
        One product alone is added to what was summed before, or to nothing.
    """

    adder: int = 0
    gate: int = 0
    compressor: int = 0
    digit: int = 0
    further_digit: int = 0
    margin: int = 0
    timer: int = 0
    counter: int = 0
    muxes: tuple[tuple[int, int], ...] = ()
    register: int = 0
    delays: tuple[tuple[int, int], ...] = ()
    constant_adder: int = 0
    product_register: int = 0
    product_sums: tuple[tuple[int, int, bool], ...] = ()

    def __add__(self, other: Logic) -> Logic:
        return Logic(*[getattr(self, name) + getattr(other, name) for name in _KINDS])


_KINDS = tuple(field.name for field in fields(Logic))


def bits_of(low: int, high: int) -> int:
    """Return the width of a register for the integers from ``low`` to ``high``, signed where one is negative."""
    return signed_bits(low, high) if low < 0 else max(1, high.bit_length())


def counter(length: int) -> Logic:
    """Return a counter through ``range(length)`` (`hdl.delay.cyclic`)."""
    bits = (length - 1).bit_length()
    return Logic(counter=bits, register=bits)


def sequencer(schedule: Schedule) -> Logic:
    """Return `hdl.sequencer.Sequencer`: margins for every port, counters of steps and of periods."""
    total = Logic()
    for needs, beats, capacity in zip(schedule.need, schedule.beats, schedule.capacity, strict=True):
        most = max(int(np.diff(needs, append=needs[0] + beats).max()), int(needs[0]) + 1)
        bits = bits_of(-most, capacity) + bits_of(-1, capacity - 1)
        # A beat in and a beat out are half as much as what a position needs and frees.
        total += Logic(margin=-(-bits // 2) if most == 1 else bits, register=bits)
    for slots in schedule.slots:
        bits = bits_of(-1, slots - 1)
        total += Logic(margin=bits, register=bits)
    for lengths in (schedule.steps, np.where(schedule.period > 0, schedule.period, schedule.steps + 1)):
        longest = int(lengths.max())
        if longest > 1:
            uneven = 0 if bool((lengths == longest).all()) else 2 * longest.bit_length()
            bits = (longest - 1).bit_length() + uneven
            total += Logic(timer=bits, register=bits)
    return total


def queue(slots: int) -> Logic:
    """Return `hdl.queue.OutputQueue` apart from its memory: two addresses and the words held."""
    bits = 3 * (slots - 1).bit_length() + 1
    return Logic(counter=bits, register=bits)


@dataclass(frozen=True, slots=True)
class Table:
    """A cyclic table (`hdl.table.CyclicTable`).

    Attributes
    ----------
    logic : Logic
        Apart from its memory.
    words, bits : int
        Of its memory; 0 bits where it has none.
    """

    logic: Logic
    words: int
    bits: int

    @classmethod
    def of(cls, columns: Mapping[str, tuple[Ints, int]]) -> Table:
        """Return the table of columns, each with how many there are like it.

        The gateware keeps a column as its differences where these repeat sooner, and rows that repeat once. Here what
        repeats is what has a period.
        """
        (length,) = {len(column) for column, _ in columns.values()}
        count = (length - 1).bit_length()
        logic, words, bits = Logic(timer=count, register=count), 1, 0
        for column, alike in columns.values():
            own, stepped = _period(column, length), _period(np.diff(column), length)
            if own == 1:
                continue
            width = alike * bits_of(int(column.min()), int(column.max()))
            if stepped < own:
                logic += Logic(adder=width, gate=width, register=width)
                own = stepped
            if own > 1:
                words, bits = math.lcm(words, own), bits + width
        return cls(logic, words, bits)

    def memory(self, name: str) -> tuple[Memory, ...]:
        """Return its memory, where it has one."""
        return table_memory(name, self.words, self.bits)


def _period(values: Ints, length: int) -> int:
    """Return the least divisor of ``length`` that ``values`` repeat after; ``length`` where they do not repeat."""
    for width in range(1, length):
        if length % width == 0 and bool((values[width:] == values[:-width]).all()):
            return width
    return length


def table(length: int) -> Logic:
    """Return `hdl.table.CyclicTable` of ``length`` words apart from its memory."""
    bits = (length - 1).bit_length()
    return Logic(timer=bits, register=bits)


def deep_rom(depth: int, bits: int) -> Logic:
    """Return `hdl.memory.DeepRom` and the counter of its address, apart from its banks."""
    return counter(depth) + Logic(muxes=((bits, -(-depth // ROM_BANK_WORDS)),))


def delay(bits: int, cycles: int) -> Logic:
    """Return a shift register (`hdl.delay.delayed`)."""
    return Logic(delays=((bits, cycles),)) if cycles else Logic()


def sums(operands: int, bits: int, count: int = 1) -> Logic:
    """Return ``count`` sums of ``operands`` numbers: a carry chain, and full adders for those beyond two."""
    if operands < 2:
        return Logic()
    return Logic(adder=count * bits, compressor=count * bits * (operands - 2))


def tree(operands: int, bits: int, count: int) -> Logic:
    """Return ``count`` of `hdl.mac.reduced` for sums: registers every `pipeline.TREE_LEVELS_PER_STAGE` levels."""
    total = Logic()
    for groups, width in _tree(operands, bits):
        for group in groups:
            total += sums(group, width, count) + Logic(register=count * width)
    return total


def _tree(operands: int, bits: int) -> Iterator[tuple[list[int], int]]:
    """Yield, for each stage of a tree, how many operands each of its sums has, and their width."""
    most = 1 << pipeline.TREE_LEVELS_PER_STAGE
    while operands > 1:
        groups = [min(most, operands - at) for at in range(0, operands, most)]
        bits += min(pipeline.TREE_LEVELS_PER_STAGE, (operands - 1).bit_length())
        yield groups, bits
        operands = len(groups)


def macs(pe: int, simd: int, product_bits: int, accumulator_bits: int, *, signed: bool, packed: bool) -> Logic:
    """Return `hdl.mac.MacArray` apart from its multipliers.

    ``signed`` says whether its elements are; ``packed``, whether a multiplier computes two products, which are then cut
    out of its word before anything is added.
    """
    accumulators = pe * accumulator_bits
    if simd == 1 and not packed:
        return Logic(product_sums=((accumulators, 1, signed),), register=accumulators)
    total = Logic(adder=accumulators, gate=accumulators, register=accumulators)
    if packed:
        return total + tree(simd, product_bits, pe) + Logic(product_register=pe * simd * product_bits)
    for stage, (groups, width) in enumerate(_tree(simd, product_bits)):
        for group in groups:
            of_products = Logic(product_sums=((pe * width, group, signed),))
            total += (sums(group, width, pe) if stage else of_products) + Logic(register=pe * width)
    return total


def window_buffer(
    lanes: int, bits: int, capacity: int, *, groups: int, selected: Sequence[int], masked: bool,
    kernel: tuple[int, int], subtracts: bool,
) -> Logic:  # fmt: skip
    """Return `hdl.window_buffer.WindowBuffer` apart from its memories and tables.

    Parameters
    ----------
    lanes, bits : int
        Of a beat, and of an element of it.
    capacity : int
        Beats held.
    groups : int
        Copies of the memory.
    selected : sequence of int
        For every element that is read, of how many it is chosen.
    masked : bool
        Whether elements in the padding read as something else.
    kernel : (int, int)
        Rows and columns of the window.
    subtracts : bool
        Whether a zero point is subtracted.
    """
    address = (capacity - 1).bit_length()
    masks = len(selected) * masked
    chosen = Counter(selected)
    flags = sum(count * (ways - 1).bit_length() for ways, count in chosen.items()) + masks
    return Logic(
        adder=address * (1 + groups),
        constant_adder=lanes * bits if subtracts else 0,
        counter=address,
        muxes=(
            *((count * bits, ways + masked) for ways, count in chosen.items()),
            *((masks, ways) for ways in kernel if masks),
        ),
        register=address * (2 + groups) + lanes * bits * (1 + groups) + 1 + len(selected) * bits,
        delays=((flags, pipeline.ADDRESS + pipeline.READ),),
    )


def beat_buffer(bits: int, capacity: int) -> Logic:
    """Return `hdl.beat_buffer.BeatBuffer` apart from its memory."""
    address = (capacity - 1).bit_length()
    return Logic(counter=2 * address, register=3 * address + bits)


def requantizer(
    form: Requantizer, pe: int, terms: Sequence[int], multipliers: Ints, shift: int, product_bits: int,
    output_bits: int,
) -> Logic:  # fmt: skip
    """Return `hdl.requantize.FoldedRequantizer` apart from its table and multipliers.

    Parameters
    ----------
    form : Requantizer
    pe : int
        Channels of a result.
    terms : sequence of int
        Widths of the sums with their biases that make a channel, one a term.
    multipliers : int64 array
        All there are.
    shift : int
    product_bits, output_bits : int
        Widths of the rounded sum of products, and of a channel of the result.
    """
    units, rounds, width = form.units, form.rounds(pe), sum(terms)
    every = int(np.bitwise_or.reduce(multipliers, axis=None))
    multiplier_bits = max(1, every.bit_length())
    is_constant = bool((multipliers == multipliers.flat[0]).all())
    cycles = form.cycles(multiplier_bits)
    held = pe * width
    total = Logic(
        muxes=((held - units * width, 2),) if rounds > 1 else (),
        adder=units * width,
        timer=(rounds - 1).bit_length() + (cycles - 1).bit_length(),
        register=held + units * width + (rounds - 1).bit_length() + (cycles - 1).bit_length() + 1,
    )
    if form.form == "serial":
        digits = cycles * form.digit_bits
        # A digit's bit that no multiplier has adds no row, and a constant is loaded without multiplexers.
        live = {at % form.digit_bits for at in range(multiplier_bits) if every >> at & 1}
        rows = len(terms) * len(live)
        total += Logic(
            adder=units * (max(terms) + form.digit_bits),
            gate=units * max(terms),
            digit=units * max(terms) * min(2, max(0, rows - 1)),
            further_digit=units * max(terms) * max(0, rows - 3),
            muxes=() if is_constant else ((units * len(terms) * digits, 2),),
            register=units * (len(terms) * digits + max(terms) + digits),
        )
    else:
        total += wide_sum(terms, factor_bits(multipliers), units)
    rounded = max(output_bits, product_bits - shift)
    total += Logic(
        constant_adder=units * (product_bits + output_bits),
        muxes=((units * output_bits, 3), (2 * units * -(-rounded // 3), 2)),
        register=units * (rounded + output_bits) + (rounds - 1) * units * output_bits,
    )
    return total + counter(rounds)


def wide_sum(terms: Sequence[int], multiplier_bits: int, count: int = 1) -> Logic:
    """Return ``count`` of `hdl.requantize.wide_sum` apart from their multipliers.

    The products of the operands' pieces are summed in two halves, these in a second step; the multiplier is registered.
    """
    partial = sum(len(pieces(bits, True)) * len(pieces(multiplier_bits, False)) for bits in terms)
    width = max(terms) + multiplier_bits
    halves = (-(-partial // 2), partial // 2)
    # A half spans its pieces' places, three quarters of the product or so.
    of_halves = tuple((count * width * 3 // 4, n, False) for n in halves if n > 1)
    whole = count * width if partial > 1 else 0
    return Logic(adder=whole, product_sums=of_halves, register=count * (2 * width + multiplier_bits))


def factor_bits(multipliers: Ints) -> int:
    """Return the bits of an output multiplier from its lowest piece on that is not always zero."""
    bits = max(1, int(multipliers.max()).bit_length())
    every = int(np.bitwise_or.reduce(multipliers, axis=None))
    return bits - PIECE_BITS * ((every & -every).bit_length() - 1 >= PIECE_BITS)


@cache
def pieces(bits: int, signed: bool) -> tuple[tuple[int, bool], ...]:
    """Return how an operand of a wide multiplier is cut, low piece first: (bits, signed) each.

    Every piece fits a signed operand of 18 bits; the last keeps the sign (`hdl.requantize.wide_sum`).
    """
    whole = PIECE_BITS
    found: list[tuple[int, bool]] = []
    while bits > whole + signed:
        found.append((whole, False))
        bits -= whole
    return (*found, (bits, signed))
