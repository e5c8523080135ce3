"""The recurrent kernel's schedule: its bound, what it waits, what it refuses; a wait too short is caught."""

from dataclasses import replace

import numpy as np
import pytest

from accel import schedule
from accel.cell import CellFormats
from accel.errors import UnsupportedError
from accel.layers import registry
from accel.layers.arithmetic import UINT8
from accel.layers.gru import GRU
from accel.layers.lstm import LSTM
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, STATE, recurrent_example
from accel.layers.rnn import RNN
from accel.layers.slice import Slice
from accel.schedule.fold import Fold
from accel.schedule.recurrent import Recurrent
from accel.schedule.timeslice import TimeSlice
from benchmarks import recurrent_rate

FORMATS = CellFormats(preactivation=PREACTIVATION, activations=(GATE,) * 3, hidden=HIDDEN, state=STATE, index_bits=8)
TWO_GATES = CellFormats(preactivation=PREACTIVATION, activations=(GATE,) * 2, hidden=HIDDEN, index_bits=8)
ONE_GATE = CellFormats(preactivation=PREACTIVATION, activations=(HIDDEN,), hidden=HIDDEN, index_bits=8)

CELLS = {
    "LSTM": (LSTM, FORMATS, {}),
    "GRU, resets products": (GRU, TWO_GATES, {"linear_before_reset": True}),
    "GRU, resets states": (GRU, TWO_GATES, {"linear_before_reset": False}),
    "RNN": (RNN, ONE_GATE, {}),
}


def placed(inputs, units, steps, fold, cell="LSTM"):
    kind, formats, more = CELLS[cell]
    example = recurrent_example("placed", kind(input_size=inputs, hidden_size=units, **more), steps, formats)
    return Recurrent.of(example.layer, example.shapes, (UINT8,), HIDDEN.quantization, (1,), fold=fold)


@pytest.mark.parametrize("fold", [Fold(1, 2), Fold(2, 1)], ids=str)
def test_an_lstm_of_20_units_on_8_multipliers_takes_at_most_300_cycles_a_step(fold):
    kernel = placed(6, 20, 30, fold)
    assert kernel.multipliers["mac"][0] == 8
    cycles = recurrent_rate.step_cycles(kernel)
    print(f"{fold}: {cycles:.1f} cycles a step, bound {2080 / 8:.0f}, waiting {kernel.waiting_steps}")
    assert cycles <= 300


@pytest.mark.parametrize(
    ("units", "multipliers"), [(32, 8), (64, 8), (128, 8), (256, 8), (64, 64), (128, 64), (256, 64)]
)
@pytest.mark.parametrize("cell", recurrent_rate.cells(1, 1))
def test_larger_ones_stay_within_a_tenth_of_the_bound(cell, units, multipliers):
    found = recurrent_rate.rate(recurrent_rate.cells(units, units)[cell], multipliers)
    print(f"{found.kernel.fold}: {found.cycles:.1f} cycles a step, bound {found.bound:.0f}")
    assert found.bound <= found.cycles <= 1.1 * found.bound


@pytest.mark.parametrize("cell", recurrent_rate.cells(1, 1))
def test_few_units_on_many_multipliers_keep_the_one_gate_pipeline_busy(cell):
    found = recurrent_rate.rate(recurrent_rate.cells(32, 32)[cell], 64)
    print(f"{found.kernel.fold}: {found.cycles:.1f} cycles a step, gate pipeline {found.kernel.gate_cycles}")
    assert found.kernel.gate_cycles <= found.cycles <= 1.1 * found.kernel.gate_cycles


def test_a_gru_that_resets_states_stores_them_before_its_candidates_read_them():
    kernel = placed(2, 6, 3, Fold(1, 4), "GRU, resets states")
    assert kernel.passes == ((1,), (0,), (2,))
    assert kernel.multipliers["mac"][0] == 4
    pass_steps = 6 * (1 + 2)
    assert kernel.reset_waiting_steps > 0
    assert kernel.positions.steps.tolist() == [
        2 * pass_steps, kernel.reset_waiting_steps, pass_steps,
        *[kernel.waiting_steps, 2 * pass_steps, kernel.reset_waiting_steps, pass_steps] * 2,
    ]  # fmt: skip
    assert kernel.total_steps == kernel.schedule.total_steps


def test_a_tile_serves_a_row_a_cycle():
    kernel = placed(4, 6, 3, Fold(6, 4))
    assert (kernel.input_steps, kernel.state_steps, kernel.rows) == (1, 2, 24)
    assert kernel.tile_steps == 24


def test_weights_are_laid_out_as_steps_read_them():
    kernel = placed(5, 4, 3, Fold(3, 2))
    layer = kernel.layer
    gate = {"i": 0, "o": 1, "f": 2, "g": 3}
    words = kernel.weights.reshape(kernel.tiles, kernel.input_steps + kernel.state_steps, kernel.rows, 2)
    for tile, step, row, lane in np.ndindex(*words.shape):
        unit, which = tile * 3 + row // 4, "igfo"[row % 4]
        matrix = layer.weight if step < kernel.input_steps else layer.recurrence
        column = (step if step < kernel.input_steps else step - kernel.input_steps) * 2 + lane
        real = unit < 4 and column < matrix.shape[2]
        assert words[tile, step, row, lane] == (matrix[0, gate[which] * 4 + unit, column] if real else 0)


@pytest.mark.parametrize(("capacity", "share"), [(None, 1.0), (32, 1.9)], ids=["two sequences", "one"])
def test_turning_sequences_round_takes_a_beat_a_cycle_where_two_are_held(capacity, share):
    layer = Slice(start=(9, 0), count=(10, 6), step=(-1, 1))
    kernel = TimeSlice.of(layer, [(10, 6)], [UINT8], UINT8, [2], capacity=capacity)
    assert kernel.capacity == (64 if capacity is None else capacity)
    cycles = recurrent_rate.interval_cycles(kernel)
    print(f"{kernel.capacity} beats held: {cycles:.1f} cycles for a sequence of {kernel.inputs[0].beats} beats")
    assert share * 30 <= cycles <= share * 30 + 4


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (LSTM(input_size=2, hidden_size=2, direction="bidirectional"), "direction forward, not bidirectional"),
        (LSTM(input_size=2, hidden_size=2, direction="reverse"), "direction forward, not reverse"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_there_is_no_gateware_for_is_refused_by_name(layer, message):
    with pytest.raises(UnsupportedError, match=f"kernel recurrent supports {message}"):
        schedule.for_layer(replace(layer, output=0))


def test_given_states_are_loaded_before_the_first_time_step():
    (example,) = (e for e in registry()["LSTM"].examples() if e.name == "integers, states given")
    kernel = Recurrent.of(example.layer, example.shapes, example.quantizations, example.output, (1, 1, 2))
    at = kernel.positions
    assert kernel.load_steps == 3
    assert at.loads.tolist()[:3] == [False, True, False]
    assert at.steps.tolist()[:2] == [kernel.load_waiting_steps, 3]
    assert kernel.schedule.beats == (4, 3, 2)
    assert kernel.schedule.need[1:, :2].tolist() == [[0, 2], [0, 1]]
    assert kernel.total_steps == kernel.schedule.total_steps


def test_what_a_recurrent_layer_reads_has_eight_bits_at_most():
    (example, *_) = (e for e in registry()["LSTM"].examples() if e.is_integer)
    with pytest.raises(UnsupportedError, match="supports inputs of 2 to 8 bits, not 16"):
        Recurrent.of(example.layer, example.shapes, (STATE.quantization,), HIDDEN.quantization, (1,))
