"""The host link: frames off a serial line become tensors for a core, and its results become frames."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream as lib_stream
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accel.link import DATA_HEADER, IDENTITY_BYTES, RESET_HEADER, RESULT_HEADER, VERSION, Fault, ToBoard, ToHost
from hdl.frames import Deframer, Framer
from hdl.host_buffers import Lane, Outlet, TensorRing
from hdl.shell import BYTE_BITS
from hdl.stopwatch import Stopwatch


class HostLink(wiring.Component):
    """Takes tensors off a line into a core and gives results and their cycles back; docs/host_link.md is its contract.

    Frames are numbered; the first that is damaged, out of order, or finds no room is reported, and all data after it is
    refused until the host resets the link. A reset empties the core and every buffer.

    Parameters
    ----------
    inputs, outputs : sequence of Lane
        Of the core's ports.
    identity : bytes
        What a host knows the design by.

    Members
    -------
    taken, coded, broken
        Bytes off the line: see `hdl.frames.Deframer`.
    line : Out(stream of 8 bits)
        Bytes for the line.
    core_rst : Out(1)
        The core's reset, from a register.
    failed : Out(1)
        Data is refused until a reset.
    <prefix> : Out(stream) or In(stream)
        TDATA of a port of the core: out for its inputs, in for its outputs.
    """

    def __init__(self, inputs: Sequence[Lane], outputs: Sequence[Lane], identity: bytes):
        if len(identity) != IDENTITY_BYTES:
            raise ValueError(f"identity must be {IDENTITY_BYTES} bytes, not {len(identity)}")
        self.inputs, self.outputs, self.identity = tuple(inputs), tuple(outputs), identity
        members = {
            "taken": In(1), "coded": In(BYTE_BITS), "broken": In(1), "line": Out(lib_stream.Signature(BYTE_BITS)),
            "core_rst": Out(1, init=1), "failed": Out(1),
        }  # fmt: skip
        for ports, towards in ((self.inputs, Out), (self.outputs, In)):
            for lane in ports:
                members[lane.prefix] = towards(lib_stream.Signature(BYTE_BITS * lane.size))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        clear = Signal()  # the reset that a host asks for
        asks = _Answers()
        m.d.sync += self.core_rst.eq(clear)
        m.submodules.deframer = deframer = Deframer()
        m.submodules.framer = framer = Framer()
        m.submodules.stopwatch = stopwatch = ResetInserter(clear)(Stopwatch(len(self.outputs)))
        m.d.comb += [
            deframer.taken.eq(self.taken),
            deframer.coded.eq(self.coded),
            deframer.broken.eq(self.broken),
        ]
        wiring.connect(m, framer.coded, wiring.flipped(self.line))
        rings = self._rings(m, clear, deframer, stopwatch)
        self._receive(m, clear, deframer, rings, asks)
        outlets = self._outlets(m, clear, stopwatch)
        self._send(m, clear, framer, outlets, stopwatch, asks)
        return m

    def _rings(self, m: Module, clear: Signal, deframer: Deframer, stopwatch: Stopwatch) -> list[TensorRing]:
        """Put a ring before every input of the core; all inputs of a tensor are released together."""
        rings = []
        for lane in self.inputs:
            ring = ResetInserter(clear)(TensorRing(lane))
            m.submodules[f"ring_{lane.prefix}"] = ring
            wiring.connect(m, ring.beat, wiring.flipped(getattr(self, lane.prefix)))
            m.d.comb += [ring.byte.eq(deframer.byte), ring.release.eq(stopwatch.released)]
            rings.append(ring)
        m.d.comb += [
            stopwatch.released.eq(Cat(ring.full for ring in rings).all() & ~clear & ~self.core_rst),
            stopwatch.enters.eq(Cat(ring.beat.valid & ring.beat.ready for ring in rings).any()),
        ]
        return rings

    def _receive(self, m: Module, clear: Signal, deframer: Deframer, rings: list[TensorRing], asks: _Answers) -> None:
        """Act on frames, and have them answered."""
        kind, second, third = Signal(BYTE_BITS), Signal(BYTE_BITS), Signal(BYTE_BITS)
        position = Signal(range(DATA_HEADER + 1))  # bytes of the body so far, as far as they are header
        ended = deframer.good | deframer.bad
        with m.If(deframer.given), m.Switch(position):
            for place, field in enumerate((kind, second, third)):
                with m.Case(place):
                    m.d.sync += [field.eq(deframer.byte), position.eq(place + 1)]
        with m.If(ended):
            m.d.sync += position.eq(0)
        fault = Signal(BYTE_BITS)
        keeps = Signal(len(rings))
        for number, ring in enumerate(rings):
            m.d.comb += [
                keeps[number].eq((kind == ToBoard.DATA) & (position == DATA_HEADER) & (third == number)),
                ring.given.eq(deframer.given & keeps[number]),
                ring.commit.eq(deframer.good & keeps[number] & (fault == 0) & ~self.failed),
                ring.rollback.eq(ended & ~ring.commit),
            ]
        accepted = deframer.good & (fault == 0)
        with m.Switch(kind):
            with m.Case(ToBoard.IDENTIFY), m.If(accepted):
                m.d.sync += asks.identity.eq(1)
            with m.Case(ToBoard.RESET):
                with m.If(position < RESET_HEADER):
                    m.d.comb += fault.eq(Fault.LENGTH)
                with m.If(accepted):
                    m.d.sync += [asks.ready.eq(1), asks.epoch.eq(second)]
            with m.Case(ToBoard.DATA):
                with m.If(position < DATA_HEADER):
                    m.d.comb += fault.eq(Fault.LENGTH)
                with m.Elif(second != asks.sequence):
                    m.d.comb += fault.eq(Fault.SEQUENCE)
                with m.Elif(~keeps.any()):
                    m.d.comb += fault.eq(Fault.PORT)
                with m.Elif((Cat(ring.overrun for ring in rings) & keeps).any()):
                    m.d.comb += fault.eq(Fault.OVERRUN)
                with m.Elif((Cat(~ring.whole for ring in rings) & keeps).any()):
                    m.d.comb += fault.eq(Fault.LENGTH)
                with m.If(accepted & ~self.failed):
                    m.d.sync += asks.sequence.eq(asks.sequence + 1)
            with m.Default():
                m.d.comb += fault.eq(Fault.KIND)
        with m.If(ended & ~accepted & ~self.failed):
            m.d.sync += [self.failed.eq(1), asks.error.eq(1), asks.fault.eq(Mux(deframer.bad, Fault.CHECKSUM, fault))]
        with m.If(clear):
            m.d.sync += [self.failed.eq(0), asks.sequence.eq(0), asks.error.eq(0)]

    def _outlets(self, m: Module, clear: Signal, stopwatch: Stopwatch) -> list[Outlet]:
        """Put a queue behind every output of the core."""
        outlets = []
        for port, lane in enumerate(self.outputs):
            outlet = ResetInserter(clear)(Outlet(lane))
            m.submodules[f"outlet_{lane.prefix}"] = outlet
            wiring.connect(m, wiring.flipped(getattr(self, lane.prefix)), outlet.beat)
            m.d.comb += stopwatch.ends[port].eq(outlet.ends)
            outlets.append(outlet)
        return outlets

    def _send(
        self, m: Module, clear: Signal, framer: Framer, outlets: list[Outlet], stopwatch: Stopwatch, asks: _Answers
    ) -> None:
        """Frame answers and results, one after another; the link is cleared between two frames."""
        header, left = Signal(BYTE_BITS * RESULT_HEADER), Signal(range(RESULT_HEADER + 1))
        named, results = Signal(), Signal()  # behind the header comes the identity, or come results
        port = Signal(range(max(2, len(outlets))))
        place = Signal(range(IDENTITY_BYTES))
        identity = Array(Const(byte, BYTE_BITS) for byte in self.identity)
        moves = framer.body.valid & framer.body.ready

        def start(kind: ToHost, *fields) -> None:
            body = Cat(Const(kind, BYTE_BITS), *fields)
            m.d.sync += [
                header.eq(body), left.eq(len(body) // BYTE_BITS), named.eq(kind == ToHost.IDENTITY),
                results.eq(kind == ToHost.RESULT),
            ]  # fmt: skip
            m.next = "HEADER"

        with m.FSM():
            with m.State("IDLE"):
                with m.If(asks.ready):
                    m.d.comb += clear.eq(1)
                    m.d.sync += asks.ready.eq(0)
                    start(ToHost.READY, asks.epoch)
                with m.Elif(asks.error):
                    m.d.sync += asks.error.eq(0)
                    start(ToHost.ERROR, asks.fault, asks.sequence)
                with m.Elif(asks.identity):
                    m.d.sync += asks.identity.eq(0)
                    start(ToHost.IDENTITY, Const(VERSION, BYTE_BITS))
                for number, outlet in enumerate(outlets):
                    with m.Elif(outlet.full):
                        m.d.comb += [outlet.release.eq(1), stopwatch.asked.eq(outlet.number)]
                        m.d.sync += port.eq(number)
                        cycles = Mux(outlet.final, stopwatch.cycles, 0)
                        start(ToHost.RESULT, Const(number, BYTE_BITS), outlet.number, cycles)
            with m.State("HEADER"):
                m.d.comb += [
                    framer.body.payload.eq(header[:BYTE_BITS]), framer.body.valid.eq(1),
                    framer.last.eq((left == 1) & ~named & ~results),
                ]  # fmt: skip
                with m.If(moves):
                    m.d.sync += [header.eq(header >> BYTE_BITS), left.eq(left - 1)]
                    with m.If(left == 1):
                        with m.If(named):
                            m.next = "IDENTITY"
                        with m.Elif(results):
                            m.next = "RESULTS"
                        with m.Else():
                            m.next = "IDLE"
            with m.State("IDENTITY"):
                m.d.comb += [
                    framer.body.payload.eq(identity[place]), framer.body.valid.eq(1),
                    framer.last.eq(place == IDENTITY_BYTES - 1),
                ]  # fmt: skip
                with m.If(moves):
                    m.d.sync += place.eq(place + 1)  # comes round to 0
                    with m.If(framer.last):
                        m.next = "IDLE"
            with m.State("RESULTS"):
                with m.Switch(port):
                    for number, outlet in enumerate(outlets):
                        with m.Case(number):
                            m.d.comb += [
                                framer.body.payload.eq(outlet.bytes.payload),
                                framer.body.valid.eq(outlet.bytes.valid),
                                framer.last.eq(outlet.last),
                                outlet.bytes.ready.eq(framer.body.ready),
                            ]
                with m.If(moves & framer.last):
                    m.next = "IDLE"


class _Answers:
    """What is to be sent besides results, and what it will say.

    Attributes
    ----------
    ready, error, identity : Signal
        Each set until it is sent.
    epoch, fault, sequence : Signal
        Of the reset asked for; of the error; of the next frame of data.
    """

    def __init__(self):
        self.ready, self.error, self.identity = (
            Signal(name="ask_ready"), Signal(name="ask_error"), Signal(name="ask_identity")
        )  # fmt: skip
        self.epoch, self.fault, self.sequence = (
            Signal(BYTE_BITS, name=name) for name in ("epoch", "reported", "sequence")
        )
