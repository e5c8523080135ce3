"""The element-wise pipelines of recurrent cells: pre-activations in, one unit's hidden state out after its last row."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import Module, Mux

from accel.schedule import pipeline
from accel.schedule.recurrent import Recurrent
from hdl.delay import cyclic, delayed
from hdl.fixed import clamped, curve_values, fitted, form_shape, product, rounded, total
from hdl.gates import GatePipeline
from hdl.table import CyclicTable
from hdl.unit_memory import RowMemory, UnitMemory, Written, begins

_PRODUCT = pipeline.MULTIPLY + pipeline.ADD + pipeline.ROUND + pipeline.SATURATE


def states_of(m: Module, spec: Recurrent, gates: GatePipeline, loaded: Mapping[str, Written]) -> dict[str, Written]:
    """Build the element-wise pipeline of a cell; return the states it writes, by name.

    Hidden states ``h``; cell states ``c``, if they leave the kernel, in the cycle of their unit's hidden one; ``reset``
    ones between two phases. ``loaded`` are the initial states that come with every tensor.
    """
    if spec.resets_states:
        return _resetting_gru(m, spec, gates, loaded)
    return {"RNN": _rnn, "LSTM": _lstm, "GRU": _gru}[spec.layer.op](m, spec, gates, loaded)


def _rnn(m: Module, spec: Recurrent, gates: GatePipeline, loaded: Mapping[str, Written]):
    (curve,), (form,) = spec.layer.curves, spec.cell.activations
    p, pre = gates.preactivation, spec.cell.preactivation
    if curve is None:
        positive = delayed(m, Mux(p < 0, 0, p), pipeline.CURVE - 2, "positive", flag=False)
        activated = fitted(m, positive, pre.fraction, form, "activated")
    else:
        activated = curve_values(m, [curve], None, p, "activated")
    h = fitted(m, activated, form.fraction, spec.cell.hidden, "hidden")
    return {"h": Written(h, delayed(m, gates.valid, sum(spec.cell_stages.values()), "unit_done"))}


def _lstm(m: Module, spec: Recurrent, gates: GatePipeline, loaded: Mapping[str, Written]):
    cell, layer = spec.cell, spec.layer
    gate_form, entering_form, leaving_form = cell.activations
    # Served in the order i, candidate, f unless gates are coupled, o (RowKernel.passes).
    activated = _activated(m, spec, (0, 1), gates.gate == 1, gates.preactivation, "activated")
    last = spec.gates - 1
    i, candidate = (delayed(m, activated, wait, f"gate_{wait}", flag=False) for wait in (last, last - 1))
    f = (1 << gate_form.fraction) - i if spec.couples_gates else delayed(m, activated, 1, "gate_1", flag=False)
    done = delayed(m, gates.valid & (gates.gate == spec.gates - 1), pipeline.CURVE, "unit_gates")
    memory = UnitMemory(m, spec, cell.state, spec.initial["c"], done)

    kept = product(m, f, memory.value, "kept"), gate_form.fraction + cell.state.fraction
    entered = product(m, i, candidate, "entered"), gate_form.fraction + entering_form.fraction
    state = fitted(m, *total(m, [kept, entered], "state_sum"), cell.state, "state")
    state_done = delayed(m, done, _PRODUCT, "state_done")
    kept_state = Written(state, state_done).or_loaded(loaded.get("c"))
    memory.write(kept_state)

    form, bounds = cell.preactivation, layer.requantize
    whole = rounded(m, state, cell.state.fraction, form.fraction, "seen_rounded")
    seen = clamped(m, whole, bounds.low, bounds.high, form_shape(form), "seen")
    squashed = _activated(m, spec, (2,), None, seen, "squashed")
    if spec.peephole is None:
        wait = _PRODUCT + pipeline.ROUND + pipeline.SATURATE + pipeline.CURVE
        o = delayed(m, activated, wait, "gate_o", flag=False)
    else:
        m.d.comb += [gates.state.eq(kept_state.value), gates.state_done.eq(kept_state.done)]
        squashed = delayed(m, squashed, spec.cell_stages["peephole"], "squashed_delayed", flag=False)
        o = _seeing_output_gate(m, spec, gates, state, state_done)
    h = fitted(m, product(m, o, squashed, "left"), gate_form.fraction + leaving_form.fraction, cell.hidden, "hidden")
    after = sum(spec.cell_stages.values()) - pipeline.CURVE
    unit_done = delayed(m, done, after, "unit_done")
    states = {"h": Written(h, unit_done)}
    if "c" in spec.leaving:
        states["c"] = Written(delayed(m, state, after - _PRODUCT, "state_leaving", flag=False), unit_done)
    return states


def _seeing_output_gate(m: Module, spec: Recurrent, gates: GatePipeline, state, state_done):
    """Return the output gate that sees the new cell state."""
    form, bounds = spec.cell.preactivation, spec.layer.requantize
    m.submodules.output_peepholes = table = CyclicTable({"weight": spec.output_peepholes})
    m.d.comb += table.advance.eq(state_done)
    seen = product(m, table.word.weight, state, "output_peephole"), spec.peephole_fraction
    wait = pipeline.CURVE + _PRODUCT + pipeline.MULTIPLY
    sums = delayed(m, gates.whole, wait, "output_sum", flag=False), spec.sum_fraction
    whole, fraction = total(m, [sums, seen], "output_total")
    whole = rounded(m, whole, fraction, form.fraction, "output_rounded")
    value = clamped(m, whole, bounds.low, bounds.high, form_shape(form), "output_seen")
    return _activated(m, spec, (0,), None, value, "output_gate")


def _activated(m: Module, spec: Recurrent, slots: tuple[int, ...], select, value, name: str):
    """Return one of a cell's activations, or that of two which ``select`` says, `pipeline.CURVE` cycles later."""
    curves = [spec.layer.curves[slot] for slot in slots]
    tables = [curve for curve in curves if curve is not None]
    if len(tables) == len(curves):
        return curve_values(m, tables, select, value, name)
    fraction, wait = spec.cell.preactivation.fraction, pipeline.CURVE - pipeline.ROUND - pipeline.SATURATE
    results = []
    for slot, curve in zip(slots, curves, strict=True):
        if curve is not None:
            results.append(curve_values(m, [curve], None, value, f"{name}_{slot}"))
            continue
        positive = delayed(m, Mux(value < 0, 0, value), wait, f"{name}_positive_{slot}", flag=False)
        results.append(fitted(m, positive, fraction, spec.cell.activations[slot], f"{name}_{slot}"))
    if len(results) == 1:
        return results[0]
    return Mux(delayed(m, select, pipeline.CURVE, f"{name}_which", flag=False), results[1], results[0])


def _gru(m: Module, spec: Recurrent, gates: GatePipeline, loaded: Mapping[str, Written]):
    cell, layer = spec.cell, spec.layer
    gate_form, candidate_form = cell.activations
    form, bounds = cell.preactivation, layer.requantize
    activated = _activated(m, spec, (0,), None, gates.preactivation, "activated")
    last = gates.valid & (gates.gate == spec.gates - 1)

    # The reset gate is one row ahead of the candidate, whose pre-activation therefore waits for the table.
    wait = pipeline.CURVE - 1
    recurrent = delayed(m, gates.preactivation, wait, "recurrent", flag=False)
    apart = delayed(m, gates.apart, pipeline.ROUND + pipeline.SATURATE + wait + pipeline.MULTIPLY, "apart", flag=False)
    reset = product(m, activated, recurrent, "reset"), gate_form.fraction + form.fraction
    whole, fraction = total(m, [reset, (apart, layer.product_fraction)], "candidate_sum")
    whole = rounded(m, whole, fraction, form.fraction, "candidate_rounded")
    seen = clamped(m, whole, bounds.low, bounds.high, form_shape(form), "candidate_seen")
    candidate = _activated(m, spec, (1,), None, seen, "candidate")

    # The update gate is two rows ahead.
    stages = wait + _PRODUCT + pipeline.CURVE
    update = delayed(m, activated, stages + 2 - pipeline.CURVE, "update", flag=False)
    done = delayed(m, last, stages, "candidate_done")
    memory = UnitMemory(m, spec, cell.hidden, spec.initial["h"], done)
    one = 1 << gate_form.fraction
    fresh = product(m, one - update, candidate, "fresh"), gate_form.fraction + candidate_form.fraction
    old = product(m, update, memory.value, "old"), gate_form.fraction + cell.hidden.fraction
    h = fitted(m, *total(m, [fresh, old], "mixed"), cell.hidden, "hidden")
    unit_done = delayed(m, done, _PRODUCT, "unit_done")
    memory.write(Written(h, unit_done).or_loaded(loaded.get("h")))
    return {"h": Written(h, unit_done)}


def _resetting_gru(
    m: Module, spec: Recurrent, gates: GatePipeline, loaded: Mapping[str, Written]
) -> dict[str, Written]:
    """Rows come gate by gate: reset gates, update gates, candidates, a unit a cycle where tiles have several."""
    cell = spec.cell
    gate_form, candidate_form = cell.activations
    # The reset gates' rows of a time step, then the update gates', then the candidates'.
    resets, updates, mixes = (gates.valid & (gates.gate == gate) for gate in range(spec.gates))
    activated = _activated(m, spec, (0, 1), gates.gate == spec.gates - 1, gates.preactivation, "activated")
    units = spec.tiles * spec.fold.pe
    unit = cyclic(m, units, gates.valid, "unit_read")
    starts = begins(m, spec, mixes & (unit == units - 1), "time_read")

    hidden = RowMemory(m, cell.hidden, units, unit, pipeline.CURVE, "hidden_kept", spec.initial["h"])
    first = delayed(m, starts, pipeline.CURVE, "first", flag=False)
    state = Mux(first, hidden.initial, hidden.value)
    product_fraction = gate_form.fraction + cell.hidden.fraction
    reset_product = delayed(m, product(m, activated, state, "product"), pipeline.ADD, "reset_product", flag=False)
    reset = fitted(m, reset_product, product_fraction, cell.hidden, "reset")
    reset_done = delayed(m, resets, sum(spec.reset_stages.values()), "reset_done")

    update = RowMemory(m, gate_form, units, unit, pipeline.CURVE, "update")
    update.write(Written(activated, delayed(m, updates, pipeline.CURVE, "update_done")))
    one = 1 << gate_form.fraction
    fresh = product(m, one - update.value, activated, "fresh"), gate_form.fraction + candidate_form.fraction
    old = product(m, update.value, state, "old"), product_fraction
    h = fitted(m, *total(m, [fresh, old], "mixed"), cell.hidden, "hidden")
    unit_done = delayed(m, mixes, sum(spec.cell_stages.values()), "unit_done")
    hidden.write(Written(h, unit_done).or_loaded(loaded.get("h")))
    return {"h": Written(h, unit_done), "reset": Written(reset, reset_done)}
