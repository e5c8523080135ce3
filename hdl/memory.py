"""Read-only memories that synthesis maps to block RAM, of any depth without a slow path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.schedule.memory import ROM_BANK_WORDS, ROM_LATENCY
from hdl.delay import delayed


class DeepRom(wiring.Component):
    """A memory of constants in banks, each with a register behind it before one of them is selected.

    Block RAM is slow to give its word, and a deep memory needs a multiplexer behind it: the two never share a cycle.
    The word read at an address given in cycle t stands at t + `latency`; a word a cycle.

    Parameters
    ----------
    width : int
        Bits of a word.
    words : sequence of int
        The contents, unsigned.

    Members
    -------
    address : In
    word : Out(width)
    """

    latency: ClassVar[int] = ROM_LATENCY

    def __init__(self, width: int, words: Sequence[int]):
        self.width, self.words = width, list(words)
        super().__init__({"address": In(max(1, (len(self.words) - 1).bit_length())), "word": Out(width)})

    def elaborate(self, platform):
        m = Module()
        bits = (ROM_BANK_WORDS - 1).bit_length()
        banks = []
        for start in range(0, len(self.words), ROM_BANK_WORDS):
            part = self.words[start : start + ROM_BANK_WORDS]
            number = len(banks)
            m.submodules[f"bank_{number}"] = memory = Memory(shape=self.width, depth=len(part), init=part)
            port = memory.read_port()
            bank = Signal(self.width, name=f"bank_{number}", reset_less=True)
            m.d.comb += port.addr.eq(self.address[:bits])
            m.d.sync += bank.eq(port.data)
            banks.append(bank)
        chosen = banks[0]
        if len(banks) > 1:
            chosen = Array(banks)[delayed(m, self.address[bits:], self.latency - 1, "chosen", flag=False)]
        word = Signal(self.width, reset_less=True)
        m.d.sync += word.eq(chosen)
        m.d.comb += self.word.eq(word)
        return m
