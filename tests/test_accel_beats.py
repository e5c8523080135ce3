import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel import beats
from accel.schedule.base import Stream


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_what_is_packed_unpacks_and_every_index_is_found(channels, rows, columns, lanes, sequence):
    shape = (rows * columns, channels) if sequence else (channels, rows, columns)
    stream = Stream(rows * columns, channels, lanes, 16, True)
    tensors = np.arange(1, 2 * rows * columns * channels + 1).reshape(2, *shape)
    packed = beats.pack(tensors, stream, sequence=sequence)
    assert packed.shape == (2, stream.beats, lanes)
    np.testing.assert_array_equal(beats.unpack(packed, stream, shape, sequence=sequence), tensors)
    for beat in range(stream.beats):
        for lane in range(lanes):
            if packed[0, beat, lane]:
                index = beats.index_of(beat, lane, stream, shape, sequence=sequence)
                assert tensors[0][index] == packed[0, beat, lane]
            else:
                with pytest.raises(IndexError, match="padding"):
                    beats.index_of(beat, lane, stream, shape, sequence=sequence)


def test_channels_travel_fastest_and_the_last_beat_of_a_pixel_is_padded():
    image = np.array([[[[1, 2]], [[3, 4]], [[5, 6]]]])  # three channels, one row, two columns
    packed = beats.pack(image, Stream(pixels=2, channels=3, lanes=2, bits=8, signed=True))
    np.testing.assert_array_equal(packed, [[[1, 3], [5, 0], [2, 4], [6, 0]]])


def test_a_flattened_image_travels_as_the_image():
    image = np.arange(12).reshape(1, 3, 2, 2)
    stream = Stream(pixels=4, channels=3, lanes=3, bits=8, signed=True)
    np.testing.assert_array_equal(beats.pack(image.reshape(1, 12), stream), beats.pack(image, stream))
