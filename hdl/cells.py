"""The element-wise pipelines of recurrent cells: pre-activations in, one unit's hidden state out after its last row."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from accel.fixedpoint import FixedPoint
from accel.schedule import pipeline
from accel.schedule.recurrent import Recurrent
from hdl.delay import cyclic, delayed
from hdl.fixed import clamped, curve_values, fitted, form_shape, product, rounded, total
from hdl.gates import GatePipeline

_PRODUCT = pipeline.MULTIPLY + pipeline.ADD + pipeline.ROUND + pipeline.SATURATE


class UnitMemory:
    """A number of every unit, kept from one time step to the next; zero in the first.

    It is read all the time at the unit that `next` moves on from, and must not be used before the second cycle after.

    Parameters
    ----------
    m : Module
    spec : Recurrent
    form : FixedPoint
    next : Value
        The number at hand has been used.

    Attributes
    ----------
    value : Value
        The number of the unit at hand.
    """

    def __init__(self, m: Module, spec: Recurrent, form, next):
        units = spec.tiles * spec.fold.pe
        m.submodules.unit_state = memory = Memory(shape=form.bits, depth=units, init=[])
        self._write, read = memory.write_port(), memory.read_port()
        self._m, self._units = m, units
        unit = cyclic(m, units, next, "unit_read")
        time = cyclic(m, spec.time_steps, next & (unit == units - 1), "time_read")
        kept = Signal(form_shape(form), name="unit_kept")
        m.d.comb += [read.addr.eq(unit), kept.eq(read.data)]
        self.value = Signal(form_shape(form), name="unit_value")
        m.d.comb += self.value.eq(Mux(time == 0, 0, kept))

    def write(self, valid, value) -> None:
        """Store the next unit's number in cycles with ``valid``."""
        m = self._m
        m.d.comb += [
            self._write.en.eq(valid),
            self._write.data.eq(value),
            self._write.addr.eq(cyclic(m, self._units, valid, "unit_written")),
        ]


class RowMemory:
    """A number of every unit, read as a row of its unit passes, which may be in every cycle.

    Parameters
    ----------
    m : Module
    form : FixedPoint
    units : int
    unit : Value
        Whose number is wanted.
    wait : int
        Cycles from there until it is used; 2 at least.

    Attributes
    ----------
    value : Value
        The number of the unit that ``unit`` was ``wait`` cycles ago.
    """

    def __init__(self, m: Module, form: FixedPoint, units: int, unit: Value, wait: int, name: str):
        m.submodules[name] = memory = Memory(shape=form.bits, depth=units, init=[])
        self._write, read = memory.write_port(), memory.read_port()
        self._m, self._units, self._name = m, units, name
        kept = Signal(form_shape(form), name=f"{name}_read")
        m.d.comb += [read.addr.eq(unit), kept.eq(read.data)]
        self.value = delayed(m, kept, wait - 1, f"{name}_value", flag=False)

    def write(self, valid, value) -> None:
        """Store the next unit's number in cycles with ``valid``."""
        self._m.d.comb += [
            self._write.en.eq(valid),
            self._write.data.eq(value),
            self._write.addr.eq(cyclic(self._m, self._units, valid, f"{self._name}_written")),
        ]


class Written(NamedTuple):
    """A state of one unit after another, and the flag that says when it stands."""

    value: Value
    done: Value


def states_of(m: Module, spec: Recurrent, gates: GatePipeline) -> tuple[Written, Written | None]:
    """Build the element-wise pipeline of a cell; return the hidden states and, between two phases, reset ones."""
    if spec.resets_states:
        return _resetting_gru(m, spec, gates)
    return {"RNN": _rnn, "LSTM": _lstm, "GRU": _gru}[spec.layer.op](m, spec, gates), None


def _rnn(m: Module, spec: Recurrent, gates: GatePipeline):
    (curve,), (form,) = spec.layer.curves, spec.cell.activations
    p, pre = gates.preactivation, spec.cell.preactivation
    if curve is None:
        positive = delayed(m, Mux(p < 0, 0, p), pipeline.CURVE - 2, "positive", flag=False)
        activated = fitted(m, positive, pre.fraction, form, "activated")
    else:
        activated = curve_values(m, [curve], None, p, "activated")
    h = fitted(m, activated, form.fraction, spec.cell.hidden, "hidden")
    return Written(h, delayed(m, gates.valid, sum(spec.cell_stages.values()), "unit_done"))


def _lstm(m: Module, spec: Recurrent, gates: GatePipeline):
    cell, layer = spec.cell, spec.layer
    sigmoid, entering, leaving = layer.curves
    gate_form, entering_form, leaving_form = cell.activations
    # Served in the order i, candidate, f, o (accel.schedule.recurrent.GATE_ORDER).
    activated = curve_values(m, [sigmoid, entering], gates.gate == 1, gates.preactivation, "activated")
    i, candidate, f = (delayed(m, activated, wait, f"gate_{wait}", flag=False) for wait in (3, 2, 1))
    done = delayed(m, gates.valid & (gates.gate == spec.gates - 1), pipeline.CURVE, "unit_gates")
    memory = UnitMemory(m, spec, cell.state, done)

    kept = product(m, f, memory.value, "kept"), gate_form.fraction + cell.state.fraction
    entered = product(m, i, candidate, "entered"), gate_form.fraction + entering_form.fraction
    state = fitted(m, *total(m, [kept, entered], "state_sum"), cell.state, "state")
    state_done = delayed(m, done, _PRODUCT, "state_done")
    memory.write(state_done, state)

    form, bounds = cell.preactivation, layer.requantize
    whole = rounded(m, state, cell.state.fraction, form.fraction, "seen_rounded")
    seen = clamped(m, whole, bounds.low, bounds.high, form_shape(form), "seen")
    squashed = curve_values(m, [leaving], None, seen, "squashed")
    wait = _PRODUCT + pipeline.ROUND + pipeline.SATURATE + pipeline.CURVE
    o = delayed(m, activated, wait, "gate_o", flag=False)
    h = fitted(m, product(m, o, squashed, "left"), gate_form.fraction + leaving_form.fraction, cell.hidden, "hidden")
    return Written(h, delayed(m, done, sum(spec.cell_stages.values()) - pipeline.CURVE, "unit_done"))


def _gru(m: Module, spec: Recurrent, gates: GatePipeline):
    cell, layer = spec.cell, spec.layer
    sigmoid, tanh = layer.curves
    gate_form, candidate_form = cell.activations
    form, bounds = cell.preactivation, layer.requantize
    activated = curve_values(m, [sigmoid], None, gates.preactivation, "activated")
    last = gates.valid & (gates.gate == spec.gates - 1)

    # The reset gate is one row ahead of the candidate, whose pre-activation therefore waits for the table.
    wait = pipeline.CURVE - 1
    recurrent = delayed(m, gates.preactivation, wait, "recurrent", flag=False)
    apart = delayed(m, gates.apart, pipeline.ROUND + pipeline.SATURATE + wait + pipeline.MULTIPLY, "apart", flag=False)
    reset = product(m, activated, recurrent, "reset"), gate_form.fraction + form.fraction
    whole, fraction = total(m, [reset, (apart, layer.product_fraction)], "candidate_sum")
    whole = rounded(m, whole, fraction, form.fraction, "candidate_rounded")
    seen = clamped(m, whole, bounds.low, bounds.high, form_shape(form), "candidate_seen")
    candidate = curve_values(m, [tanh], None, seen, "candidate")

    # The update gate is two rows ahead.
    stages = wait + _PRODUCT + pipeline.CURVE
    update = delayed(m, activated, stages + 2 - pipeline.CURVE, "update", flag=False)
    done = delayed(m, last, stages, "candidate_done")
    memory = UnitMemory(m, spec, cell.hidden, done)
    one = 1 << gate_form.fraction
    fresh = product(m, one - update, candidate, "fresh"), gate_form.fraction + candidate_form.fraction
    old = product(m, update, memory.value, "old"), gate_form.fraction + cell.hidden.fraction
    h = fitted(m, *total(m, [fresh, old], "mixed"), cell.hidden, "hidden")
    unit_done = delayed(m, done, _PRODUCT, "unit_done")
    memory.write(unit_done, h)
    return Written(h, unit_done)


def _resetting_gru(m: Module, spec: Recurrent, gates: GatePipeline) -> tuple[Written, Written]:
    """Rows come gate by gate: reset gates, update gates, candidates, a unit a cycle where tiles have several."""
    cell, layer = spec.cell, spec.layer
    gate_form, candidate_form = cell.activations
    # The reset gates' rows of a time step, then the update gates', then the candidates'.
    resets, updates, mixes = (gates.valid & (gates.gate == gate) for gate in range(spec.gates))
    activated = curve_values(m, layer.curves, gates.gate == spec.gates - 1, gates.preactivation, "activated")
    units = spec.tiles * spec.fold.pe
    unit = cyclic(m, units, gates.valid, "unit_read")
    time = cyclic(m, spec.time_steps, mixes & (unit == units - 1), "time_read")

    hidden = RowMemory(m, cell.hidden, units, unit, pipeline.CURVE, "hidden_kept")
    first = delayed(m, time == 0, pipeline.CURVE, "first", flag=False)
    state = Mux(first, 0, hidden.value)
    product_fraction = gate_form.fraction + cell.hidden.fraction
    reset_product = delayed(m, product(m, activated, state, "product"), pipeline.ADD, "reset_product", flag=False)
    reset = fitted(m, reset_product, product_fraction, cell.hidden, "reset")
    reset_done = delayed(m, resets, sum(spec.reset_stages.values()), "reset_done")

    update = RowMemory(m, gate_form, units, unit, pipeline.CURVE, "update")
    update.write(delayed(m, updates, pipeline.CURVE, "update_done"), activated)
    one = 1 << gate_form.fraction
    fresh = product(m, one - update.value, activated, "fresh"), gate_form.fraction + candidate_form.fraction
    old = product(m, update.value, state, "old"), product_fraction
    h = fitted(m, *total(m, [fresh, old], "mixed"), cell.hidden, "hidden")
    unit_done = delayed(m, mixes, sum(spec.cell_stages.values()), "unit_done")
    hidden.write(unit_done, h)
    return Written(h, unit_done), Written(reset, reset_done)
