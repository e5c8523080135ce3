"""The buffers between the host link and a core: each holds a whole tensor, so the core never waits for the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import stream as lib_stream
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.errors import CapacityError
from accel.link import frame_bytes
from accel.schedule.base import Stream
from hdl.delay import cyclic
from hdl.shell import BYTE_BITS, Gather, Scatter
from hdl.stopwatch import NUMBER_BITS
from hdl.stream import tdata_bits


@dataclass(frozen=True, slots=True)
class Lane:
    """How one port of the core is buffered.

    Attributes
    ----------
    prefix : str
        Of the core's port.
    size : int
        Bytes of a beat.
    beats : int
        Of a tensor.
    depth : int
        Beats that the buffer holds: a tensor at least.
    """

    prefix: str
    size: int
    beats: int
    depth: int

    @property
    def frame_beats(self) -> int:
        """Most beats of a frame."""
        return frame_bytes(self.size) // self.size


def lanes(ports: Sequence[tuple[str, Stream]], memory_bits: int, *, twice: bool) -> tuple[Lane, ...]:
    """Return how ports are buffered within ``memory_bits``: two tensors if ``twice`` and there is room, or one.

    Raises
    ------
    CapacityError
        If not even one tensor of each port fits.
    """

    def sized(tensors: int) -> tuple[Lane, ...]:
        return tuple(
            Lane(
                prefix,
                tdata_bits(stream) // BYTE_BITS,
                stream.beats,
                max(2, 1 << (tensors * stream.beats - 1).bit_length()),
            )
            for prefix, stream in ports
        )

    for found in (sized(2), sized(1)) if twice else (sized(1),):
        needed = sum(BYTE_BITS * lane.size * lane.depth for lane in found)
        if needed <= memory_bits:
            return found
    raise CapacityError(
        f"host link needs {needed:,} bits of memory to hold a tensor; the board gives it {memory_bits:,}"
    )


class TensorRing(wiring.Component):
    """Gathers bytes into beats, keeps those of good frames, and gives a tensor when all of it is there.

    Once released a tensor goes at a beat a cycle, so the core never waits for the line in the middle of one.

    Parameters
    ----------
    lane : Lane

    Members
    -------
    given : In(1)
        ``byte`` is to be kept, if its frame is good.
    byte : In(8)
    commit, rollback : In(1)
        The frame ended, two cycles or more after its last byte: what came since the last of these is kept, or dropped.
    whole : Out(1)
        What came since is whole beats.
    overrun : Out(1)
        What came since found no room, and may not be kept.
    full : Out(1)
        A tensor is there to be released, and the one before has gone.
    release : In(1)
    beat : Out(stream of ``8 * lane.size`` bits)
        ``valid`` and the payload do not depend on ``ready`` within the cycle.
    """

    def __init__(self, lane: Lane):
        self.lane = lane
        super().__init__(
            {
                "given": In(1), "byte": In(BYTE_BITS), "commit": In(1), "rollback": In(1),
                "whole": Out(1), "overrun": Out(1), "full": Out(1), "release": In(1),
                "beat": Out(lib_stream.Signature(BYTE_BITS * lane.size)),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        size, beats, depth = self.lane.size, self.lane.beats, self.lane.depth
        ends = self.commit | self.rollback
        m.submodules.gather = gather = ResetInserter(ends)(Gather(size))
        m.submodules.words = memory = Memory(shape=BYTE_BITS * size, depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        # One bit more than an address: equal when empty, a depth apart when full.
        tail, kept, head = (Signal(range(2 * depth), name=name) for name in ("tail", "kept", "head"))
        held, room = Signal(range(2 * depth)), Signal()
        left = Signal(range(beats + 1))
        part = Signal(range(size + 1))
        moves = Signal()
        m.d.comb += [
            gather.bytes.payload.eq(self.byte),
            gather.bytes.valid.eq(self.given),
            gather.beat.ready.eq(1),
            held.eq(tail - head),
            room.eq(held != depth),
            write.addr.eq(tail),
            write.data.eq(gather.beat.payload),
            write.en.eq(gather.beat.valid & room),
            self.whole.eq(part == 0),
            self.full.eq((left == 0) & ((kept - head)[: len(head)] >= beats)),
            self.beat.valid.eq(left != 0),
            self.beat.payload.eq(read.data),
            moves.eq(self.beat.valid & self.beat.ready),
            read.addr.eq((head + moves)[: len(head)]),
        ]
        with m.If(gather.beat.valid):
            with m.If(room):
                m.d.sync += tail.eq(tail + 1)
            with m.Else():
                m.d.sync += self.overrun.eq(1)
        with m.If(self.given):
            with m.If(part == size - 1):
                m.d.sync += part.eq(0)
            with m.Else():
                m.d.sync += part.eq(part + 1)
        with m.If(ends):
            m.d.sync += [part.eq(0), self.overrun.eq(0)]
        with m.If(self.commit):
            m.d.sync += kept.eq(tail)
        with m.If(self.rollback):
            m.d.sync += tail.eq(kept)
        m.d.sync += head.eq(head + moves)
        with m.If(self.release):
            m.d.sync += left.eq(beats)
        with m.Elif(moves):
            m.d.sync += left.eq(left - 1)
        return m


class Outlet(wiring.Component):
    """A queue behind one output of the core, which gives its beats in frames.

    Parameters
    ----------
    lane : Lane

    Members
    -------
    beat : In(stream)
    ends : Out(1)
        The last beat of a tensor enters.
    full : Out(1)
        A frame's beats are there: as many as a frame takes, or the rest of a tensor.
    number : Out(8)
        Number of the tensor that frame belongs to.
    final : Out(1)
        That frame is the tensor's last.
    release : In(1)
        The frame is to be given as bytes.
    bytes : Out(stream of 8 bits)
    last : Out(1)
        The byte is the frame's last.
    """

    def __init__(self, lane: Lane):
        self.lane = lane
        byte = lib_stream.Signature(BYTE_BITS)
        super().__init__(
            {
                "beat": In(lib_stream.Signature(BYTE_BITS * lane.size)), "ends": Out(1),
                "full": Out(1), "number": Out(NUMBER_BITS), "final": Out(1), "release": In(1),
                "bytes": Out(byte), "last": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        lane, frame = self.lane, self.lane.frame_beats
        m.submodules.queue = queue = SyncFIFOBuffered(width=BYTE_BITS * lane.size, depth=lane.depth)
        m.submodules.scatter = scatter = Scatter(lane.size)
        enters, leaves = Signal(), Signal()
        m.d.comb += [
            queue.w_data.eq(self.beat.payload), queue.w_en.eq(self.beat.valid), self.beat.ready.eq(queue.w_rdy),
            enters.eq(self.beat.valid & self.beat.ready),
            self.ends.eq(enters & (cyclic(m, lane.beats, enters, "entered") == lane.beats - 1)),
        ]  # fmt: skip
        frames = -(-lane.beats // frame)
        tail = lane.beats - (frames - 1) * frame
        bytes_left = Signal(range(frame * lane.size + 1))
        beats_left = Signal(range(frame + 1))
        m.d.comb += [
            self.final.eq(cyclic(m, frames, self.release, "frame") == frames - 1),
            scatter.beat.payload.eq(queue.r_data), scatter.beat.valid.eq(queue.r_rdy & (beats_left != 0)),
            queue.r_en.eq(scatter.beat.valid & scatter.beat.ready),
            self.bytes.payload.eq(scatter.bytes.payload), self.bytes.valid.eq(scatter.bytes.valid),
            scatter.bytes.ready.eq(self.bytes.ready),
            leaves.eq(self.bytes.valid & self.bytes.ready),
            self.last.eq(bytes_left == 1),
        ]  # fmt: skip
        enough = queue.r_level >= Mux(self.final, tail, frame)
        m.d.sync += self.full.eq(enough & (bytes_left == 0) & ~self.release)
        with m.If(queue.r_en):
            m.d.sync += beats_left.eq(beats_left - 1)
        with m.If(leaves):
            m.d.sync += bytes_left.eq(bytes_left - 1)
        with m.If(self.release):
            m.d.sync += [
                beats_left.eq(Mux(self.final, tail, frame)),
                bytes_left.eq(Mux(self.final, tail * lane.size, frame * lane.size)),
                self.number.eq(self.number + self.final),
            ]
        return m
