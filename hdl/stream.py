"""Streams between kernels: beats of ``lanes`` channels with a valid/ready handshake."""

from __future__ import annotations

from amaranth.hdl import Shape
from amaranth.lib import data
from amaranth.lib import stream as lib_stream

from accel.schedule.base import Stream


def beat_layout(stream: Stream) -> data.ArrayLayout:
    """Return the payload of one beat: ``lanes`` integers, lane 0 in the low bits."""
    return data.ArrayLayout(Shape(stream.bits, stream.signed), stream.lanes)


def beat_signature(stream: Stream) -> lib_stream.Signature:
    """Return the signature of a port that carries ``stream``.

    Both handshake signals come from registers, so ``ready`` never depends on ``valid`` within a cycle.
    """
    return lib_stream.Signature(beat_layout(stream))


def tdata_bits(stream: Stream) -> int:
    """Return the width of an AXI4-Stream TDATA that carries ``stream``: every lane padded to whole bytes."""
    return stream.lanes * lane_bits(stream)


def lane_bits(stream: Stream) -> int:
    """Return the bits a lane takes in TDATA: the next multiple of eight."""
    return -(-stream.bits // 8) * 8
