"""The contract of docs/adr/0001 in Verilog, written down a second time: what the sequencers are held to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from accel.schedule.base import Schedule

SHOWN_BITS = 16
_SHOWN = f"wire signed [{SHOWN_BITS - 1}:0]"


def schedule_model(schedule: Schedule) -> str:
    """Return the module ``model``, which keeps a schedule's counts as the contract states them.

    It shares nothing with `hdl.sequencer`: beats are counted, not margins; what a position needs is looked up by its
    number and compared in the cycle it is wanted. Counts are relative to the tensor being stepped, so that all of them
    are bounded; that they are is asserted in it, and is what makes proofs by induction go through.

    Ports, with a bit per stream: ``s_valid``, ``s_ready``, ``m_valid``, ``m_ready``, ``m_last``. Further wires say, in
    `SHOWN_BITS` signed bits, what registers of the gateware should hold: ``ahead_<p>``, ``room_<p>``, ``spare_<o>`` and
    ``shown_<name>`` of a sequencer, ``words_<o>`` of an output queue, ``beat_<o>`` of a counter of output beats.

    Raises
    ------
    ValueError
        If the schedule waits for results of its own, which no gateware does.
    """
    if schedule.after.any():
        raise ValueError("a schedule must not wait for results of its own")
    inputs, outputs = len(schedule.beats), len(schedule.slots)
    waits = [f"got_{p} > need_{p}_of(position)" for p in range(inputs)]
    waits += [f"(!completes | outstanding_{o} < {slots})" for o, slots in enumerate(schedule.slots)]
    lines = [
        f"module model(input clk, input rst, input [{inputs - 1}:0] s_valid, output [{inputs - 1}:0] s_ready,",
        f"  input [{outputs - 1}:0] m_ready, output [{outputs - 1}:0] m_valid, output [{outputs - 1}:0] m_last);",
        *_stepping(schedule),
        f"  assign issue = {' & '.join(waits)};",
        *(line for port in range(inputs) for line in _input(schedule, port)),
        f"  wire [{schedule.latency - 1}:0] flight; assign flight[0] = issue & completes;",
        *(f"  reg flight_{i}; assign flight[{i}] = flight_{i};" for i in range(1, schedule.latency)),
        *(f"  always @(posedge clk) flight_{i} <= !rst & flight[{i - 1}];" for i in range(1, schedule.latency)),
        f"  wire [7:0] flying = {' + '.join(f'flight[{i}]' for i in range(1, schedule.latency)) or '0'};",
        *(line for port in range(outputs) for line in _output(schedule, port)),
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _stepping(schedule: Schedule) -> list[str]:
    """Return the position and its steps."""
    positions = len(schedule.steps)
    at, step = _bits(positions - 1), _bits(int(schedule.steps.max()) + 1)
    spacing = np.where(schedule.period > 0, schedule.period, schedule.steps + 1)
    return [
        f"  reg [{at - 1}:0] position; reg [{step - 1}:0] step, since;",
        *_function("steps_of", at, step, schedule.steps),
        *_function("spacing_of", at, step, spacing),
        f"  wire [{step - 1}:0] steps = steps_of(position), spacing = spacing_of(position);",
        f"  wire [{step - 1}:0] left = steps - 1 - step, until = spacing - 1 - since;",
        "  wire last = left == 0, completes = until == 0;",
        f"  {_SHOWN} shown_last = last, shown_completes = completes, shown_left = left, shown_until = until;",
        f"  wire issue, leave = issue & last, ends = leave & position == {positions - 1};",
        "  always @(posedge clk)",
        "    if (rst) begin position <= 0; step <= 0; since <= 0; end",
        "    else if (issue) begin",
        "      step <= last ? 0 : step + 1;",
        "      since <= last | completes ? 0 : since + 1;",
        "      if (last) position <= ends ? 0 : position + 1;",
        "    end",
        "  reg fresh; // the first cycle after reset",
        "  always @(posedge clk) fresh <= rst;",
        f"  {_SHOWN} shown_fresh = fresh, shown_position = position, shown_steps = steps, shown_spacing = spacing;",
        "  always @* if (!rst & fresh) fresh_steps: assert (position == 0 & step == 0);",
        "  always @* if (!rst) steps_bounded: assert (step < steps & since == step % spacing);",
        f"  always @* if (!rst) position_bounded: assert (position < {positions});",
    ]


def _input(schedule: Schedule, p: int) -> list[str]:
    beats, capacity, positions = schedule.beats[p], schedule.capacity[p], len(schedule.steps)
    at, width = _bits(positions - 1), _bits(4 * (beats + capacity))
    before = np.concatenate([[0], schedule.free[p][:-1]])
    delay = schedule.release - 1
    stages = [f"releases_{p}", *(f"released_{p}_{i}" for i in range(1, delay + 1))]
    return [
        *_function(f"need_{p}_of", at, width, schedule.need[p]),
        *_function(f"freed_{p}_of", at, width, schedule.free[p] - before),
        *_function(f"before_{p}_of", at, width, before),
        f"  reg [{width - 1}:0] got_{p}, held_{p};",
        f"  wire [{width - 1}:0] releases_{p} = leave ? freed_{p}_of(position) : 0;",
        *(f"  reg [{width - 1}:0] {stage};" for stage in stages[1:]),
        *(f"  always @(posedge clk) {b} <= rst ? 0 : {a};" for a, b in pairwise(stages)),
        f"  {_SHOWN} ahead_{p} = got_{p} - need_{p}_of(position) - 1, room_{p} = {capacity - 1} - held_{p};",
        f"  wire moved_{p} = s_valid[{p}] & s_ready[{p}];",
        f"  assign s_ready[{p}] = held_{p} < {capacity};",
        "  always @(posedge clk)",
        f"    if (rst) begin got_{p} <= 0; held_{p} <= 0; end",
        "    else begin",
        f"      got_{p} <= got_{p} + moved_{p} - (ends ? {beats} : 0);",
        f"      held_{p} <= held_{p} + moved_{p} - {stages[-1]};",
        "    end",
        f"  always @* if (!rst & fresh) fresh_beats_{p}: assert (got_{p} == 0);",
        f"  always @* if (!rst) beats_{p}_bounded: assert (held_{p} <= {capacity} & "
        f"{' + '.join([f'got_{p}', *stages[1:]])} == held_{p} + before_{p}_of(position));",
    ]


def _output(schedule: Schedule, o: int) -> list[str]:
    slots, results, flight = schedule.slots[o], schedule.results, schedule.latency - 1
    width, count = _bits(4 * slots), _bits(results - 1)
    return [
        f"  reg [{width - 1}:0] outstanding_{o}, waiting_{o}; reg [{count - 1}:0] sent_{o};",
        f"  {_SHOWN} spare_{o} = {slots - 1} - outstanding_{o}, words_{o} = waiting_{o} - 1;",
        f"  {_SHOWN} beat_{o} = sent_{o}, shown_waiting_{o} = waiting_{o};",
        f"  wire leaves_{o} = m_valid[{o}] & m_ready[{o}];",
        f"  assign m_valid[{o}] = waiting_{o} != 0, m_last[{o}] = sent_{o} == {results - 1};",
        "  always @(posedge clk)",
        f"    if (rst) begin outstanding_{o} <= 0; waiting_{o} <= 0; sent_{o} <= 0; end",
        "    else begin",
        f"      outstanding_{o} <= outstanding_{o} + (issue & completes) - leaves_{o};",
        f"      waiting_{o} <= waiting_{o} + flight[{flight}] - leaves_{o};",
        f"      if (leaves_{o}) sent_{o} <= m_last[{o}] ? 0 : sent_{o} + 1;",
        "    end",
        f"  always @* if (!rst) results_{o}_bounded: assert (outstanding_{o} <= {slots} & sent_{o} < {results} & "
        f"outstanding_{o} == waiting_{o} + flying);",
    ]


def _bits(largest: int) -> int:
    return max(1, int(largest).bit_length())


def _function(name: str, index_bits: int, bits: int, values: Sequence[int] | np.ndarray) -> list[str]:
    """Return a table as a function of the position."""
    cases = " ".join(f"{i}: {name} = {int(v)};" for i, v in enumerate(values))
    return [
        f"  function [{bits - 1}:0] {name}(input [{index_bits - 1}:0] i);",
        f"    case (i) {cases} default: {name} = 0; endcase",
        "  endfunction",
    ]
