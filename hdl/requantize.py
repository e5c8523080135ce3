"""The folded requantiser: a few multipliers serve the accumulators of a result one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.fixedpoint import Ints, Requantize, round_half_even
from accel.intervals import Interval
from accel.schedule import pipeline
from accel.schedule.fold import Requantizer
from hdl.delay import cyclic, delayed
from hdl.table import CyclicTable

_DSP_BITS = 17
"""Unsigned bits of one operand of an 18 x 18 signed multiplier."""


@dataclass(frozen=True, eq=False)
class Constants:
    """What the accumulators of a cycle of results are added to and multiplied by.

    Attributes
    ----------
    biases, multipliers : int64 arrays, shape (results, pe)
    total : Interval
        Every accumulator with its bias.
    """

    biases: Ints
    multipliers: Ints
    total: Interval

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the multipliers."""
        return max(1, int(self.multipliers.max()).bit_length())


class FoldedRequantizer(wiring.Component):
    """Makes results of accumulators: ``saturate(round_half_even((acc + bias) * multiplier >> shift) + zero_point)``.

    A result's ``pe`` accumulators are captured at ``load`` and served ``units`` at a time, in rounds. With `fold`
    giving ``occupancy`` and ``latency``, a load can follow another after ``occupancy`` cycles, and a result loaded in
    cycle t is at the output, with ``push``, in t + CAPTURE + BIAS + latency + ROUND + SATURATE. Nothing can be held
    back.

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
    accumulators : In(ArrayLayout(accumulator, pe))
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
        self.pe = constants.biases.shape[1]
        self.rounds, self.cycles = fold.rounds(self.pe), fold.cycles(constants.multiplier_bits)
        super().__init__(
            {
                "load": In(1),
                "accumulators": In(data.ArrayLayout(accumulator, self.pe)),
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
            total = Signal(signed(self.constants.total.bits), name=f"total_{unit}", reset_less=True)
            multiplier = table.word[f"multiplier_{unit}"]
            with m.If(start):
                m.d.sync += total.eq(held[unit] + table.word[f"bias_{unit}"])
            if self.fold.form == "serial":
                product = self._serial(m, unit, start, started, total, multiplier)
            else:
                product = self._dsp(m, unit, total, multiplier)
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
        """Return the captured accumulators; every round moves the next ``units`` of them to the front."""
        held = [
            Signal(self.accumulators[lane].shape(), name=f"held_{lane}", reset_less=True) for lane in range(self.pe)
        ]
        for lane, register in enumerate(held):
            following = lane + self.fold.units
            if following < self.pe:
                with m.If(start):
                    m.d.sync += register.eq(held[following])
            with m.If(self.load):
                m.d.sync += register.eq(self.accumulators[lane])
        return held

    def _columns(self) -> dict[str, Ints]:
        """Return each unit's bias and multiplier, round after round, result after result."""
        padding = ((0, 0), (0, self.rounds * self.fold.units - self.pe))
        columns: dict[str, Ints] = {}
        for name, values in (("bias", self.constants.biases), ("multiplier", self.constants.multipliers)):
            by_unit = np.pad(values, padding).reshape(-1, self.fold.units)
            columns |= {f"{name}_{unit}": by_unit[:, unit] for unit in range(self.fold.units)}
        return columns

    def _serial(self, m: Module, unit: int, start, started, total, multiplier):
        """Return the product, found a digit of the multiplier a cycle, the least significant first.

        Every cycle the product so far moves down by a digit and ``total * digit`` is added at its top.
        """
        digit_bits, low_bits = self.fold.digit_bits, (self.cycles - 1) * self.fold.digit_bits
        digits = Signal(self.cycles * digit_bits, name=f"digits_{unit}", reset_less=True)
        m.d.sync += digits.eq(Mux(start, multiplier, digits >> digit_bits))
        product = Signal(signed(len(total) + self.cycles * digit_bits), name=f"product_{unit}", reset_less=True)
        rows = [Mux(digits[bit], total, 0) << bit for bit in range(digit_bits)]
        top = Signal(signed(len(total) + digit_bits), name=f"top_{unit}")
        m.d.comb += top.eq(sum(rows) + Mux(started, 0, product[low_bits + digit_bits :].as_signed()))
        m.d.sync += product.eq(Cat(product[digit_bits : low_bits + digit_bits], top))
        return product

    def _dsp(self, m: Module, unit: int, total, multiplier):
        """Return the product, made of the partial products of 18 x 18 blocks and two registers of sums."""
        factor = Signal(unsigned(self.constants.multiplier_bits), name=f"factor_{unit}", reset_less=True)
        m.d.sync += factor.eq(multiplier)
        return wide_product(m, total, factor, str(unit))

    def _finished(self, m: Module, unit: int, product):
        """Return the product rounded, shifted, with the zero point added, and saturated."""
        r, total = self.requantize, self.constants.total
        largest = int(self.constants.multipliers.max())
        low, high = (round_half_even(bound * largest, r.shift) for bound in (min(total.low, 0), max(total.high, 0)))
        rounded = Signal(Shape.cast(range(low, high + 1)), name=f"rounded_{unit}", reset_less=True)
        m.d.sync += rounded.eq(round_half_even(product, r.shift))
        value = Signal(self.result[0].shape(), name=f"value_{unit}", reset_less=True)
        within = Mux(rounded > r.high - r.zero_point, r.high, rounded + r.zero_point)
        m.d.sync += value.eq(Mux(rounded < r.low - r.zero_point, r.low, within))
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
    partial: list[Value] = []
    for i, (part, a_at) in enumerate(_chunks(a)):
        for j, (factor, b_at) in enumerate(_chunks(b)):
            register = Signal((part * factor).shape(), name=f"partial_{name}_{i}_{j}", reset_less=True)
            m.d.sync += register.eq(part * factor)
            partial.append(register << (a_at + b_at))
    halves = []
    for number, terms in enumerate((partial[::2], partial[1::2])):
        if terms:
            half = Signal(sum(terms).shape(), name=f"half_{name}_{number}", reset_less=True)
            m.d.sync += half.eq(sum(terms))
            halves.append(half)
    product = Signal(signed(len(a) + len(b)), name=f"product_{name}", reset_less=True)
    m.d.sync += product.eq(sum(halves))
    return product


def _chunks(value: Signal) -> list[tuple[Value, int]]:
    """Return ``value`` in pieces that a DSP block's operand holds, each with its place; the top keeps the sign."""
    pieces: list[tuple[Value, int]] = []
    for at in range(0, len(value), _DSP_BITS):
        last = len(value) - at <= _DSP_BITS + value.shape().signed
        piece = value[at:] if last else value[at : at + _DSP_BITS]
        pieces.append((piece.as_signed() if last and value.shape().signed else piece, at))
        if last:
            break
    return pieces
