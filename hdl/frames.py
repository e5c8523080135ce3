"""Frames on a byte stream in gateware: `accel.link` says what they are."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import crc, wiring
from amaranth.lib import stream as lib_stream
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from accel.link import CRC_BYTES, ESCAPE, FLAG, FLIP

_BYTE = 8


def checksum() -> crc.Processor:
    """Return a CRC-32 over bytes."""
    return catalog.CRC32_ISO_HDLC(_BYTE).create()


class Deframer(wiring.Component):
    """Finds frames in bytes and checks them.

    The last four bytes are held back, because they are the checksum if the frame ends: what is given as ``byte`` is the
    body, before it is known whether the frame is good. Nothing between two flags is no frame. Bytes must come five
    cycles apart or more; a serial line leaves many.

    Members
    -------
    taken : In(1)
        ``coded`` holds a byte off the line.
    coded : In(8)
    broken : In(1)
        A byte was lost: the frame under way is bad.
    given : Out(1)
        ``byte`` holds a byte of a body.
    byte : Out(8)
    good, bad : Out(1)
        The frame ended, for one cycle, two cycles or more after its last byte was given.
    """

    def __init__(self):
        super().__init__(
            {
                "taken": In(1), "coded": In(_BYTE), "broken": In(1),
                "given": Out(1), "byte": Out(_BYTE), "good": Out(1), "bad": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.checksum = check = checksum()
        held = Signal(_BYTE * CRC_BYTES)
        count = Signal(range(CRC_BYTES + 2))  # bytes of the frame, as far as it matters
        escaped, lost, ended = Signal(), Signal(), Signal()
        flag, escape, plain = Signal(), Signal(), Signal()
        byte = self.coded ^ Mux(escaped, FLIP, 0)
        m.d.comb += [
            flag.eq(self.taken & (self.coded == FLAG)),
            escape.eq(self.taken & (self.coded == ESCAPE)),
            plain.eq(self.taken & ~flag & ~escape),
            check.data.eq(byte),
            check.valid.eq(plain),
            check.start.eq(ended),
        ]
        m.d.sync += [self.given.eq(plain & (count >= CRC_BYTES)), ended.eq(flag), self.good.eq(0), self.bad.eq(0)]
        with m.If(plain):
            m.d.sync += [self.byte.eq(held[:_BYTE]), held.eq(Cat(held[_BYTE:], byte)), escaped.eq(0)]
            with m.If(count <= CRC_BYTES):
                m.d.sync += count.eq(count + 1)
        with m.If(escape):
            m.d.sync += escaped.eq(1)
        with m.If(self.broken):
            m.d.sync += lost.eq(1)
        with m.If(ended):
            whole = (count > CRC_BYTES) & check.match_detected & ~escaped & ~lost
            m.d.sync += [
                self.good.eq(whole), self.bad.eq(~whole & ((count != 0) | escaped | lost)),
                count.eq(0), escaped.eq(0), lost.eq(0),
            ]  # fmt: skip
        return m


class Framer(wiring.Component):
    """Puts frames around bodies.

    Takes a byte of a body ahead of the line, into a register: ``body.ready`` does not depend on anything within the
    cycle.

    Members
    -------
    body : In(stream of 8 bits)
    last : In(1)
        The byte is its body's last.
    coded : Out(stream of 8 bits)
    """

    def __init__(self):
        byte = lib_stream.Signature(_BYTE)
        super().__init__({"body": In(byte), "last": In(1), "coded": Out(byte)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.checksum = check = checksum()
        held, full, last = Signal(_BYTE), Signal(), Signal()
        left = Signal(range(CRC_BYTES))
        remainder = Signal(_BYTE * CRC_BYTES)
        byte = Signal(_BYTE)
        escaped, sending, special, moves = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.body.ready.eq(~full),
            special.eq((byte == FLAG) | (byte == ESCAPE)),
            # What moves is the byte itself, or the second of the two that stand for it.
            moves.eq(sending & self.coded.valid & self.coded.ready & (escaped | ~special)),
            check.data.eq(held),
        ]
        with m.If(self.body.valid & self.body.ready):
            m.d.sync += [held.eq(self.body.payload), last.eq(self.last), full.eq(1)]
        with m.If(sending):
            m.d.comb += self.coded.payload.eq(Mux(escaped, byte ^ FLIP, Mux(special, ESCAPE, byte)))
        with m.Else():
            m.d.comb += self.coded.payload.eq(FLAG)
        with m.If(sending & self.coded.valid & self.coded.ready):
            m.d.sync += escaped.eq(special & ~escaped)
        with m.FSM():
            with m.State("OPEN"):
                m.d.comb += [self.coded.valid.eq(full), check.start.eq(1)]
                with m.If(full & self.coded.ready):
                    m.next = "BODY"
            with m.State("BODY"):
                m.d.comb += [sending.eq(1), byte.eq(held), self.coded.valid.eq(full), check.valid.eq(moves)]
                with m.If(moves):
                    m.d.sync += full.eq(0)
                    with m.If(last):
                        m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [remainder.eq(check.crc), left.eq(CRC_BYTES - 1)]
                m.next = "REMAINDER"
            with m.State("REMAINDER"):
                m.d.comb += [sending.eq(1), byte.eq(remainder[:_BYTE]), self.coded.valid.eq(1)]
                with m.If(moves):
                    m.d.sync += [remainder.eq(remainder >> _BYTE), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.comb += self.coded.valid.eq(1)
                with m.If(self.coded.ready):
                    m.next = "OPEN"
        return m
