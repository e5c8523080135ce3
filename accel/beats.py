"""Tensors as the beats of a stream, and back: the one place that knows the order in which a tensor travels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel.fixedpoint import Ints
from accel.layers.base import Shape
from accel.schedule.base import Stream


def pack(tensors: NDArray[Any], stream: Stream, *, sequence: bool = False) -> Ints:
    """Return the beats of integer ``tensors``, shape (tensors, beats, lanes).

    A tensor travels pixel by pixel in (h, w, c) order, channels fastest, ``lanes`` channels a beat; the last beat of a
    pixel is padded with zeros. A flattened image travels as the image it was.

    Parameters
    ----------
    tensors : integer array, shape (n, ...)
        Images ``(n, c, h, w)`` or ``(n, c, l)``, vectors ``(n, c)``, or sequences ``(n, t, c)``.
    stream : Stream
    sequence : bool
        Whether they are sequences, whose channels come last.
    """
    n = len(tensors)
    if sequence:
        pixels = tensors.reshape(n, stream.pixels, stream.channels)
    else:
        pixels = tensors.reshape(n, stream.channels, stream.pixels).transpose(0, 2, 1)
    padded = np.zeros((n, stream.pixels, stream.beats_per_pixel * stream.lanes), np.int64)
    padded[:, :, : stream.channels] = pixels
    return padded.reshape(n, stream.beats, stream.lanes)


def unpack(beats: NDArray[Any], stream: Stream, shape: Shape, *, sequence: bool = False) -> Ints:
    """Return the tensors, shape (n, *shape), of ``beats``, shape (n, beats, lanes); padding is dropped."""
    n = len(beats)
    pixels = beats.reshape(n, stream.pixels, stream.beats_per_pixel * stream.lanes)[:, :, : stream.channels]
    if not sequence:
        pixels = pixels.transpose(0, 2, 1)
    return pixels.reshape(n, *shape).astype(np.int64)


def index_of(beat: int, lane: int, stream: Stream, shape: Shape, *, sequence: bool = False) -> tuple[int, ...]:
    """Return where in a tensor of ``shape`` the integer in ``lane`` of ``beat`` stands; padding has no place.

    Raises
    ------
    IndexError
        If the lane is padding.
    """
    pixel, part = divmod(beat, stream.beats_per_pixel)
    channel = part * stream.lanes + lane
    if channel >= stream.channels:
        raise IndexError(f"lane {lane} of beat {beat} is padding")
    flat = pixel * stream.channels + channel if sequence else channel * stream.pixels + pixel
    return tuple(int(i) for i in np.unravel_index(flat, shape))
