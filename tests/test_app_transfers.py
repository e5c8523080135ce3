import numpy as np
import pytest

from accel import beats
from accel.app.transfers import Expected, compare, total
from accel.schedule.base import Stream

STREAM = Stream(pixels=4, channels=3, lanes=2, bits=8, signed=True)
TENSORS = np.arange(1, 25).reshape(2, 3, 2, 2)


@pytest.fixture
def expected():
    values = beats.pack(TENSORS, STREAM)
    return Expected("conv", STREAM, (3, 2, 2), False, values, np.arange(100, 116).reshape(2, 8))


@pytest.fixture
def seen(expected):
    return expected.cycles.reshape(-1).copy(), expected.values.reshape(-1, 2).copy()


def test_equal_transfers_are_counted(expected, seen):
    tally = compare(expected, *seen)
    assert tally.equal
    assert (tally.values, tally.transfers, tally.first) == (32, 16, None)


def test_the_first_wrong_value_is_named_by_its_index(expected, seen):
    cycles, values = seen
    values[10, 1] += 1  # tensor 1, beat 2: pixel 1, channel 1
    values[12, 0] += 5
    tally = compare(expected, cycles, values)
    assert (tally.mismatches, tally.late) == (2, 0)
    assert str(tally.first) == "conv, tensor 1, index (1, 0, 1): expected 18, got 19, in cycle 110"


def test_padding_is_compared_too(expected, seen):
    cycles, values = seen
    values[1, 1] = 7
    tally = compare(expected, cycles, values)
    assert (tally.mismatches, str(tally.first)) == (1, "conv, tensor 0: expected 0, got 7, in cycle 101")


def test_a_transfer_in_another_cycle_is_a_difference(expected, seen):
    cycles, values = seen
    cycles[9:] += 1
    tally = compare(expected, cycles, values)
    assert (tally.mismatches, tally.late) == (0, 7)
    assert str(tally.first) == "conv, tensor 1: moved in cycle 110, not in 109"


def test_missing_and_surplus_transfers_are_differences(expected, seen):
    cycles, values = seen
    tally = compare(expected, cycles[:14], values[:14])
    assert (tally.mismatches, tally.late) == (4, 2)
    assert str(tally.first) == "conv, tensor 1: its transfer due in cycle 114 never came"
    more = compare(expected, np.append(cycles, 200), np.vstack([values, [[1, 2]]]))
    assert not more.equal
    assert str(more.first) == "conv, tensor 2: moved in cycle 200, not in 116"


def test_an_input_is_compared_by_cycles_alone(expected, seen):
    tally = compare(expected, seen[0], None)
    assert (tally.equal, tally.values, tally.transfers) == (True, 0, 16)
    both = total([tally, compare(expected, seen[0] + 1, None)])
    assert (both.transfers, both.late, both.first.cycle) == (32, 16, 101)


def test_tlast_must_mark_each_tensor_s_last_beat(expected, seen):
    last = np.arange(16) % 8 == 7
    assert compare(expected, *seen, last).equal
    last[3] = True
    tally = compare(expected, *seen, last)
    assert (tally.mismatches, tally.late) == (1, 0)
    assert str(tally.first) == "TLAST of conv, beat 3, tensor 0: expected 0, got 1, in cycle 103"
