"""The folded requantiser: a few multipliers serve the accumulators of a result one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.fixedpoint import Ints, Requantize, round_half_even
from accel.intervals import Interval
from accel.schedule import pipeline
from accel.schedule.fold import Requantizer
from accel.schedule.logic import PIECE_BITS
from hdl.delay import cyclic, delayed
from hdl.table import CyclicTable


@dataclass(frozen=True, eq=False)
class Constants:
    """What the accumulators of a cycle of results are added to and multiplied by.

    Attributes
    ----------
    biases, multipliers : int64 arrays, shape (results, pe * terms)
        A result's channel is a sum of ``terms`` products, side by side.
    totals : tuple of Interval
        Every accumulator with its bias, a term each.
    """

    biases: Ints
    multipliers: Ints
    totals: tuple[Interval, ...]

    @property
    def terms(self) -> int:
        """Products that make a channel."""
        return len(self.totals)

    @property
    def product(self) -> Interval:
        """The sum of a channel's products; zero included."""
        largest = [int(self.multipliers[:, term :: self.terms].max()) for term in range(self.terms)]
        pairs = list(zip(self.totals, largest, strict=True))
        return Interval(sum(min(t.low, 0) * n for t, n in pairs), sum(max(t.high, 0) * n for t, n in pairs))

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the multipliers."""
        return max(1, int(self.multipliers.max()).bit_length())


class FoldedRequantizer(wiring.Component):
    """Makes results of accumulators: ``saturate(round_half_even((acc + bias) * multiplier >> shift) + zero_point)``.

    Where a channel has several terms, their products are summed before the one rounding. A result's accumulators are
    captured at ``load`` and those of ``pe`` channels served ``units`` at a time, in rounds. With `fold` giving
    ``occupancy`` and ``latency``, a load can follow another after ``occupancy`` cycles, and a result loaded in cycle t
    is at the output, with ``push``, in t + CAPTURE + BIAS + latency + ROUND + SATURATE. Nothing can be held back.

    Parameters
    ----------
    accumulator : Shape
        Of one accumulator.
    constants : Constants
        Results come in their cyclic order.
    requantize : Requantize
        Shift, zero point and bounds; its rounding is `accel.fixedpoint.round_half_even` itself.
    fold : Requantizer
        Units, and their form.
    output : Shape
        Of one channel of a result.
    tiles, live : int
        Every ``tiles``-th result is a pixel's last and has ``live`` channels; the lanes beyond are output as zeros.

    Members
    -------
    load : In(1)
    accumulators : In(ArrayLayout(accumulator, pe * terms))
    push : Out(1)
    result : Out(ArrayLayout(output, pe))
    """

    def __init__(
        self,
        accumulator: Shape,
        constants: Constants,
        requantize: Requantize,
        fold: Requantizer,
        output: Shape,
        tiles: int,
        live: int,
    ):
        self.constants, self.requantize, self.fold = constants, requantize, fold
        self.tiles, self.live = tiles, live
        self.terms = constants.terms
        self.pe = constants.biases.shape[1] // self.terms
        self.rounds, self.cycles = fold.rounds(self.pe), fold.cycles(constants.multiplier_bits)
        super().__init__(
            {
                "load": In(1),
                "accumulators": In(data.ArrayLayout(accumulator, self.pe * self.terms)),
                "push": Out(1),
                "result": Out(data.ArrayLayout(output, self.pe)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        units = self.fold.units
        start = self._rounds(m)
        held = self._held(m, start)
        m.submodules.constants = table = CyclicTable(self._columns())
        m.d.comb += table.advance.eq(start)

        started = delayed(m, start, pipeline.BIAS, "started")
        values = []
        for unit in range(units):
            factors: list[tuple[Signal, Value]] = []
            for term, interval in enumerate(self.constants.totals):
                at = unit * self.terms + term
                total = Signal(signed(interval.bits), name=f"total_{at}", reset_less=True)
                with m.If(start):
                    m.d.sync += total.eq(held[at] + table.word[f"bias_{at}"])
                factors.append((total, table.word[f"multiplier_{at}"]))
            if self.fold.form == "serial":
                product = self._serial(m, unit, start, started, factors)
            else:
                product = self._dsp(m, unit, factors)
            values.append(self._finished(m, unit, product))
        # A round's product is in its register this long after the round's accumulators are.
        multiply = self.fold.latency(self.pe, self.constants.multiplier_bits) - (self.rounds - 1) * self.cycles
        self._assemble(m, values, delayed(m, started, multiply + pipeline.ROUND + pipeline.SATURATE, "finished"))
        return m

    def _rounds(self, m: Module):
        """Return the cycles in which a round begins: at once after the capture, then every ``cycles``."""
        active = Signal()
        start = Signal()
        rounds = Signal(range(self.rounds), name="round")
        cycle = Signal(range(self.cycles))
        m.d.comb += start.eq(active & (cycle == 0))
        with m.If(self.load):
            m.d.sync += [active.eq(1), rounds.eq(0), cycle.eq(0)]
        with m.Elif(active):
            with m.If(cycle != self.cycles - 1):
                m.d.sync += cycle.eq(cycle + 1)
            with m.Else():
                m.d.sync += [cycle.eq(0), rounds.eq(rounds + 1), active.eq(rounds != self.rounds - 1)]
        return start

    def _held(self, m: Module, start):
        """Return the captured accumulators; every round moves those of the next ``units`` channels to the front."""
        held = [
            Signal(self.accumulators[at].shape(), name=f"held_{at}", reset_less=True)
            for at in range(self.pe * self.terms)
        ]
        for at, register in enumerate(held):
            following = at + self.fold.units * self.terms
            if following < len(held):
                with m.If(start):
                    m.d.sync += register.eq(held[following])
            with m.If(self.load):
                m.d.sync += register.eq(self.accumulators[at])
        return held

    def _columns(self) -> dict[str, Ints]:
        """Return the bias and multiplier of each unit's terms, round after round, result after result."""
        padding = ((0, 0), (0, (self.rounds * self.fold.units - self.pe) * self.terms))
        abreast = self.fold.units * self.terms
        columns: dict[str, Ints] = {}
        for name, values in (("bias", self.constants.biases), ("multiplier", self.constants.multipliers)):
            by_term = np.pad(values, padding).reshape(-1, abreast)
            columns |= {f"{name}_{at}": by_term[:, at] for at in range(abreast)}
        return columns

    def _serial(self, m: Module, unit: int, start, started, factors: Sequence[tuple[Signal, Value]]):
        """Return the sum of products, found a digit of every multiplier a cycle, the least significant first.

        Every cycle the sum so far moves down by a digit and ``total * digit`` of every term is added at its top.
        """
        digit_bits, low_bits = self.fold.digit_bits, (self.cycles - 1) * self.fold.digit_bits
        rows: list[Value] = []
        for term, (total, multiplier) in enumerate(factors):
            at = unit * self.terms + term
            digits = Signal(self.cycles * digit_bits, name=f"digits_{at}", reset_less=True)
            m.d.sync += digits.eq(Mux(start, multiplier, digits >> digit_bits))
            rows += [Mux(digits[bit], total, 0) << bit for bit in range(digit_bits)]
        width = _sum_bits([len(total) for total, _ in factors])
        product = Signal(signed(width + self.cycles * digit_bits), name=f"product_{unit}", reset_less=True)
        top = Signal(signed(width + digit_bits), name=f"top_{unit}")
        m.d.comb += top.eq(sum(rows) + Mux(started, 0, product[low_bits + digit_bits :].as_signed()))
        m.d.sync += product.eq(Cat(product[digit_bits : low_bits + digit_bits], top))
        return product

    def _dsp(self, m: Module, unit: int, factors: Sequence[tuple[Signal, Value]]):
        """Return the sum of products, made of the partial products of 18 x 18 blocks and two registers of sums."""
        pairs: list[tuple[Value, Value]] = []
        for term, (total, multiplier) in enumerate(factors):
            at = unit * self.terms + term
            factor = Signal(unsigned(self.constants.multiplier_bits), name=f"factor_{at}", reset_less=True)
            m.d.sync += factor.eq(multiplier)
            pairs.append((total, factor))
        return wide_sum(m, pairs, str(unit))

    def _finished(self, m: Module, unit: int, product):
        """Return the product rounded, shifted, with the zero point added, and saturated."""
        r, within = self.requantize, self.constants.product
        low, high = (round_half_even(bound, r.shift) for bound in (within.low, within.high))
        rounded = Signal(Shape.cast(range(low, high + 1)), name=f"rounded_{unit}", reset_less=True)
        m.d.sync += rounded.eq(round_half_even(product, r.shift))
        value = Signal(self.result[0].shape(), name=f"value_{unit}", reset_less=True)
        below = Mux(rounded > r.high - r.zero_point, r.high, rounded + r.zero_point)
        m.d.sync += value.eq(Mux(rounded < r.low - r.zero_point, r.low, below))
        return value

    def _assemble(self, m: Module, values, ready) -> None:
        """Gather the rounds of a result, the first in the low lanes."""
        width = self.result[0].shape().width
        newest = Cat(values)
        word = newest
        if self.rounds > 1:
            gathered = Signal((self.rounds - 1) * self.fold.units * width, reset_less=True)
            word = Cat(gathered, newest)
            with m.If(ready):
                m.d.sync += gathered.eq(word[len(newest) :])
        last_round = cyclic(m, self.rounds, ready, "rounds_done") == self.rounds - 1
        m.d.comb += self.push.eq(ready & last_round)
        ragged = Signal()
        if self.live < self.pe:
            m.d.comb += ragged.eq(cyclic(m, self.tiles, self.push, "tile_done") == self.tiles - 1)
        for lane in range(self.pe):
            channel = word[lane * width : (lane + 1) * width]
            m.d.comb += self.result[lane].eq(Mux(ragged, 0, channel) if lane >= self.live else channel)


def wide_product(m: Module, a: Value, b: Value, name: str) -> Signal:
    """Return ``a * b``, made of the partial products of 18 x 18 blocks, `pipeline.DSP_STAGES` cycles later."""
    return wide_sum(m, [(a, b)], name)


def wide_sum(m: Module, pairs: Sequence[tuple[Value, Value]], name: str) -> Signal:
    """Return the sum of the products of ``pairs``, made as `wide_product` is, as late."""
    partial: list[Value] = []
    for number, (a, b) in enumerate(pairs):
        own = name if len(pairs) == 1 else f"{name}_{number}"
        for i, (part, a_at) in enumerate(_chunks(a)):
            for j, (factor, b_at) in enumerate(_chunks(b)):
                register = Signal((part * factor).shape(), name=f"partial_{own}_{i}_{j}", reset_less=True)
                m.d.sync += register.eq(part * factor)
                partial.append(register << (a_at + b_at))
    halves = []
    for number, terms in enumerate((partial[::2], partial[1::2])):
        if terms:
            half = Signal(sum(terms).shape(), name=f"half_{name}_{number}", reset_less=True)
            m.d.sync += half.eq(sum(terms))
            halves.append(half)
    width = _sum_bits([len(a) + len(b) for a, b in pairs])
    product = Signal(signed(width), name=f"product_{name}", reset_less=True)
    m.d.sync += product.eq(sum(halves))
    return product


def _sum_bits(widths: Sequence[int]) -> int:
    """Return the signed width that holds any sum of signed values of ``widths``."""
    return max(widths) + (len(widths) - 1).bit_length()


def _chunks(value: Signal) -> list[tuple[Value, int]]:
    """Return ``value`` in pieces that a DSP block's operand holds, each with its place; the top keeps the sign."""
    pieces: list[tuple[Value, int]] = []
    for at in range(0, len(value), PIECE_BITS):
        last = len(value) - at <= PIECE_BITS + value.shape().signed
        piece = value[at:] if last else value[at : at + PIECE_BITS]
        pieces.append((piece.as_signed() if last and value.shape().signed else piece, at))
        if last:
            break
    return pieces
