"""What an FPGA part offers, and how synthesis spends it on memories and multipliers."""

from __future__ import annotations

from dataclasses import dataclass

from accel.packing import Packing


@dataclass(frozen=True, slots=True)
class LutRam:
    """One LUT RAM cell: words, bits a word, what Yosys counts for it, and the look-up tables it takes."""

    depth: int
    bits: int
    cost: int
    lut: int


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
    lut, lut_inputs, ff : int
        Look-up tables, the inputs of each, flip-flops.
    dsp : int
        Multipliers of a by b bits, signed.
    dsp_a_bits, dsp_b_bits : int
    dsp_least_product_bits : int
        Products narrower than this are built of look-up tables by Yosys.
    bram, bram_bits : int
        Block RAMs and the data bits of each.
    bram_shapes : tuple of (int, int)
        The shapes, depth and width, that one block RAM can take with separate read and write ports.
    bram_cost : int
        What Yosys's memory mapping counts for one, by the part's library file.
    lut_ram : LutRam, optional
        What look-up tables make as RAM, where they do.
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
    lut_inputs: int
    ff: int
    dsp: int
    dsp_a_bits: int
    dsp_b_bits: int
    dsp_least_product_bits: int = 0
    bram: int
    bram_bits: int
    bram_shapes: tuple[tuple[int, int], ...]
    bram_cost: int = 128
    lut_ram: LutRam | None = None
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
        return self.bram * self.bram_bits + (self.lut << self.lut_inputs)

    def multiplier_dsps(self, a_bits: int, b_bits: int) -> int:
        """Return the DSP blocks of one signed multiplier.

        A wider operand is cut into slices that lose one bit each to the sign of those above.
        """
        if a_bits + b_bits < self.dsp_least_product_bits:
            return 0

        def slices(bits: int, port: int) -> int:
            return 1 if bits <= port else -(-(bits - 1) // (port - 1))

        return min(
            slices(a_bits, self.dsp_a_bits) * slices(b_bits, self.dsp_b_bits),
            slices(b_bits, self.dsp_a_bits) * slices(a_bits, self.dsp_b_bits),
        )

    def products_per_multiplier(self, packing: Packing) -> int:
        """Return the products of one element that a DSP block computes at a time: 2 where its ports take the word.

        Products that are built of look-up tables one by one stay there.
        """
        element, weight = packing.element.bits, packing.weight.bits
        packs = self.multiplier_dsps(element, packing.word_bits) == 1 == self.multiplier_dsps(element, weight)
        return 2 if packs else 1

    def memory_shape(self, depth: int, bits: int) -> tuple[int, int]:
        """Return the block RAMs, in depth and in width, that hold ``depth`` words of ``bits``; all in one shape."""
        shapes = [(-(-depth // rows), -(-bits // columns)) for rows, columns in self.bram_shapes]
        return min(shapes, key=lambda s: (s[0] * s[1], s[0]))
