"""The AXI wrapper's blocks at its streams, each with the properties that are proven of it."""

from __future__ import annotations

from hdl.axi.ports import Gate, Hold
from hdl.formal.harness import Wires, harness, scoreboard
from hdl.formal.prover import Problem
from hdl.verilog import emit

_ORDER_BITS = 3
"""More than the one beat that a hold has under way."""


def hold(bits: int = 4) -> Problem:
    """`hdl.axi.ports.Hold`, behind a core that keeps to no rule and is reset at any time.

    Beats keep the order rule, TLAST among their data; tensors that a reset of the core cut off do not end.
    """
    source, sink = Wires("i", bits + 1, ""), Wires("o", bits + 1, "")
    body = [
        source.declared,
        sink.declared,
        f"  (* anyseq *) wire offers, restart; (* anyseq *) wire [{bits}:0] beat; wire ends, open;\n"
        "  assign i_valid = offers & !restart, i_data = beat;\n",
        sink.accepted,
        sink.held,
        scoreboard(source, sink, order_bits=_ORDER_BITS),
        f"  reg [{_ORDER_BITS - 1}:0] since; // beats that entered since the core's last reset\n"
        f"  wire [{_ORDER_BITS - 1}:0] waiting = i_o_in - i_o_out;\n"
        f"  wire leaves = o_valid & o_ready, fresh = since >= waiting, last = o_data[{bits}];\n"
        "  reg begun; always @(posedge clk) begin\n"
        "    since <= rst | restart ? 0 : &since ? since : since + i_o_enters;\n"
        "    begun <= rst | restart ? 0 : leaves & fresh ? !last : begun;\n  end\n"
        "  always @* if (!rst) begin\n"
        "    says_what_it_holds: assert (o_valid == (waiting != 0));\n"
        "    a_beat_a_cycle: assert (i_ready == (!o_valid | o_ready));\n"
        "    whole_tensors_end: assert (ends == (leaves & last & fresh));\n"
        "    open_in_part: assert (open == begun);\n  end\n",
    ]
    lemmas = (
        "  wire stale;\n  always @* if (!rst) begin\n"
        "    one_beat: assert (waiting <= 1 & i_o_inside == (i_o_due < waiting));\n"
        "    of_before: assert (!o_valid | stale == !fresh);\n"
        "    kept: assert (!i_o_inside | o_data == i_o_seen);\n  end\n"
    )
    pins = [
        ".core_valid(offers)", ".core_ready(i_ready)",
        f".core_data(i_data[{bits - 1}:0])", f".core_last(i_data[{bits}])",
        ".valid(o_valid)", ".ready(o_ready)", f".data(o_data[{bits - 1}:0])", f".last(o_data[{bits}])",
        ".restart(restart)", ".ends(ends)", ".open(open)",
    ]  # fmt: skip
    return Problem(emit(Hold(bits), "dut"), harness(body, pins), lemmas, {"stale": "dut.stale"})


def gate(beats: int = 3) -> Problem:
    """`hdl.axi.ports.Gate`: tensors enter whole, one for each start or all while enabled; TLAST is compared."""
    body = [
        "  (* anyseq *) wire enable, start, offers, marked; wire opens, waits, first, last, early, missing;\n"
        "  reg [7:0] place; reg pending; wire moves = offers & opens;\n"
        f"  wire begins = moves & place == 0, ends = moves & place == {beats - 1};\n"
        "  always @(posedge clk) begin\n"
        "    place <= rst | ends ? 0 : place + moves;\n"
        "    pending <= !rst & (start | (pending & !begins));\n  end\n"
        "  always @* if (!rst) begin\n"
        "    whole: assert (opens == (place != 0 | enable | pending));\n"
        "    one_for_each_start: assert (waits == pending);\n"
        f"    placed: assert (first == (place == 0) & last == (place == {beats - 1}));\n"
        "    compared: assert (early == (moves & marked & !ends) & missing == (ends & !marked));\n  end\n",
    ]
    lemmas = (
        f"  wire [{(beats - 1).bit_length() - 1}:0] beat;\n"
        f"  always @* if (!rst) counted: assert (beat == place & place < {beats});\n"
    )
    names = ("enable", "start", "moves", "marked", "opens", "waits", "first", "last", "early", "missing")
    pins = [f".{name}({name})" for name in names]
    return Problem(emit(Gate(beats), "dut"), harness(body, pins), lemmas, {"beat": "dut.position.beat"})
