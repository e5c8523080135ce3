"""What an FPGA part offers, and how synthesis spends it on memories and multipliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accel.packing import Packing

_LEAST_OPERAND_BITS = 2
"""An operand of one bit only switches the other."""
_LEAST_SLICE_BITS = 3
"""What is left of an operand that is cut goes into look-up tables if it is narrower."""


@dataclass(frozen=True, slots=True)
class MemoryCell:
    """One kind of cell that Yosys maps memories to, as its library file describes it.

    Attributes
    ----------
    shapes : tuple of (int, int)
        The shapes, depth and width, that a cell can take with separate read and write ports.
    cost : int
        What memory_libmap counts for a cell.
    scale : int
        How much of that is counted by the bits in use.
    byte : int
        Bits with a write enable of their own.
    lut, bram : int
        What a cell takes of the part.
    reads_first : bool
        A read gives the word from before a write to the same address in the same cycle, as the gateware wants it;
        otherwise Yosys builds that around the cell.
    """

    shapes: tuple[tuple[int, int], ...]
    cost: int
    scale: int = 0
    byte: int = 1
    lut: int = 0
    bram: int = 0
    reads_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """What Yosys makes of logic in a family: look-up tables for a bit of each kind of it, see `accel.schedule.logic`.

    Attributes
    ----------
    inputs : int
        Of a look-up table.
    joined : int
        Inputs of the widest function that look-up tables make with the multiplexers between them.
    ways : int
        Of a multiplexer that a look-up table makes where tables are joined.
    constant_adder : float
        A bit of a carry chain that adds a constant.
    gate : float
        A bit switched on and off, or chosen of two, before it goes into a carry chain.
    compressor : float
        A full adder outside the carry chains.
    digit, further_digit : float
        A bit of a serial multiplier's second and third row, with its gate, and of the rows after them.
    margin, timer, counter : float
        A bit of a sequencer's margin, of a counter that is reloaded and compared, of one that only counts.
    shift_register : int
        Cycles that one look-up table delays a bit by; 0 where flip-flops do.
    product_register : bool
        Whether the register behind a product is the DSP block's.
    post_adder : str
        For which products Yosys has a DSP block add one number: "any", those of "signed" factors, or none.
    """

    inputs: int
    joined: int
    ways: int
    constant_adder: float
    gate: float
    compressor: float
    digit: float
    further_digit: float
    margin: float
    timer: float
    counter: float
    shift_register: int = 0
    product_register: bool = False
    post_adder: Literal["any", "signed", "none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One FPGA part.

    Attributes
    ----------
    name : str
        As on the command line.
    family : str
        A name that stands for the largest listed part of the family.
    part : str
        The maker's ordering name.
    source : str
        Data sheet that the figures come from.
    lut, ff : int
        Look-up tables, flip-flops.
    dsp : int
        Multipliers of a by b bits, signed.
    dsp_a_bits, dsp_b_bits : int
    dsp_least_product_bits : int
        Products narrower than this are built of look-up tables by Yosys.
    dsp_signed_only : bool
        Whether unsigned operands take a bit more, for their sign.
    bram, bram_bits : int
        Block RAMs and the data bits of each.
    memory_cells : tuple of MemoryCell
        What memories are mapped to, block RAM and look-up tables.
    fabric : Fabric
        What logic is made of.
    rom_bit_cost : float
        What Yosys counts for a bit of a constant table in logic.
    clock_hz : float
        What is aimed at where the user names no clock.
    significand_bits : int
        Of requantisation multipliers, where the user names none.
    """

    name: str
    family: str
    part: str
    source: str
    lut: int
    ff: int
    dsp: int
    dsp_a_bits: int
    dsp_b_bits: int
    dsp_least_product_bits: int = 0
    dsp_signed_only: bool = False
    bram: int
    bram_bits: int
    memory_cells: tuple[MemoryCell, ...]
    fabric: Fabric
    rom_bit_cost: float = 1 / 16
    clock_hz: float
    significand_bits: int = 24

    @property
    def offers(self) -> dict[str, int]:
        """What the part has, by the names of a resource estimate."""
        return {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram": self.bram}

    @property
    def constant_bits(self) -> int:
        """Bits of constants that the whole part could hold: all its block RAM, and every look-up table as a ROM."""
        return self.bram * self.bram_bits + (self.lut << self.fabric.inputs)

    def multiplier_dsps(self, a_bits: int, b_bits: int, *, signed: bool = True) -> int:
        """Return the DSP blocks of one multiplier, whose operands are signed, or both are not.

        A wider operand is cut into slices, which of a signed one lose a bit each to the sign of those above; products
        of slices that are too narrow are built of look-up tables.
        """
        if min(a_bits, b_bits) < _LEAST_OPERAND_BITS:
            return 0
        if self.dsp_signed_only and not signed:
            a_bits, b_bits, signed = a_bits + 1, b_bits + 1, True

        def slices(bits: int, port: int) -> list[int]:
            whole = port - signed
            cut = 0 if bits <= port else -(-(bits - port) // whole)
            rest = bits - cut * whole
            return [whole] * cut + [rest] * (not cut or rest >= _LEAST_SLICE_BITS)

        def products(a: list[int], b: list[int]) -> int:
            return sum(x + y >= self.dsp_least_product_bits for x in a for y in b)

        return min(
            products(slices(a_bits, self.dsp_a_bits), slices(b_bits, self.dsp_b_bits)),
            products(slices(b_bits, self.dsp_a_bits), slices(a_bits, self.dsp_b_bits)),
        )

    def products_per_multiplier(self, packing: Packing) -> int:
        """Return the products of one element that a DSP block computes at a time: 2 where its ports take the word.

        Products that are built of look-up tables one by one stay there.
        """
        element, weight = packing.element.bits, packing.weight.bits
        ports = ((self.dsp_a_bits, self.dsp_b_bits), (self.dsp_b_bits, self.dsp_a_bits))
        fits = any(element <= a and packing.word_bits <= b for a, b in ports)
        return 2 if fits and self.multiplier_dsps(element, weight) == 1 else 1
