"""The building blocks, each with the properties that are proven of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from amaranth.hdl import signed

from accel.fixedpoint import Requantize
from accel.intervals import Interval
from accel.schedule import pipeline
from accel.schedule.base import Stream
from accel.schedule.fold import Requantizer
from accel.schedule.recurrent import Recurrent
from hdl.beat_buffer import BeatBuffer
from hdl.formal.harness import Wires, harness, scoreboard
from hdl.formal.kernels import Linked, reading
from hdl.formal.prover import Problem
from hdl.formal.schedule_model import SHOWN_BITS
from hdl.gates import GatePipeline
from hdl.queue import OutputQueue
from hdl.requantize import Constants, FoldedRequantizer
from hdl.shell import Gather, Scatter
from hdl.stream import beat_layout
from hdl.table import Column, CyclicTable, packed, shape_of
from hdl.verilog import emit

_ORDER_BITS = 4


def output_queue(slots: int = 3) -> Problem:
    """`hdl.queue.OutputQueue`, whose writer keeps to the slots."""
    layout = beat_layout(Stream(1, 2, 2, 2, True))
    source, sink = Wires("i", layout.size, ""), Wires("o", layout.size, "output__")
    body = [
        source.declared,
        sink.declared,
        f"  reg [{slots.bit_length() - 1}:0] level;\n",
        "  (* anyseq *) wire writes; (* anyseq *) wire [3:0] word;\n",
        f"  assign i_valid = writes & level < {slots}, i_ready = 1, i_data = word;\n",
        "  always @(posedge clk) level <= rst ? 0 : level + i_valid - (o_valid & o_ready);\n",
        sink.accepted,
        sink.held,
        scoreboard(source, sink, order_bits=_ORDER_BITS),
        "  wire sent; always @* if (!rst) begin\n"
        "    says_what_it_holds: assert (o_valid == (level != 0));\n"
        "    leaves: assert (sent == (o_valid & o_ready));\n  end\n",
    ]
    lemmas = [
        f"  wire [{slots.bit_length()}:0] spare; wire [{(slots - 1).bit_length() - 1}:0] tail, head;\n",
        *(f"  wire [{layout.size - 1}:0] word_{i};\n" for i in range(slots)),
        f"  wire [7:0] place = (head + i_o_due) % {slots};\n",
        f"  wire [{layout.size - 1}:0] held = {' : '.join(f'place == {i} ? word_{i}' for i in range(slots))} : 0;\n",
        "  always @* if (!rst) begin\n"
        f"    counted: assert (level <= {slots} & spare == level - 1'b1);\n"
        f"    circular: assert (head < {slots} & tail < {slots} & (head + level) % {slots} == tail);\n"
        f"    in_order: assert (i_o_in == i_o_out + level & i_o_inside == (i_o_due < level));\n"
        "    kept: assert (!i_o_inside | held == i_o_seen);\n  end\n",
    ]
    links = {"spare": "dut.spare", "tail": "dut.$signature__addr", "head": "dut.read__addr"}
    links |= {f"word_{i}": f"dut.words[{i}]" for i in range(slots)}
    pins = [".write(i_valid)", ".word(i_data)", ".sent(sent)", *sink.pins]
    return Problem(emit(OutputQueue(layout, slots), "dut"), harness(body, pins), "".join(lemmas), links)


def gather(size: int = 3) -> Problem:
    """`hdl.shell.Gather`."""
    source, sink = Wires("i", 8, "bytes__"), Wires("o", 8 * size, "beat__")
    body = [
        source.declared, sink.declared, source.offered, sink.accepted, sink.held,
        scoreboard(source, sink, order_bits=_ORDER_BITS, into=size),
    ]  # fmt: skip
    links = {"filled": "dut.filled", "bytes": "dut.beat__payload"}
    return Problem(
        emit(Gather(size), "dut"), harness(body, [*source.pins, *sink.pins]), _holding("filled", size), links
    )


def scatter(size: int = 3) -> Problem:
    """`hdl.shell.Scatter`."""
    source, sink = Wires("i", 8 * size, "beat__"), Wires("o", 8, "bytes__")
    body = [
        source.declared, sink.declared, source.offered, sink.accepted, sink.held,
        scoreboard(source, sink, order_bits=_ORDER_BITS, out_of=size),
    ]  # fmt: skip
    links = {"left": "dut.left", "bytes": "dut.held"}
    return Problem(emit(Scatter(size), "dut"), harness(body, [*source.pins, *sink.pins]), _holding("left", size), links)


def _holding(count: str, size: int) -> str:
    """Return what makes the scoreboard inductive for a register of ``size`` bytes, ``count`` of them under way."""
    return (
        f"  wire [{size.bit_length() - 1}:0] {count}; wire [{8 * size - 1}:0] bytes;\n"
        "  always @* if (!rst) begin\n"
        f"    counted: assert ({count} <= {size} & i_o_in == i_o_out + {count} & i_o_inside == (i_o_due < {count}));\n"
        "    kept: assert (!i_o_inside | bytes[i_o_due * 8 +: 8] == i_o_seen);\n  end\n"
    )


def beat_buffer(capacity: int = 4) -> Problem:
    """`hdl.beat_buffer.BeatBuffer`, whose user keeps to the beats that have come and to the room there is."""
    layout = beat_layout(Stream(1, 1, 1, 2, False))
    wait = pipeline.ADDRESS + pipeline.READ
    body = [
        "  (* anyseq *) wire wants, steps, stays; (* anyseq *) wire [1:0] beat; wire [1:0] read;\n",
        "  (* anyconst *) reg [3:0] number; reg [3:0] in, out, room; reg [1:0] seen;\n",
        "  wire moved = wants & room != 0, issue = steps & in != out, leave = issue & !stays;\n",
        *_delayed("freed", "leave", pipeline.RELEASE - 1),
        *_delayed("due", "(issue & out == number)", wait),
        "  always @(posedge clk)\n",
        f"    if (rst) begin in <= 0; out <= 0; room <= {capacity}; end\n",
        "    else begin\n      in <= in + moved; out <= out + leave; room <= room - moved + freed;\n",
        "      if (moved & in == number) seen <= beat;\n    end\n",
        "  always @* if (!rst & due) reads_the_beat: assert (read == seen);\n",
    ]
    lemmas = [
        "  wire [1:0] write_at, read_at;\n",
        *(f"  wire [1:0] word_{i};\n" for i in range(capacity)),
        f"  wire [3:0] age = number - in + {capacity} - room; wire [3:0] place = number % {capacity};\n",
        f"  wire [1:0] word = {' : '.join(f'place == {i} ? word_{i}' for i in range(capacity))} : 0;\n",
        f"  wire [3:0] kept = {capacity} - room, ahead = in - out;\n",
        "  always @* if (!rst) begin\n"
        f"    circular: assert (write_at == in % {capacity} & read_at == out % {capacity});\n"
        f"    counted: assert (room <= {capacity} & kept == ahead + freed & ahead <= {capacity});\n"
        "    held: assert (age >= kept | word == seen);\n  end\n",
    ]
    links = {"write_at": "dut.$signature__addr", "read_at": "dut.at"}
    links |= {f"word_{i}": f"dut.beats[{i}]" for i in range(capacity)}
    pins = [".moved(moved)", ".beat(beat)", ".leave(leave)", ".read(read)"]
    return Problem(emit(BeatBuffer(layout, capacity), "dut"), harness(body, pins), "".join(lemmas), links)


def cyclic_table() -> Problem:
    """`hdl.table.CyclicTable` with a constant, a count, differences and rows that repeat."""
    columns: dict[str, Column] = {
        "constant": np.full(6, 5),
        "count": np.arange(6),
        "uneven": np.array([0, 2, 4, 7, 9, 11]),
        "repeats": np.array([3, -1, 1, 3, -1, 2]),
    }
    table = CyclicTable(columns)
    widths = [shape_of(column).width for column in columns.values()]
    words = [packed(word, widths) for word in zip(*columns.values(), strict=True)]
    text, length = emit(table, "dut"), table.length
    cases = " ".join(f"{i}: wanted = {sum(widths)}'h{word:x};" for i, word in enumerate(words))
    body = [
        f"  (* anyseq *) wire wants; wire final_, advance; wire [{SHOWN_BITS - 1}:0] at;\n",
        f"  wire [{sum(widths) - 1}:0] word; reg [{sum(widths) - 1}:0] wanted;\n",
        "  model model(.clk(clk), .rst(rst), .wants(wants), .advance(advance), .shown_position(at));\n",
        f"  always @* case (at) {cases} default: wanted = 0; endcase\n",
        "  always @* if (!rst & ran) begin\n    word_in_turn: assert (word == wanted);\n"
        f"    final_at_the_end: assert (final_ == (at == {length - 1}));\n  end\n",
    ]
    model = (
        "module model(input clk, input rst, input wants, output advance,\n"
        f"  output [{SHOWN_BITS - 1}:0] shown_position);\n"
        "  reg [7:0] at; reg fresh; assign advance = wants & !fresh, shown_position = at;\n"
        f"  wire [{SHOWN_BITS - 1}:0] shown_fresh = fresh;\n  always @(posedge clk) begin\n    fresh <= rst;\n"
        f"    at <= rst | (advance & at == {length - 1}) ? 0 : at + advance;\n  end\n"
        f"  always @* if (!rst) in_range: assert (at < {length} & (!fresh | at == 0));\nendmodule\n"
    )
    linked = Linked(text, {})
    lemmas = "".join(reading(table, linked, "dut"))
    pins = [".advance(advance)", ".\\final (final_)", ".word(word)"]
    return Problem(text, harness(body, pins) + model, lemmas, linked.links)


def requantizer(form: str = "serial") -> Problem:
    """`hdl.requantize.FoldedRequantizer`: every result pushed once, in its cycle, every lane as `Requantize` says.

    Two results in turn, of three channels and of two.
    """
    pe, bits, zero_point, low, high = 3, 8, 3, -100, 90
    biases, multipliers = np.array([[1, -2, 0], [3, 0, -1]]), np.array([[200, 168, 130], [141, 200, 152]])
    rounding = Requantize(np.array([12.5]), zero_point, low, high, significand_bits=bits)
    fold = Requantizer("serial", 1, 3) if form == "serial" else Requantizer("dsp", 2)
    component = FoldedRequantizer(
        signed(4), Constants(biases, multipliers, (Interval(-10, 10),)), rounding, fold, signed(8), tiles=2, live=2
    )  # fmt: skip
    busy, latency = fold.occupancy(pe, bits), sum(fold.stages(pe, bits).values())
    lanes = [_wanted(lane, biases[:, lane], multipliers[:, lane], rounding) for lane in range(pe)]
    lanes += [
        f"  always @* if (!rst & push & pushed == number) lane_{lane}: assert (result[{8 * lane} +: 8] == "
        f"({'number[0]' if lane == pe - 1 else 0} ? 0 : want_{lane}));\n"
        for lane in range(pe)
    ]
    body = [
        f"  (* anyseq *) wire wants; (* anyseq *) wire [11:0] sums; wire push; wire [{8 * pe - 1}:0] result;\n",
        "  (* anyconst *) reg [3:0] number; reg [3:0] loaded, pushed; reg [7:0] rest; reg [11:0] seen;\n",
        "  wire load = wants & rest == 0;\n",
        *_delayed("due", "load", latency),
        "  always @(posedge clk)\n    if (rst) begin loaded <= 0; pushed <= 0; rest <= 0; end\n    else begin\n",
        f"      rest <= load ? {busy - 1} : rest == 0 ? 0 : rest - 1;\n",
        "      loaded <= loaded + load; pushed <= pushed + push;\n",
        "      if (load & loaded == number) seen <= sums;\n    end\n",
        "  always @* if (!rst) pushed_in_its_cycle: assert (push == due);\n",
        *lanes,
    ]
    pins = [".load(load)", ".accumulators(sums)", ".push(push)", ".result(result)"]
    return Problem(emit(component, "dut"), harness(body, pins))


def _wanted(lane: int, bias: Column, multiplier: Column, rounding: Requantize) -> str:
    """Return what a lane makes of its accumulator, the definition of rounding and saturation spelt out."""
    shift, half = rounding.shift, 1 << (rounding.shift - 1)
    factor, addend = (f"(number[0] ? {odd} : {even})" for even, odd in (multiplier, bias))
    low, high = rounding.low, rounding.high
    return (
        f"  wire signed [3:0] acc_{lane} = seen[{4 * lane} +: 4];\n"
        f"  wire signed [15:0] product_{lane} = (acc_{lane} + {addend}) * {factor};\n"
        f"  wire signed [15:0] down_{lane} = product_{lane} >>> {shift};\n"
        f"  wire [{shift - 1}:0] rest_{lane} = product_{lane};\n"
        f"  wire up_{lane} = rest_{lane} > {half} | (rest_{lane} == {half} & down_{lane}[0]);\n"
        f"  wire signed [15:0] near_{lane} = down_{lane} + up_{lane} + {rounding.zero_point};\n"
        f"  wire signed [7:0] want_{lane} =\n"
        f"    near_{lane} < {low} ? {low} : near_{lane} > {high} ? {high} : near_{lane};\n"
    )


def gate_pipeline(spec: Recurrent) -> Problem:
    """`hdl.gates.GatePipeline`: every row of a tile once, in its cycle and turn."""
    first = (
        pipeline.CAPTURE * 2 + pipeline.DSP_STAGES + pipeline.BIAS + pipeline.ADD + pipeline.ROUND + pipeline.SATURATE
    )
    pieces = [f"load_{first + row}" for row in range(spec.rows)]
    body = [
        "  (* anyseq *) wire wants; reg [7:0] rest; wire load = wants & rest == 0, valid;\n",
        f"  wire [{max(2, spec.gates - 1).bit_length() - 1}:0] gate;\n",
        f"  always @(posedge clk) rest <= rst ? 0 : load ? {spec.rows - 1} : rest == 0 ? 0 : rest - 1;\n",
        *_delayed("load", "load", first + spec.rows - 1, name_stages=True),
        f"  always @* if (!rst) row_in_its_cycle: assert (valid == ({' | '.join(pieces)}));\n",
        *(
            f"  always @* if (!rst & {piece}) row_{row}_in_turn: assert (gate == {row % spec.gates});\n"
            for row, piece in enumerate(pieces)
        ),
    ]
    return Problem(emit(GatePipeline(spec), "dut"), harness(body, [".load(load)", ".valid(valid)", ".gate(gate)"]))


def _delayed(name: str, source: str, cycles: int, *, name_stages: bool = False) -> list[str]:
    """Return a wire that is ``source`` some cycles ago, and false until then."""
    stages = [source, *(f"{name}_{i}" for i in range(1, cycles + 1))]
    lines = [f"  reg {b}; always @(posedge clk) {b} <= !rst & {a};\n" for a, b in pairwise(stages)]
    return lines if name_stages else [*lines, f"  wire {name} = {stages[-1]};\n"]
