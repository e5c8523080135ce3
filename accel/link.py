"""The host link's frames: what travels on the serial line between a host and a board, written once for both ends.

A frame is a body of bytes and the body's CRC-32, least significant byte first, between two flags; flags and escapes
inside are escaped. A receiver that lost its place finds it again at the next flag. docs/host_link.md gives the bodies.

References
----------
RFC 1662, section 4 (flags and escapes); CRC-32 as in ISO/IEC 13239 and zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import IntEnum

VERSION = 1
"""Of the protocol; a board states its own."""
FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
"""Delimits frames; announces that the next byte was flipped; what it was flipped by."""
CRC_BYTES = 4
FRAME_BYTES = 256
"""Most data bytes of a frame, unless one beat is longer."""
IDENTITY_BYTES = 16
"""Of a design's identity."""
RESET_HEADER, DATA_HEADER, RESULT_HEADER = 2, 3, 7
"""Bytes before the data in the bodies of `ToBoard.RESET`, `ToBoard.DATA` and `ToHost.RESULT`, the kind among them."""


class ToBoard(IntEnum):
    """First byte of a body from the host."""

    IDENTIFY = 0x01
    RESET = 0x02
    DATA = 0x03


class ToHost(IntEnum):
    """First byte of a body from the board."""

    IDENTITY = 0x81
    READY = 0x82
    RESULT = 0x83
    ERROR = 0x84


class Fault(IntEnum):
    """Why a board refused a frame: the second byte of the body of `ToHost.ERROR`."""

    CHECKSUM = 1
    KIND = 2
    SEQUENCE = 3
    PORT = 4
    LENGTH = 5
    OVERRUN = 6


def encode(body: bytes) -> bytes:
    """Return a frame, flags included."""
    checked = body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")
    stuffed = bytearray([FLAG])
    for byte in checked:
        stuffed += bytes([ESCAPE, byte ^ FLIP]) if byte in (FLAG, ESCAPE) else bytes([byte])
    return bytes([*stuffed, FLAG])


def frame_bytes(beat_bytes: int) -> int:
    """Return the most data bytes of a frame that carries whole beats."""
    return max(1, FRAME_BYTES // beat_bytes) * beat_bytes


def wire_bytes(data_bytes: int, beat_bytes: int, header_bytes: int) -> int:
    """Return the bytes on the line for the frames of a tensor, without escapes: flags, headers, data and checksums."""
    frames = -(-data_bytes // frame_bytes(beat_bytes))
    return data_bytes + frames * (header_bytes + CRC_BYTES + 2)


class Decoder:
    """Takes bytes off the line, in pieces of any size, and gives the bodies of the frames in them.

    Attributes
    ----------
    damaged : int
        Frames so far whose checksum was wrong; their bodies are dropped. Nothing between two flags is no frame.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._frame = bytearray()
        self._escaped = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the body of every frame that ends in ``data``."""
        for byte in data:
            if byte == FLAG:
                frame, escaped = bytes(self._frame), self._escaped
                self._frame, self._escaped = bytearray(), False
                if not frame and not escaped:
                    continue
                body = frame[:-CRC_BYTES]
                if not escaped and body and zlib.crc32(body).to_bytes(CRC_BYTES, "little") == frame[-CRC_BYTES:]:
                    yield body
                else:
                    self.damaged += 1
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._frame.append(byte ^ FLIP if self._escaped else byte)
                self._escaped = False
