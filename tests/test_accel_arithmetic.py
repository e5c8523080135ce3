"""Products of integer matrices are exact at every magnitude."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.layers.arithmetic import exact_matmul


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(1, 30),
    st.integers(1, 300),
    st.integers(1, 2**31 - 1),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.int16, np.int32, np.int64]),
)
def test_products_are_exact_whatever_the_magnitude(bits, terms, weight, seed, dtype):
    rng = np.random.default_rng(seed)
    bits = min(bits, np.iinfo(dtype).bits - 1)
    low, high = -(2**bits), 2**bits
    a = rng.integers(low, high, (2, 3, terms)).astype(dtype)
    a[0] = low  # every term at its extreme
    b = rng.integers(-weight, weight + 1, (2, terms, 2)) // 2**24
    b[0] = -b[0].max() - 1
    want = a.astype(object) @ b.astype(object)
    assert np.array_equal(exact_matmul(a, b), want)
    assert exact_matmul(a, b).dtype == np.int64


def test_sums_just_beyond_what_a_float_holds():
    for exponent in (24, 53):
        odd = np.array([[2 ** (exponent - 1), 2 ** (exponent - 1), 1]])
        assert exact_matmul(odd, np.ones((3, 1), np.int64)).item() == 2**exponent + 1


def test_terms_that_cancel_do_not_hide_their_magnitude():
    a = np.array([[2**24 + 1, 1]])
    assert exact_matmul(a, np.array([[1], [-1]])).item() == 2**24


def test_no_terms_sum_to_zero():
    assert np.array_equal(exact_matmul(np.zeros((2, 0), np.int64), np.zeros((0, 3), np.int64)), np.zeros((2, 3)))


def test_floats_keep_their_type():
    assert exact_matmul(np.ones((1, 2), np.float32), np.ones((2, 1), np.float32)).dtype == np.float32
