"""The AXI wrapper's blocks that hold beats, each with the properties that are proven of it."""

from __future__ import annotations

from hdl.axi.ports import Hold
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
