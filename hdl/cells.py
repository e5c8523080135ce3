"""The element-wise pipelines of recurrent cells: pre-activations in, one unit's hidden state out after its last row."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory

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


def hidden_state(m: Module, spec: Recurrent, gates: GatePipeline):
    """Build the element-wise pipeline of a cell; return the hidden state and the flag that says when it stands."""
    return {"RNN": _rnn, "LSTM": _lstm, "GRU": _gru}[spec.layer.op](m, spec, gates)


def _rnn(m: Module, spec: Recurrent, gates: GatePipeline):
    (curve,), (form,) = spec.layer.curves, spec.cell.activations
    p, pre = gates.preactivation, spec.cell.preactivation
    if curve is None:
        positive = delayed(m, Mux(p < 0, 0, p), pipeline.CURVE - 2, "positive", flag=False)
        activated = fitted(m, positive, pre.fraction, form, "activated")
    else:
        activated = curve_values(m, [curve], None, p, "activated")
    h = fitted(m, activated, form.fraction, spec.cell.hidden, "hidden")
    return h, delayed(m, gates.valid, sum(spec.cell_stages.values()), "unit_done")


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
    return h, delayed(m, done, sum(spec.cell_stages.values()) - pipeline.CURVE, "unit_done")


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
    return h, unit_done
