"""What kernels take of a part: multipliers and block RAM by synthesis's own rules, logic by estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accel.schedule.base import KernelSpec, Memory
from accel.targets import Target

_LUT_RAM_DEPTH = 64
"""Yosys gives RAMs of 64 words and fewer to LUT RAM on parts that have it (64 x 40 bits on ECP5 goes there)."""
_ROM_LUT_BITS = 1024
"""Constants up to this size become logic."""
_CONTROL_LUT, _CONTROL_FF = 150, 120
"""A sequencer with its handshakes."""


@dataclass(frozen=True, slots=True)
class Resources:
    """A use of resources; ``multipliers`` are those of the multiply-accumulates, ``dsp`` all that become DSP blocks."""

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
    """Return what a memory takes: block RAM, LUT RAM, or logic.

    The rule is that of Yosys's memory mapping as measured: shallow RAMs go to LUT RAM where there is any and to
    flip-flops where there is none and they are tiny; small constants become logic; all else takes block RAM.
    """
    bits = memory.depth * memory.bits
    if memory.initialised:
        if bits <= _ROM_LUT_BITS or memory.depth <= 4:
            return _times(Resources(lut=-(-bits // (1 << target.lut_inputs))), memory.copies)
    elif target.lut_ram_bits and memory.depth <= _LUT_RAM_DEPTH:
        banks = -(-memory.depth // target.lut_ram_bits)
        # A dual-port LUT RAM also spends look-up tables on its write port, and a multiplexer over its banks.
        return _times(Resources(lut=memory.bits * (3 * banks + 1) // 2 + memory.bits * (banks - 1)), memory.copies)
    elif memory.depth <= 4:
        return _times(Resources(lut=bits, ff=bits), memory.copies)
    return _times(Resources(bram=target.memory_brams(memory.depth, memory.bits)), memory.copies)


def _times(use: Resources, copies: int) -> Resources:
    return Resources(use.lut * copies, use.ff * copies, use.dsp * copies, use.bram * copies)


def estimate(spec: KernelSpec, target: Target) -> Resources:
    """Return what a kernel takes.

    DSP blocks and block RAMs follow the part's shapes. Logic is an estimate: a look-up table per bit of every adder,
    comparator and multiplexer (two thirds of one where they have six inputs), a register behind each, and a sequencer.
    """
    total = Resources(multipliers=spec.multipliers["mac"][0] if "mac" in spec.multipliers else 0)
    lut, ff = _CONTROL_LUT, _CONTROL_FF
    for count, a_bits, b_bits in spec.multipliers.values():
        dsps = target.multiplier_dsps(a_bits, b_bits)
        total += Resources(dsp=count * dsps)
        lut += 0 if dsps else count * a_bits * b_bits
        ff += count * (a_bits + b_bits)
    for count, bits in spec.adders.values():
        lut += count * bits
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
