"""The byte shell: a core behind few pins, each stream one byte wide, so that any package has pins enough."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import stream as lib_stream
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accel.schedule.base import Stream
from hdl.stream import tdata_bits

BYTE_BITS = 8


class Gather(wiring.Component):
    """Gathers bytes into beats, the first byte in the low bits.

    Takes a byte a cycle and holds one beat at most; the first byte of the next may enter in the cycle in which the held
    one leaves, so a core that takes a beat every ``size`` cycles never waits. ``bytes.ready`` follows ``beat.ready``
    within the cycle.

    Parameters
    ----------
    size : int
        Bytes of a beat.

    Members
    -------
    bytes : In(stream of 8 bits)
    beat : Out(stream of ``8 * size`` bits)
    """

    def __init__(self, size: int):
        self.size = size
        super().__init__(
            {
                "bytes": In(lib_stream.Signature(BYTE_BITS)),
                "beat": Out(lib_stream.Signature(BYTE_BITS * size)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        held = Signal(BYTE_BITS * self.size)
        filled = Signal(range(self.size + 1))
        leaves, enters = Signal(), Signal()
        m.d.comb += [
            self.beat.payload.eq(held),
            self.beat.valid.eq(filled == self.size),
            self.bytes.ready.eq(~self.beat.valid | self.beat.ready),
            leaves.eq(self.beat.valid & self.beat.ready),
            enters.eq(self.bytes.valid & self.bytes.ready),
        ]
        kept = Signal.like(filled)
        with m.If(~leaves):
            m.d.comb += kept.eq(filled)
        m.d.sync += filled.eq(kept + enters)
        with m.If(enters):
            m.d.sync += held.word_select(kept, BYTE_BITS).eq(self.bytes.payload)
        return m


class Scatter(wiring.Component):
    """Scatters beats into bytes, the low bits first.

    Gives a byte a cycle; the next beat may enter in the cycle in which the last byte of the held one leaves.
    ``beat.ready`` follows ``bytes.ready`` within the cycle.

    Parameters
    ----------
    size : int
        Bytes of a beat.

    Members
    -------
    beat : In(stream of ``8 * size`` bits)
    bytes : Out(stream of 8 bits)
    """

    def __init__(self, size: int):
        self.size = size
        super().__init__(
            {
                "beat": In(lib_stream.Signature(BYTE_BITS * size)),
                "bytes": Out(lib_stream.Signature(BYTE_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        held = Signal(BYTE_BITS * self.size)
        left = Signal(range(self.size + 1))
        leaves, enters = Signal(), Signal()
        m.d.comb += [
            self.bytes.payload.eq(held[:BYTE_BITS]),
            self.bytes.valid.eq(left != 0),
            leaves.eq(self.bytes.valid & self.bytes.ready),
            self.beat.ready.eq((left == 0) | ((left == 1) & self.bytes.ready)),
            enters.eq(self.beat.valid & self.beat.ready),
        ]
        with m.If(enters):
            m.d.sync += [held.eq(self.beat.payload), left.eq(self.size)]
        with m.Elif(leaves):
            m.d.sync += [held.eq(held >> BYTE_BITS), left.eq(left - 1)]
        return m


class Shell(wiring.Component):
    """A core behind one byte a stream: `Gather` before each of its inputs, `Scatter` behind each output.

    Parameters
    ----------
    core : str
        Module name of the core, which has ports as `hdl.top.Top` has.
    inputs, outputs : sequence of (str, Stream)
        `hdl.top.Top.inputs` and ``outputs``.

    Members
    -------
    <prefix> : In(stream of 8 bits) or Out(stream of 8 bits)
        Per port of the core, under its prefix: ``s``, or ``s0`` and so on; ``m``, or ``m0`` and so on.
    """

    def __init__(self, core: str, inputs: Sequence[tuple[str, Stream]], outputs: Sequence[tuple[str, Stream]]):
        self.core, self.inputs, self.outputs = core, tuple(inputs), tuple(outputs)
        byte = lib_stream.Signature(BYTE_BITS)
        super().__init__(
            {prefix: In(byte) for prefix, _ in self.inputs} | {prefix: Out(byte) for prefix, _ in self.outputs}
        )

    def elaborate(self, platform):
        m = Module()
        pins = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for prefix, stream in self.inputs:
            m.submodules[f"gather_{prefix}"] = gather = Gather(tdata_bits(stream) // BYTE_BITS)
            wiring.connect(m, wiring.flipped(getattr(self, prefix)), gather.bytes)
            pins |= {
                f"i_{prefix}_valid": gather.beat.valid,
                f"o_{prefix}_ready": gather.beat.ready,
                f"i_{prefix}_data": gather.beat.payload,
                f"i_{prefix}_last": Const(0),  # the core counts its beats
            }
        for prefix, stream in self.outputs:
            m.submodules[f"scatter_{prefix}"] = scatter = Scatter(tdata_bits(stream) // BYTE_BITS)
            wiring.connect(m, scatter.bytes, wiring.flipped(getattr(self, prefix)))
            pins |= {
                f"o_{prefix}_valid": scatter.beat.valid,
                f"i_{prefix}_ready": scatter.beat.ready,
                f"o_{prefix}_data": scatter.beat.payload,
                f"o_{prefix}_last": Signal(name=f"{prefix}_last"),
            }
        m.submodules.core = Instance(self.core, **pins)
        return m
