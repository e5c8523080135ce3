"""Tables: order, rounding, saturation."""

import numpy as np
import pytest

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.lut import stored_integers, table


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_address_is_the_bits_of_the_stored_integer(bits, signed):
    q = Quantization(0.5, 1, bits, signed)
    every = np.arange(q.low, q.high + 1)
    entries = stored_integers(q)
    assert np.array_equal(entries[every & (2**bits - 1)], every)
    assert np.array_equal(entries[every], every)  # numpy counts negative indices from the end


def test_entries_are_rounded_once_half_to_even_and_saturated():
    source = Quantization(0.5, 0, bits=4)
    squares = table(np.square, source, Quantization(1.0, 0, signed=False, high=9))
    assert squares[[0, 1, 2, 3, 5, 7]].tolist() == [0, 0, 1, 2, 6, 9]
    assert squares[[-1, -8]].tolist() == [0, 9]


def test_infinite_values_saturate():
    out = Quantization(1.0)
    assert table(lambda x: np.exp(x * 1e4), Quantization(1.0), out)[[1, -1]].tolist() == [127, 0]


def test_an_input_wider_than_a_table_is_refused():
    with pytest.raises(ModelError, match="at most 8 bits, not 9"):
        table(np.tanh, Quantization(0.1, bits=9), Quantization(0.1))
