"""The interval of a contraction: nothing leaves it, and both ends are reached."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.intervals import Interval, accumulator_interval

RUNS = settings(max_examples=200, deadline=None, derandomize=True)
cases = st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**32 - 1))
ranges = st.tuples(st.integers(-255, 255), st.integers(0, 255))


def drawn(case):
    m, k, seed = case
    rng = np.random.default_rng(seed)
    return rng, rng.integers(-128, 128, (m, k)), rng.integers(-(2**16), 2**16, m)


@RUNS
@given(cases, ranges)
def test_random_inputs_stay_inside_and_extremes_reach_both_ends(case, range_):
    rng, weights, bias = drawn(case)
    low, high = range_[0], range_[0] + range_[1]
    interval = accumulator_interval(weights, bias, low, high)
    sums = weights @ rng.integers(low, high + 1, (weights.shape[1], 100)) + bias[:, None]
    assert interval.low <= sums.min()
    assert sums.max() <= interval.high
    worst = [int((row * np.where(row > 0, low, high)).sum() + b) for row, b in zip(weights, bias, strict=True)]
    best = [int((row * np.where(row > 0, high, low)).sum() + b) for row, b in zip(weights, bias, strict=True)]
    assert (interval.low, interval.high) == (min(worst), max(best))


@RUNS
@given(cases, ranges)
def test_partial_sums_in_any_order_stay_inside(case, range_):
    rng, weights, bias = drawn(case)
    low, high = range_[0], range_[0] + range_[1]
    interval = accumulator_interval(weights, bias, low, high, partial=True)
    order = rng.permutation(weights.shape[1])
    x = rng.choice([low, high], weights.shape[1])
    partial = np.cumsum((weights * x)[:, order], axis=1) + bias[:, None]
    assert interval.low <= min(partial.min(), bias.min())
    assert max(partial.max(), bias.max()) <= interval.high


def test_without_bias_accumulators_start_from_zero():
    assert accumulator_interval(np.array([[3, -2]]), None, -4, 5) == Interval(-22, 23)
    assert Interval(-22, 23).bits == 6
    assert Interval(-32, 31).bits == 6
    assert Interval(-33, 0).bits == 7
