"""A register map behind AXI4-Lite."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.axi.registers import ADDRESS_BITS, WORD_BITS, Access, Register, signal, signals

OKAY, SLVERR = 0, 2
BYTES = WORD_BITS // 8

PORTS = {
    "awvalid": In(1), "awready": Out(1), "awaddr": In(ADDRESS_BITS), "awprot": In(3),
    "wvalid": In(1), "wready": Out(1), "wdata": In(WORD_BITS), "wstrb": In(BYTES),
    "bvalid": Out(1), "bready": In(1), "bresp": Out(2),
    "arvalid": In(1), "arready": Out(1), "araddr": In(ADDRESS_BITS), "arprot": In(3),
    "rvalid": Out(1), "rready": In(1), "rdata": Out(WORD_BITS), "rresp": Out(2),
}  # fmt: skip
"""The signals of an AXI4-Lite device; protection bits are not read."""


class RegisterFile(wiring.Component):
    """Registers that an AXI4-Lite manager reads and writes, a word at a time.

    Address and data of a write come in any order. Every output comes from a register, so nothing crosses from one
    channel to another within a cycle. One read and one write are in progress at most: two cycles from the later of
    address and data to the response, if that is taken at once. An address in no register, and a write to a register
    that has nothing to write, are answered SLVERR, change nothing and read 0. The lowest two bits of an address are not
    read: bytes whose strobe is low are not written, and a read gives the whole word.

    Parameters
    ----------
    registers : sequence of Register

    Members
    -------
    awvalid, awready, .. rresp
        `PORTS`.
    <register>_<field> : Out
        Of a setting its value; of a command one cycle of 1; of a sticky field its state. The name is given once where
        register and field have the same.
    <register>_<field>_now : In
        What a status or a command field reads.
    <register>_<field>_set : In
        Sets a sticky field.
    refused : Out(1)
        A cycle of 1 with the beginning of every SLVERR.
    """

    def __init__(self, registers: Sequence[Register]):
        self.registers = tuple(registers)
        members = dict(PORTS) | {"refused": Out(1)}
        for access, suffixes in _MEMBERS.items():
            for register, field in signals(self.registers, access):
                for suffix, flow in suffixes:
                    members[signal(register, field) + suffix] = flow(field.bits)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        write_refused, read_refused = Signal(), Signal()
        self._writes(m, write_refused)
        self._reads(m, read_refused)
        m.d.sync += self.refused.eq(write_refused | read_refused)
        return m

    def _writes(self, m: Module, refused: Signal) -> None:
        address, address_held = _slot(m, self.awvalid, self.awready, self.awaddr[2:], "write_address")
        word, word_held = _slot(m, self.wvalid, self.wready, Cat(self.wdata, self.wstrb), "write_word")
        data, strobes = word[:WORD_BITS], word[WORD_BITS:]
        execute, known = Signal(), Signal()
        ones = Signal(WORD_BITS)
        m.d.comb += [
            execute.eq(address_held & word_held & ~self.bvalid),
            ones.eq(data & Cat(strobe.replicate(8) for strobe in strobes)),
            refused.eq(execute & ~known),
        ]
        with m.If(self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(execute):
            m.d.sync += [self.bvalid.eq(1), address_held.eq(0), word_held.eq(0)]
            with m.If(known):
                m.d.sync += self.bresp.eq(OKAY)
            with m.Else():
                m.d.sync += self.bresp.eq(SLVERR)
        for register in self.registers:
            if not register.writable:
                continue
            written = Signal(name=f"write_{register.name.lower()}")
            m.d.comb += written.eq(execute & (address == register.offset // BYTES))
            with m.If(written):
                m.d.comb += known.eq(1)
            for field in register.fields:
                bits = slice(field.lsb, field.lsb + field.bits)
                self._write(m, register, field, written, ones[bits], Cat(s.replicate(8) for s in strobes)[bits])

    def _write(self, m: Module, register: Register, field, written, ones, mask) -> None:
        name = signal(register, field)
        if field.access is Access.SETTING:
            kept = Signal(field.bits, name=f"kept_{name}", init=field.value)
            with m.If(written):
                m.d.sync += kept.eq((kept & ~mask) | ones)
            m.d.comb += getattr(self, name).eq(kept)
        elif field.access is Access.COMMAND:
            m.d.comb += getattr(self, name).eq(ones & written.replicate(field.bits))
        elif field.access is Access.STICKY:
            cleared = Signal(field.bits, name=f"clear_{name}")
            m.d.comb += cleared.eq(ones & written.replicate(field.bits))
            m.d.sync += getattr(self, name).eq((getattr(self, name) & ~cleared) | getattr(self, f"{name}_set"))

    def _reads(self, m: Module, refused: Signal) -> None:
        address, held = _slot(m, self.arvalid, self.arready, self.araddr[2:], "read_address")
        execute, known = Signal(), Signal()
        word = Signal(WORD_BITS)
        m.d.comb += [execute.eq(held & ~self.rvalid), refused.eq(execute & ~known)]
        with m.Switch(address):
            for register in self.registers:
                with m.Case(register.offset // BYTES):
                    m.d.comb += known.eq(1)
                    m.d.comb += [
                        word[field.lsb : field.lsb + field.bits].eq(self._value(register, field))
                        for field in register.fields
                    ]
        with m.If(self.rready):
            m.d.sync += self.rvalid.eq(0)
        with m.If(execute):
            m.d.sync += [self.rvalid.eq(1), held.eq(0), self.rdata.eq(word)]
            with m.If(known):
                m.d.sync += self.rresp.eq(OKAY)
            with m.Else():
                m.d.sync += self.rresp.eq(SLVERR)

    def _value(self, register: Register, field):
        if field.access is Access.CONSTANT:
            return field.value
        name = signal(register, field)
        reads_gateware = field.access in (Access.STATUS, Access.COMMAND)
        return getattr(self, f"{name}_now" if reads_gateware else name)


_MEMBERS = {
    Access.STATUS: (("_now", In),),
    Access.SETTING: (("", Out),),
    Access.COMMAND: (("", Out), ("_now", In)),
    Access.STICKY: (("", Out), ("_set", In)),
}


def _slot(m: Module, valid, ready, payload, name: str) -> tuple[Signal, Signal]:
    """Return a channel's payload and whether there is one; it stays until the flag is cleared."""
    kept, held = Signal(len(payload), name=name), Signal(name=f"{name}_held")
    m.d.comb += ready.eq(~held)
    with m.If(valid & ready):
        m.d.sync += [kept.eq(payload), held.eq(1)]
    return kept, held
