"""What kernels take of a part: multipliers and block RAM by synthesis's own rules, logic by estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accel.schedule.base import KernelSpec, Memory
from accel.targets import Target

_MUX_BIT_COST = 0.5
"""What Yosys's memory mapping counts for a bit of a multiplexer over banks."""
_LUT_PER_BIT = 2
"""Look-up tables of a bit of an adder or comparator with what is selected before it."""
_CONTROL_LUT, _CONTROL_FF = 200, 200
"""A sequencer with its tables, counters and handshakes."""


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


def memory_use(memory: Memory, target: Target) -> Resources:
    """Return what a memory takes: block RAM, LUT RAM, or logic, whichever Yosys's memory mapping counts least for.

    References
    ----------
    Yosys 0.70: pass memory_libmap, and the library files of each family; held against its results in a test.
    """
    bits = memory.depth * memory.bits
    choices: list[tuple[float, Resources]] = []
    if memory.initialised:
        lut = -(-2 * bits // (1 << target.lut_inputs))
        choices.append((bits * target.rom_bit_cost, Resources(lut=lut)))
    else:
        choices.append((bits, Resources(lut=bits, ff=bits)))
        cell = target.lut_ram
        if cell is not None:
            banks, cells = -(-memory.depth // cell.depth), -(-memory.bits // cell.bits)
            mux = (banks - 1) * memory.bits
            use = Resources(lut=banks * cells * cell.lut + mux)
            choices.append((banks * cells * cell.cost + _MUX_BIT_COST * mux, use))
    if memory.clocked:
        banks, across = target.memory_shape(memory.depth, memory.bits)
        mux = (banks - 1) * memory.bits
        use = Resources(lut=mux, bram=banks * across)
        choices.append((banks * across * target.bram_cost + _MUX_BIT_COST * mux, use))
    _, use = min(choices, key=lambda c: c[0])
    return _times(use, memory.copies)


def _times(use: Resources, copies: int) -> Resources:
    return Resources(use.lut * copies, use.ff * copies, use.dsp * copies, use.bram * copies)


def estimate(spec: KernelSpec, target: Target) -> Resources:
    """Return what a kernel takes.

    DSP blocks and block RAMs follow the part's shapes. Logic is an estimate: `_LUT_PER_BIT` look-up tables a bit of
    every adder, comparator and multiplexer (two thirds of that where they have six inputs), a register behind each,
    and a sequencer; within a third of what synthesis gives for LeNet-5.
    """
    total = Resources(multipliers=spec.products)
    lut, ff = _CONTROL_LUT, _CONTROL_FF
    for count, a_bits, b_bits in spec.multipliers.values():
        dsps = target.multiplier_dsps(a_bits, b_bits)
        total += Resources(dsp=count * dsps)
        lut += 0 if dsps else count * a_bits * b_bits
        ff += count * (a_bits + b_bits)
    for count, bits in spec.adders.values():
        lut += _LUT_PER_BIT * count * bits
        ff += count * bits
    total += Resources(lut=lut if target.lut_inputs < 6 else lut * 2 // 3, ff=ff)
    for memory in spec.memories:
        total += memory_use(memory, target)
    return total


def sum_of(uses: Iterable[Resources]) -> Resources:
    """Return the total."""
    total = Resources()
    for use in uses:
        total += use
    return total
