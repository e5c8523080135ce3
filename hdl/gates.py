"""The gate pipeline: the rows of a finished tile become pre-activations, one row a cycle."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.schedule import pipeline
from accel.schedule.recurrent import Recurrent
from hdl.delay import cyclic, delayed
from hdl.fixed import clamped, form_shape, product, rounded, total
from hdl.requantize import wide_product
from hdl.table import CyclicTable
from hdl.unit_memory import RowMemory, Written, begins


class GatePipeline(wiring.Component):
    """Serves rows: ``saturate(round_half_even(input_sum * Mx + state_sum * Mh + bias))``, one a cycle, none held back.

    ``state_sums`` are taken in a cycle with ``load``, ``input_sums`` in an earlier one with ``load_inputs``; loads are
    at least ``rows`` cycles apart. The last row of a tile loaded in cycle t is at the output in t + `latency`. For the
    candidate rows of a GRU that resets products the pre-activation is that of the state's sum alone, and the input's
    part stands in ``apart``.

    Parameters
    ----------
    spec : Recurrent

    Members
    -------
    load_inputs, load : In(1)
    sums : In(ArrayLayout)
        The accumulators.
    valid : Out(1)
    gate : Out
        Which of a unit's rows, in the order of service, stands at the output.
    preactivation : Out
    state_done : In(1), state : In, whole : Out
        With peepholes only: the cell states as they come, computed or loaded, unit after unit, of which rows see those
        of the time step before; and the sum that ``preactivation`` rounds.
    apart : Out
        The candidate's input sum, multiplied, its bias included; two cycles older than ``preactivation``.
    """

    def __init__(self, spec: Recurrent):
        self.spec = spec
        members = {
            "load_inputs": In(1),
            "load": In(1),
            "sums": In(data.ArrayLayout(signed(spec.accumulator_bits), spec.rows)),
            "valid": Out(1),
            "gate": Out(range(max(2, spec.gates))),
            "preactivation": Out(signed(spec.cell.preactivation.bits)),
            "apart": Out(signed(spec.totals[0].bits)),
        }
        if spec.peephole is not None:
            members |= {
                "state_done": In(1),
                "state": In(form_shape(spec.cell.state)),
                "whole": Out(signed(max(interval.bits for interval in spec.totals) + 1)),
            }
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        spec = self.spec
        serving = self._serving(m)
        operands = self._operands(m, serving)
        m.submodules.constants = table = CyclicTable(self._columns())
        m.d.comb += table.advance.eq(serving)
        totals = []
        more = spec.sum_fraction - spec.layer.product_fraction
        for name, operand, interval in zip(("input", "state"), operands, spec.totals, strict=True):
            factor = Signal(unsigned(spec.multiplier_bits), name=f"{name}_factor", reset_less=True)
            m.d.sync += factor.eq(table.word[f"{name}_multiplier"])
            multiplied = wide_product(m, operand, factor, name)
            wait = pipeline.CAPTURE + pipeline.DSP_STAGES
            register = Signal(signed(interval.bits), name=f"{name}_total", reset_less=True)
            if name == "state" and spec.peephole is not None:
                addend = self._peephole(m, serving, table, wait)
            else:
                addend = delayed(m, table.word[f"{name}_addend"], wait, f"{name}_addend", flag=False)
                addend = addend << spec.addend_shift + more
            m.d.sync += register.eq((multiplied << more if more else multiplied) + addend)
            totals.append(register)
        before = pipeline.CAPTURE + pipeline.DSP_STAGES + pipeline.BIAS
        added = delayed(m, serving, before, "totalled")
        gate = self._gate(m, added)
        whole = Signal((totals[0] + totals[1]).shape(), reset_less=True)
        has_apart = spec.layer.op == "GRU" and not spec.resets_states
        is_apart = (gate == spec.gates - 1) if has_apart else 0
        m.d.sync += whole.eq(totals[1] + Mux(is_apart, 0, totals[0]))
        form, bounds = spec.cell.preactivation, spec.layer.requantize
        whole_rounded = rounded(m, whole, spec.sum_fraction, form.fraction, "rounded")
        after = pipeline.ADD + pipeline.ROUND
        apart_now = delayed(m, is_apart, after, "apart_now", flag=False) if has_apart else 0
        low = Mux(apart_now, form.low, bounds.low) if bounds.low != form.low else form.low
        high = Mux(apart_now, form.high, bounds.high) if bounds.high != form.high else form.high
        value = clamped(m, whole_rounded, low, high, signed(form.bits), "value")
        m.d.comb += [
            self.preactivation.eq(value),
            self.valid.eq(delayed(m, added, after + pipeline.SATURATE, "valid")),
            self.gate.eq(delayed(m, gate, after + pipeline.SATURATE, "gate", flag=False)),
            self.apart.eq(delayed(m, totals[0], pipeline.ADD, "apart", flag=False)),
        ]
        if spec.peephole is not None:
            m.d.comb += self.whole.eq(delayed(m, whole, after - pipeline.ADD + pipeline.SATURATE, "whole", flag=False))
        return m

    def _peephole(self, m: Module, serving, table: CyclicTable, wait: int):
        """Return the bias of the state's sum and what the row sees of the old cell state, ``wait`` cycles later."""
        spec = self.spec
        cell = spec.cell
        first = begins(m, spec, serving & table.final, "time_served")
        read = 2
        units = spec.tiles * spec.fold.pe
        memory = RowMemory(m, cell.state, units, table.word.unit, read, "peephole_state", spec.initial["c"])
        memory.write(Written(self.state, self.state_done))
        old = Mux(delayed(m, first, read, "first_time", flag=False), memory.initial, memory.value)
        weight = delayed(m, table.word.peephole, read, "peephole", flag=False)
        seen = product(m, weight, old, "peephole_product")
        bias = delayed(m, table.word.state_addend, wait - 1, "state_addend", flag=False) << spec.addend_shift
        addend, _ = total(
            m, [(bias, spec.layer.product_fraction), (seen, spec.peephole_fraction)], "peephole_addend"
        )  # fmt: skip
        return addend

    def _gate(self, m: Module, added):
        """Return which of a unit's rows, in the order of service, the cycles with ``added`` bring."""
        spec = self.spec
        if len(spec.passes) == 1:
            return cyclic(m, spec.gates, added, "gate_totalled")
        units = spec.tiles * spec.fold.pe
        unit = cyclic(m, units, added, "unit_totalled")
        return cyclic(m, spec.gates, added & (unit == units - 1), "gate_totalled")

    def _serving(self, m: Module):
        """Return the cycles in which a row is at the head."""
        rows = self.spec.rows
        active = Signal()
        row = Signal(range(max(2, rows)))
        with m.If(self.load):
            m.d.sync += [active.eq(1), row.eq(0)]
        with m.Elif(active):
            m.d.sync += [row.eq(row + 1), active.eq(row != rows - 1)]
        return active

    def _operands(self, m: Module, serving):
        """Return the two sums of the row at the head, registered; every serving cycle brings the next row forward."""
        rows = self.spec.rows
        shape = signed(self.spec.accumulator_bits)
        early, held = [], ([], [])
        for row in range(rows):
            register = Signal(shape, name=f"early_{row}", reset_less=True)
            with m.If(self.load_inputs):
                m.d.sync += register.eq(self.sums[row])
            early.append(register)
        for name, side, source in (("input", held[0], early), ("state", held[1], self.sums)):
            side += [Signal(shape, name=f"{name}_{row}", reset_less=True) for row in range(rows)]
            for row, register in enumerate(side):
                if row + 1 < rows:
                    m.d.sync += register.eq(side[row + 1])
                with m.If(self.load):
                    m.d.sync += register.eq(source[row])
        operands = []
        for name, side in zip(("input", "state"), held, strict=True):
            operand = Signal(shape, name=f"{name}_operand", reset_less=True)
            m.d.sync += operand.eq(side[0])
            operands.append(operand)
        return operands

    def _columns(self):
        spec = self.spec
        names = ("input", "state")
        columns = {f"{n}_multiplier": c for n, c in zip(names, spec.row_multipliers, strict=True)}
        columns |= {f"{n}_addend": c for n, c in zip(names, spec.row_addends, strict=True)}
        if spec.peephole is not None:
            columns |= {"peephole": spec.row_peepholes, "unit": spec.row_units}
        return columns
