"""The memories of kernels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory a kernel has: ``copies`` of ``depth`` words of ``bits``.

    Attributes
    ----------
    name : str
    depth, bits, copies : int
    initialised : bool
        It holds constants and is never written.
    clocked : bool
        It is read with a clock, as block RAM must be.
    registers : int
        Of a memory of constants: registers in a row that its word goes through, its own included.
    """

    name: str
    depth: int
    bits: int
    copies: int = 1
    initialised: bool = False
    clocked: bool = True
    registers: int = 1


ROM_BANK_WORDS = 2048
"""Words of a bank of a deep constant memory: what one ECP5 block RAM holds at nine bits."""


ROM_LATENCY = 3
"""Cycles from its address to its word: the memory's own register, the bank's, and that of the selection."""


def rom_banks(name: str, depth: int, bits: int) -> tuple[Memory, ...]:
    """Return a deep constant memory as the gateware has it, in banks (`hdl.memory.DeepRom`)."""
    whole, rest = divmod(depth, ROM_BANK_WORDS)
    banks = ((ROM_BANK_WORDS, whole), (rest, 1 if rest else 0))
    return tuple(
        Memory(name, words, bits, copies, initialised=True, registers=ROM_LATENCY) for words, copies in banks if copies
    )


def table_memory(name: str, depth: int, bits: int) -> tuple[Memory, ...]:
    """Return the memory of a table of constants (`hdl.table.CyclicTable`); none where nothing in it changes."""
    return (Memory(name, depth, bits, initialised=True),) if bits and depth > 1 else ()
