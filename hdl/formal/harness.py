"""The harness's parts: reset, streams at a design's ports, and the rules that every stream keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RESET = (
    "  reg booted = 0; wire rst = !booted;\n"
    "  reg ran = 0; // whether the cycle before was one after reset\n"
    "  always @(posedge clk) begin booted <= 1; ran <= booted; end\n"
)
"""One cycle of ``rst``, and what ``held`` looks back on."""


@dataclass(frozen=True)
class Wires:
    """A stream as wires of the harness: ``<name>_valid``, ``_ready`` and ``_data``.

    Attributes
    ----------
    name : str
    bits : int
        Of its data.
    prefix, payload : str
        The design's ports are ``<prefix>valid``, ``<prefix>ready`` and ``<prefix><payload>``.
    """

    name: str
    bits: int
    prefix: str
    payload: str = "payload"

    @property
    def pins(self) -> list[str]:
        """The connections of the design's ports."""
        ends = {"valid": "valid", "ready": "ready", "data": self.payload}
        return [f".{self.prefix}{port}({self.name}_{wire})" for wire, port in ends.items()]

    @property
    def declared(self) -> str:
        """The wires."""
        return f"  wire {self.name}_valid, {self.name}_ready; wire [{self.bits - 1}:0] {self.name}_data;\n"

    @property
    def offered(self) -> str:
        """Anything at any time, as from a source that keeps to the rules: what it offers it holds until it is taken."""
        n = self.name
        return (
            f"  (* anyseq *) wire {n}_starts; (* anyseq *) wire [{self.bits - 1}:0] {n}_any;\n"
            f"  reg {n}_offers; reg [{self.bits - 1}:0] {n}_kept;\n"
            f"  assign {n}_valid = {n}_offers | {n}_starts, {n}_data = {n}_offers ? {n}_kept : {n}_any;\n"
            f"  always @(posedge clk) begin {n}_offers <= !rst & {n}_valid & !{n}_ready; {n}_kept <= {n}_data; end\n"
        )

    @property
    def accepted(self) -> str:
        """Ready at any time."""
        return f"  (* anyseq *) wire {self.name}_accepts; assign {self.name}_ready = {self.name}_accepts;\n"

    @property
    def held(self) -> str:
        """The rule that what is offered stays, with the same data, until it is taken."""
        n = self.name
        return (
            f"  reg {n}_waited; reg [{self.bits - 1}:0] {n}_shown;\n"
            f"  always @(posedge clk) begin {n}_waited <= {n}_valid & !{n}_ready; {n}_shown <= {n}_data; end\n"
            f"  always @* if (ran & {n}_waited) begin\n"
            f"    {n}_stays: assert ({n}_valid);\n    {n}_is_stable: assert ({n}_data == {n}_shown);\n  end\n"
        )


def harness(body: Sequence[str], pins: Sequence[str], *, clocked: bool = True) -> str:
    """Return the module ``harness``: reset, ``body`` and the design, which is connected by ``pins``."""
    own = [".clk(clk)", ".rst(rst)"] if clocked else []
    return f"module harness(input clk);\n{RESET}{''.join(body)}  dut dut({', '.join([*own, *pins])});\nendmodule\n"


def scoreboard(source: Wires, sink: Wires, *, order_bits: int, into: int = 1, out_of: int = 1) -> str:
    """Return the rule that nothing is lost, doubled or swapped between two streams.

    A number that may be any is watched: the part with that number that came in must be the part with that number that
    goes out, and nothing goes out before it came in. Beats of ``sink`` hold ``into`` parts, those of ``source``
    ``out_of``; numbers count modulo ``2 ** order_bits``, so more parts than that must never be under way.
    """
    bits = source.bits // out_of
    name = f"{source.name}_{sink.name}"
    lines = [
        f"  (* anyconst *) reg [{order_bits - 1}:0] {name}_number; reg [{bits - 1}:0] {name}_seen; reg {name}_inside;",
        f"  reg [{order_bits - 1}:0] {name}_in, {name}_out;",
        f"  wire {name}_enters = {source.name}_valid & {source.name}_ready;",
        f"  wire {name}_leaves = {sink.name}_valid & {sink.name}_ready;",
        f"  wire [{order_bits - 1}:0] {name}_at = {name}_number - {name}_in, {name}_due = {name}_number - {name}_out;",
        "  always @(posedge clk)",
        f"    if (rst) begin {name}_in <= 0; {name}_out <= 0; {name}_inside <= 0; end",
        "    else begin",
        f"      if ({name}_enters) begin",
        f"        {name}_in <= {name}_in + {out_of};",
        f"        if ({name}_at < {out_of}) begin",
        f"          {name}_inside <= 1; {name}_seen <= {source.name}_data[{name}_at * {bits} +: {bits}];",
        "        end",
        "      end",
        f"      if ({name}_leaves) begin",
        f"        {name}_out <= {name}_out + {into};",
        f"        if ({name}_due < {into}) {name}_inside <= 0;",
        "      end",
        "    end",
        f"  always @* if (!rst & {sink.name}_valid & {name}_due < {into}) begin",
        f"    {name}_came: assert ({name}_inside);",
        f"    {name}_equal: assert ({sink.name}_data[{name}_due * {bits} +: {bits}] == {name}_seen);",
        "  end",
    ]
    return "\n".join(lines) + "\n"
