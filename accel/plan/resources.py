"""What kernels take of a part: multipliers and block RAM by synthesis's own rules, logic by estimate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from accel.schedule.base import KernelSpec
from accel.schedule.logic import Logic, pieces
from accel.schedule.memory import Memory
from accel.targets import Target
from accel.targets.base import Fabric, MemoryCell

_MUX_BIT_COST, _DEMUX_COST, _PORT_COST, _READ_FIRST_COST = 0.5, 0.5, 2, 12
"""What Yosys's memory mapping counts for a bit of a multiplexer over banks, a bank's write enable, a read port of its
own, and for making a cell read first that does not."""
_COMPARED_BITS = 4
"""Address bits that a look-up table compares with what was written last, on either side of a carry chain."""
_LEAST_SHIFT = 3
"""Cycles from which on Yosys makes a shift register of look-up tables, where there are such."""
_KERNEL_LUT = 4
"""What joins a kernel's blocks: handshakes, and flags that have no bits of their own."""


@dataclass(frozen=True, slots=True)
class Resources:
    """A use of resources; ``multipliers`` are products of multiply-accumulates a cycle, ``dsp`` the blocks of all."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram: int = 0
    multipliers: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram + other.bram,
            self.multipliers + other.multipliers,
        )

    def within(self, limits: Mapping[str, int]) -> bool:
        """Whether no resource named in ``limits`` exceeds it."""
        return all(getattr(self, name) <= most for name, most in limits.items())


def mux_luts(ways: int, fabric: Fabric) -> int:
    """Return the look-up tables of a bit chosen of ``ways``."""
    if ways < 2:
        return 0
    if fabric.joined > fabric.inputs:
        return -(-ways // fabric.ways)
    return -(-2 * (ways - 1) // 3)  # two tables of four inputs take in three further ways


def rom_luts(depth: int, fabric: Fabric) -> int:
    """Return the look-up tables of a bit of a constant table of ``depth`` words."""
    leaves = -(-depth // (1 << fabric.inputs))
    return leaves + mux_luts(-(-depth // (1 << fabric.joined)), fabric)


def memory_use(memory: Memory, target: Target) -> Resources:
    """Return what a memory takes: block RAM, LUT RAM, or logic, whichever Yosys's memory mapping counts least for.

    References
    ----------
    Yosys 0.70: pass memory_libmap, and the library files of each family; held against its results in a test.
    """
    choices = [_in_logic(memory, target)]
    for cell in target.memory_cells:
        if cell.bram if memory.initialised else memory.clocked or not cell.bram:
            choices += _in_cells(memory, cell, target.fabric)
    _, use = min(choices, key=lambda c: c[0])
    return _times(use, memory.copies)


def _in_logic(memory: Memory, target: Target) -> tuple[float, Resources]:
    """Return what is counted for a memory in logic, and what it takes."""
    bits, fabric = memory.depth * memory.bits, target.fabric
    if memory.initialised:
        word = logic_use(Logic(delays=((memory.bits, memory.registers),)), target)
        return bits * target.rom_bit_cost, word + Resources(lut=memory.bits * rom_luts(memory.depth, fabric))
    lut = memory.bits * mux_luts(memory.depth, fabric) + memory.depth
    return bits, Resources(lut=lut, ff=bits + memory.bits * memory.clocked)


def _in_cells(memory: Memory, cell: MemoryCell, fabric: Fabric) -> Iterator[tuple[float, Resources]]:
    """Yield what is counted for a memory in cells of one kind, and what it takes, shape by shape.

    Words beyond a cell's depth stand beside those before them, a bank each; several may share a cell, where each has
    write enables of its own.
    """
    is_ram = not memory.initialised
    emulated = is_ram and bool(cell.bram) and not cell.reads_first
    for rows, columns in cell.shapes:
        byte = min(cell.byte, columns) if is_ram else 1
        banks, width = -(-memory.depth // rows), -(-memory.bits // byte) * byte
        cells = -(-banks * width // columns)
        enables = banks if is_ram and banks > 1 else 0
        cost = (cell.cost - cell.scale) * cells + cell.scale * banks * memory.bits / columns + _PORT_COST
        cost += (banks - 1) * memory.bits * _MUX_BIT_COST + enables * _DEMUX_COST + emulated * _READ_FIRST_COST
        use = Resources(
            lut=cells * cell.lut + memory.bits * mux_luts(banks, fabric) + enables * (not cell.bram),
            ff=memory.bits * (memory.registers - bool(cell.bram)) * memory.clocked,
            bram=cells * cell.bram,
        )
        if emulated:  # what was read and what was written last, and whether in the same place
            compared = 2 * (memory.depth - 1).bit_length()
            use += Resources(lut=memory.bits + -(-compared // _COMPARED_BITS), ff=2 * memory.bits + 1)
        yield cost, use


def _times(use: Resources, copies: int) -> Resources:
    return Resources(use.lut * copies, use.ff * copies, use.dsp * copies, use.bram * copies)


def multiplier_use(a_bits: int, b_bits: int, target: Target, *, signed: bool = True) -> Resources:
    """Return what a multiplier takes whose operands are signed, or both are not."""
    dsps = target.multiplier_dsps(a_bits, b_bits, signed=signed)
    return Resources(dsp=dsps) if dsps else Resources(lut=a_bits * b_bits)


def wide_use(a_bits: int, b_bits: int, target: Target) -> Resources:
    """Return what a multiplier of a signed and an unsigned number takes, made of the products of their pieces."""
    use = Resources()
    for a, a_signed in pieces(a_bits, True):
        for b, _ in pieces(b_bits, False):
            use += multiplier_use(a, b + a_signed, target, signed=a_signed)
    return use


def logic_use(logic: Logic, target: Target) -> Resources:
    """Return what logic takes."""
    fabric = target.fabric
    lut = (
        logic.adder
        + fabric.constant_adder * logic.constant_adder
        + fabric.gate * logic.gate
        + fabric.compressor * logic.compressor
        + fabric.digit * logic.digit
        + fabric.further_digit * logic.further_digit
        + fabric.margin * logic.margin
        + fabric.timer * logic.timer
        + fabric.counter * logic.counter
        + sum(bits * mux_luts(ways, fabric) for bits, ways in logic.muxes)
    )
    ff = logic.register + (0 if fabric.product_register else logic.product_register)
    for bits, products, signed in logic.product_sums:
        ff += 0 if fabric.product_register else bits * products
        # A block adds one number to its product: of a pair, the other product; of one alone, what was summed before.
        if fabric.post_adder == "any" or (fabric.post_adder == "signed" and signed):
            lut += fabric.gate * bits if products == 1 else bits * ((products - 1) // 2)
            ff -= bits if products < 3 and fabric.post_adder == "any" else 0
        else:
            lut += bits + (fabric.gate * bits if products == 1 else fabric.compressor * bits * (products - 2))
    for bits, cycles in logic.delays:
        if fabric.shift_register and cycles >= _LEAST_SHIFT:
            lut += bits * -(-cycles // fabric.shift_register)
        else:
            ff += bits * cycles
    return Resources(lut=round(lut), ff=ff)


def estimate(spec: KernelSpec, target: Target) -> Resources:
    """Return what a kernel takes.

    DSP blocks and block RAMs follow the part's shapes. Logic is an estimate, of what the gateware is built of and what
    Yosys makes of each kind of it; docs/resources.md holds it against synthesis.
    """
    total = Resources(lut=_KERNEL_LUT, multipliers=spec.products)
    for use, (count, a_bits, b_bits) in spec.multipliers.items():
        one = wide_use if use == "requantize" else multiplier_use
        total += _times(one(a_bits, b_bits, target), count)
    for block in spec.blocks.values():
        total += logic_use(block, target)
    for memory in spec.memories:
        total += memory_use(memory, target)
    return total


def sum_of(uses: Iterable[Resources]) -> Resources:
    """Return the total."""
    total = Resources()
    for use in uses:
        total += use
    return total
