"""The recurrent kernel beyond its contract cases: faults that must be caught, and designs around it."""

from dataclasses import replace

import numpy as np
import pytest

from accel import beats, shipped, stepper
from accel.app import generate, verify
from accel.cell import BIAS_GUARD_BITS, CellFormats
from accel.fixedpoint import FixedPoint
from accel.layers.gru import GRU
from accel.layers.lstm import LSTM
from accel.layers.recurrent_examples import GATE, PREACTIVATION, STATE, WIDE_HIDDEN, recurrent_example
from accel.schedule import recurrent
from accel.schedule.fold import Fold
from accel.schedule.graph import TOP, Link, ScheduleGraph
from hdl import kernels
from hdl.bench import Design, Drive, Port
from hdl.bench.amaranth_simulator import simulate

FORMATS = CellFormats(
    preactivation=PREACTIVATION, activations=(GATE,) * 3, hidden=WIDE_HIDDEN, state=STATE, index_bits=8
)
TWO_GATES = replace(FORMATS, activations=(GATE,) * 2, state=None)
PEEPING = replace(FORMATS, peephole=FixedPoint(16, 12))
LAYERS = {
    "LSTM, peepholes": (LSTM(input_size=3, hidden_size=5, has_peepholes=True), PEEPING),
    "LSTM": (LSTM(input_size=3, hidden_size=5), FORMATS),
    "GRU": (GRU(input_size=3, hidden_size=5, linear_before_reset=True), TWO_GATES),
    "GRU, resets states": (GRU(input_size=3, hidden_size=5), TWO_GATES),
}
KEPT = {
    f"{name}, kept": (replace(layer, keeps_state=True, has_initial=True), formats)
    for name, (layer, formats) in LAYERS.items()
}
GIVEN = {f"{name}, given": (layer, formats) for name, (layer, formats) in LAYERS.items()}
GIVEN_FORMS = {"h": FixedPoint(8, 6), "c": FixedPoint(16, 13)}
"""Of initial states that come with every tensor."""
WHOLE_STATE = Fold(1, 5)
"""One unit at a time and the whole state at once: the first read of a time step wants the last unit."""
PARTS = Fold(3, 2)
"""The last word of the state, which is read last, wants the last tile."""
TENSORS = 3


class Hasty(recurrent.Recurrent):
    """Reads the hidden state a cycle before the last one is written."""

    @property
    def waiting_steps(self):
        return super().waiting_steps - 1


class HastyReset(recurrent.Recurrent):
    """Reads the reset states a cycle before the last one is written."""

    @property
    def reset_waiting_steps(self):
        return super().reset_waiting_steps - 1


class HastyLoad(recurrent.Recurrent):
    """Loads a cycle before the last hidden state of the tensor before is written."""

    @property
    def load_waiting_steps(self):
        return super().load_waiting_steps - 1


class HastyStart(recurrent.Recurrent):
    """Reads loaded states a cycle before the last one is written."""

    @property
    def first_waiting_steps(self):
        return super().first_waiting_steps - 1


class Biased(recurrent.Recurrent):
    """One row's bias is a step of the pre-activation too large."""

    @property
    def row_addends(self):
        of_input, of_state = super().row_addends
        return of_input + (np.arange(len(of_input)) == 3) * (1 << BIAS_GUARD_BITS), of_state


class Blind(recurrent.Recurrent):
    """The input gates do not see the cell state."""

    @property
    def row_peepholes(self):
        return super().row_peepholes * (np.arange(self.tiles * self.rows) % self.gates > 0)


class Forgetful(recurrent.Recurrent):
    """Begins every tensor with the initial states."""

    keeps_state = False


class Crossed(recurrent.Recurrent):
    """The output gates see the cell state with the weight of another unit."""

    @property
    def output_peepholes(self):
        return np.roll(super().output_peepholes, 1)


def mismatches(kind, cell, fold, interrupted=0):
    """Return how many values of a kernel differ from the layer's, and how many transfers from the stepper's cycles.

    A reset comes after ``interrupted`` cycles of other traffic.
    """
    layer, formats = (LAYERS | KEPT | GIVEN)[cell]
    given = tuple(GIVEN_FORMS[state] for state in layer.states) if cell in GIVEN else ()
    example = recurrent_example("faults", layer, 4, formats, result=WIDE_HIDDEN, given=given)
    lanes = (3, 2, 4)[: len(example.shapes)]
    spec = kind.of(example.layer, example.shapes, example.quantizations, example.output, lanes, fold=fold)
    links = (*(Link((TOP, port), (0, port)) for port in range(len(lanes))), Link((0, 0), (TOP, 0)))
    run = stepper.step(ScheduleGraph(("k",), (spec.schedule,), links), TENSORS)
    arrays = example.inputs(TENSORS, seed=2)
    (want,) = example.layer.integer(arrays, example.quantizations)
    sent = tuple(beats.pack(x, stream, sequence=True) for x, stream in zip(arrays, spec.inputs, strict=True))
    inputs = tuple(Port(f"input_{port}", stream) for port, stream in enumerate(spec.inputs))
    ports = inputs, (Port("output_0", spec.outputs[0]),)
    always = np.ones(1, np.bool_)
    drive = Drive(TENSORS, sent, [always] * len(sent), [always])
    seen = simulate(
        kernels.kernel(spec), Design(spec.kind, *ports), drive, limit_cycles=run.cycles + 100, interrupted=interrupted
    )
    (out,) = seen.outputs
    expected = beats.pack(want, spec.outputs[0], sequence=True).reshape(-1, spec.fold.pe)
    return int((out.values != expected).sum()), int((out.cycles != run.outputs[0].ravel()).sum())


@pytest.mark.parametrize("fold", [WHOLE_STATE, PARTS], ids=str)
@pytest.mark.parametrize("cell", [*LAYERS, *KEPT, *GIVEN])
def test_a_correct_kernel_has_no_mismatch(cell, fold):
    assert mismatches(recurrent.Recurrent, cell, fold) == (0, 0)


@pytest.mark.parametrize("cell", [*LAYERS, *KEPT, *GIVEN])
def test_after_a_reset_amid_a_sequence_all_is_as_at_first(cell):
    assert mismatches(recurrent.Recurrent, cell, PARTS, interrupted=107) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "cell", "fold"),
    [
        *((Hasty, cell, fold) for cell in LAYERS for fold in (WHOLE_STATE, PARTS)),
        *((kind, cell, PARTS) for kind in (Hasty, Forgetful) for cell in KEPT),
        *((HastyLoad, cell, PARTS) for cell in GIVEN),
        *((HastyStart, cell, WHOLE_STATE) for cell in GIVEN),
        *((HastyReset, "GRU, resets states", fold) for fold in (WHOLE_STATE, PARTS)),
        *((Biased, cell, PARTS) for cell in LAYERS),
        *((kind, "LSTM, peepholes", PARTS) for kind in (Blind, Crossed)),
    ],
    ids=lambda v: v if isinstance(v, str) else getattr(v, "__name__", str(v)),
)
def test_planted_faults_are_caught(kind, cell, fold):
    values, _ = mismatches(kind, cell, fold)
    assert values > 0


@pytest.mark.cocotb
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_shipped_models_verify_as_emitted_verilog(tmp_path, name):
    design = generate.generate(name, target="ecp5-85f", out=tmp_path / name)
    result = verify.verify(design, shipped.inputs_path(name), samples=20, stalls="random", seed=3, resets=2)
    print(f"{name}: {result}")
    assert result.passed
    assert (result.mismatches, result.late) == (0, 0)
    assert result.predicted_cycles == result.counted_cycles
