"""Kernels and sequencers against the contract: valid, ready and last in every cycle, whatever both ends do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from amaranth.hdl import Elaboratable, Fragment

from accel.schedule.base import KernelSpec
from accel.schedule.graph import TOP, Link
from hdl.formal.harness import Wires, harness, scoreboard
from hdl.formal.prover import Problem
from hdl.formal.schedule_model import SHOWN_BITS, schedule_model
from hdl.kernels import kernel as gateware
from hdl.requantize import FoldedRequantizer
from hdl.sequencer import Sequencer
from hdl.stream import tdata_bits
from hdl.table import CyclicTable, packed, shape_of
from hdl.top import Top
from hdl.verilog import emit

_ORDER_BITS = 5


def kernel(spec: KernelSpec) -> Problem:
    """Return the claim that a kernel, alone behind AXI4-Stream ports, keeps its schedule in every cycle.

    That is to say, for every port: ready and valid are those of the contract's counts, so that no beat is taken or
    given that the schedule does not state, and none is left out; what is valid stays so; last comes with a tensor's
    last beat; and the data of a beat stays while it waits, whatever the datapath computed.
    """
    enter = (Link((TOP, i), (0, i)) for i in range(len(spec.inputs)))
    leave = (Link((0, o), (TOP, o)) for o in range(len(spec.outputs)))
    top = Top([spec], [*enter, *leave])
    text, schedule = emit(top, "dut"), spec.schedule
    (instance,) = top.instances
    pins, body = [], []
    for prefix, stream in (*top.inputs, *top.outputs):
        body.append(f"  wire {prefix}_valid, {prefix}_ready, {prefix}_last;\n")
        pins += [f".{prefix}_{signal}({prefix}_{signal})" for signal in ("valid", "ready", "last")]
        if (prefix, stream) in top.outputs:
            body.append(f"  wire [{tdata_bits(stream) - 1}:0] {prefix}_data;\n")
            pins.append(f".{prefix}_data({prefix}_data)")
            body.append(Wires(prefix, tdata_bits(stream), "").held)
    inputs, outputs = [prefix for prefix, _ in top.inputs], [prefix for prefix, _ in top.outputs]
    body += [
        f"  (* anyseq *) wire [{len(inputs) - 1}:0] offers; (* anyseq *) wire [{len(outputs) - 1}:0] accepts;\n",
        f"  assign {_joined(inputs, 'valid')} = offers, {_joined(outputs, 'ready')} = accepts;\n",
        f"  wire [{len(inputs) - 1}:0] ready; wire [{len(outputs) - 1}:0] valid, last;\n",
        "  model model(.clk(clk), .rst(rst), .s_valid(offers), .s_ready(ready), .m_ready(accepts), .m_valid(valid),\n"
        "    .m_last(last));\n",
        "  always @* if (!rst) begin\n",
        f"    ready_as_stated: assert ({_joined(inputs, 'ready')} == ready);\n",
        f"    valid_as_stated: assert ({_joined(outputs, 'valid')} == valid);\n",
        f"    last_as_stated: assert ({_joined(outputs, 'last')} == last);\n  end\n",
    ]
    linked, cuts, lemmas = Linked(text, {}), list[str](), list[str]()
    queues = re.findall(rf"^module \\(dut\.{instance}\.queue\S*)", text, re.MULTILINE)
    for o, (prefix, queue) in enumerate(zip(outputs, queues, strict=True)):
        lemmas += [linked.equal(queue, "spare", f"words_{o}"), linked.circular(queue, o, schedule.slots[o])]
        cuts += [f"{queue.removeprefix('dut.')}.{name}" for name in linked.written(queue)]
        if schedule.results > 1:
            counter = f"{prefix}_beat" if linked.has("dut", f"{prefix}_beat") else f"{prefix}_last"  # one bit is both
            lemmas.append(linked.equal("dut", counter, f"beat_{o}"))
    for name, part in _parts(spec):
        if isinstance(part, Sequencer):
            lemmas += sequencing(part, linked, f"dut.{instance}.{name}")
        elif isinstance(part, FoldedRequantizer):
            lemmas += requantizing(part, linked, f"dut.{instance}.{name}")
    stated = harness(body, pins) + schedule_model(schedule)
    return Problem(text, stated, "".join(lemmas), linked.links, tuple(cuts))


def passing(spec: KernelSpec) -> Problem:
    """Return the claim that a kernel of one input that computes nothing passes every beat to every output, in order."""
    top = Top([spec], [Link((TOP, 0), (0, 0)), *(Link((0, o), (TOP, o)) for o in range(len(spec.outputs)))])
    source, *sinks = (
        Wires(prefix, tdata_bits(stream), f"{prefix}_", "data") for prefix, stream in (*top.inputs, *top.outputs)
    )
    body = [source.declared, source.offered]
    for sink in sinks:
        body += [sink.declared, sink.accepted, sink.held, scoreboard(source, sink, order_bits=_ORDER_BITS)]
    return Problem(emit(top, "dut"), harness(body, [pin for port in (source, *sinks) for pin in port.pins]))


def sequencing(sequencer: Sequencer, linked: Linked, inside: str) -> list[str]:
    """Return assertions on a sequencer's registers, without which no solver sees why the counts agree."""
    schedule = sequencer.schedule
    inputs, outputs = range(len(schedule.beats)), range(len(schedule.slots))
    body = [linked.equal(inside, f"{name}_{p}", f"{name}_{p}") for p in inputs for name in ("ahead", "room")]
    body += [linked.equal(inside, f"spare_{o}", f"spare_{o}") for o in outputs]
    counts = {"last": "last", "completes": "completes", "left": "left", "until": "until"}
    counts |= {"left_length": "steps", "until_length": "spacing"}
    body += [linked.equal(inside, name, f"shown_{ours}") for name, ours in counts.items() if linked.has(inside, name)]
    return body + reading(sequencer.table, linked, f"{inside}.table")


def requantizing(requantizer: FoldedRequantizer, linked: Linked, inside: str) -> list[str]:
    """Return the assertion that the rounds a requantiser has begun are those it has done and those on their way."""
    if requantizer.rounds == 1:
        return []
    names = ("active", "round", "cycle", "started", "finished", "rounds_done")
    wires = {name: linked.wire(inside, name, f"rounds_{name}") for name in names if linked.has(inside, name)}
    begun = " + ".join(["32'd0", "rounds_round", *["(rounds_cycle != 0)" for name in wires if name == "cycle"]])
    flying = [f"rounds_{name}[{i}]" for name in ("started", "finished") for i in range(wires[name][1])]
    done = " + ".join(["32'd0", "rounds_rounds_done", *flying])
    return [
        *(declared for declared, _ in wires.values()),
        f"  wire [31:0] rounds_begun = ({begun}) % {requantizer.rounds};\n",
        f"  always @* if (!rst) begin\n    rounds_kept: assert (rounds_begun == ({done}) % {requantizer.rounds});\n",
        f"    rounds_bounded: assert (rounds_rounds_done < {requantizer.rounds} & (rounds_active ?\n"
        f"      rounds_round < {requantizer.rounds} : rounds_begun == 0));\n  end\n",
    ]


def _parts(spec: KernelSpec) -> Iterator[tuple[str, Elaboratable]]:
    """Yield what a kernel elaborates, by name."""
    for part, name, _ in Fragment.get(gateware(spec), None).subfragments:
        for origin in part.origins or ():
            yield name, origin


def reading(table: CyclicTable, linked: Linked, inside: str) -> list[str]:
    """Return assertions on a table's registers: each is a function of the position that the table is at."""
    if table.length == 1:
        return []
    at = np.arange(table.length)
    body = [
        linked.tabled(inside, "left", table.length - 1 - at),
        linked.tabled(inside, "final", at == table.length - 1),
    ]
    body += [linked.tabled(inside, name, column) for name, column in table.columns.items()]
    if table.stored:
        folding = table.folding
        row, column = np.divmod(np.roll(at, -1), folding.width)  # it reads one word ahead
        rows = np.array(folding.rows)
        widths = [shape_of(table.columns[name]).width for name in table.stored]
        words = [packed(word, widths) for word in zip(*table.stored.values(), strict=True)]
        body += [
            linked.equal(inside, "prime", "shown_fresh"),
            linked.tabled(inside, "address", rows[row] * folding.width + column, first=0),
            linked.tabled(inside, "column", column, first=0),
            linked.tabled(inside, r"port__addr\S*", (row + 1) % len(rows), first=1),
            linked.tabled(inside, "_0_", words, first=None),
        ]
    return body


class Linked:
    """Registers of emitted Verilog that are asserted to be what the model says, through wires of the harness.

    Attributes
    ----------
    text : str
    links : dict of str to str
        `Problem.links`, which the assertions add to.
    """

    def __init__(self, text: str, links: dict[str, str]):
        self.text, self.links = text, links

    def has(self, module: str, name: str) -> bool:
        """Whether there is such a register or output; synthesis leaves out those that never change or are not read."""
        return bool(self._found(module, name))

    def written(self, module: str) -> list[str]:
        """Return the inputs of a queue that are written to its memory."""
        (found,) = re.findall(r"words\[.*\] <= (.*);", self._body(module))
        return [re.sub(r"\[[\d:]+\]$", "", name.strip().lstrip("\\")) for name in found.strip("{ }").split(",")]

    def circular(self, module: str, port: int, slots: int) -> str:
        """Return the assertion that as many words as wait lie between the places where a queue reads and writes."""
        body = self._body(module)
        ((_, tail),) = self._found(module, re.escape(re.findall(r"words\[\\?(\S+) *\] <=", body)[0]))
        ((_, head),) = self._found(module, re.escape(re.findall(r"= words\[\\?(\S+?) *\];", body)[0]))
        bits = (slots - 1).bit_length()
        self.links |= {f"tail_{port}": f"{module}.{tail}", f"head_{port}": f"{module}.{head}"}
        self.links[f"waits_{port}"] = f"model.shown_waiting_{port}"
        return (
            f"  wire [{bits - 1}:0] tail_{port}, head_{port}; wire [{SHOWN_BITS - 1}:0] waits_{port};\n"
            f"  always @* if (!rst) circular_{port}: assert (tail_{port} < {slots} & head_{port} < {slots} &\n"
            f"    tail_{port} == (head_{port} + waits_{port}) % {slots});\n"
        )

    def _body(self, module: str) -> str:
        start = re.search(rf"^module \\?{re.escape(module)} ?\(", self.text, re.MULTILINE)
        assert start is not None, module
        return self.text[start.start() : self.text.index("endmodule", start.end())]

    def _found(self, module: str, name: str) -> list[tuple[str, str]]:
        """Return the highest bits and the names of registers and outputs that match ``name``."""
        return re.findall(rf"^  (?:reg|output) (?:\[(\d+):0\] )?\\?({name}) *(?:=|;)", self._body(module), re.MULTILINE)

    def wire(self, module: str, name: str, own: str) -> tuple[str, int]:
        """Return the declaration of a wire of the harness that is a register of ``module``, and its width in bits."""
        ((high, found),) = set(self._found(module, name))
        self.links[own] = f"{module}.{found}"
        return f"  wire [{high or 0}:0] {own};\n", int(high or 0) + 1

    def equal(self, module: str, name: str, shown: str) -> str:
        """Return the assertion that a register of ``module`` is what the model shows as ``shown``."""
        ((high, found),) = {found for found in self._found(module, name)}
        signed = "signed " if name.startswith(("ahead", "room", "spare")) else ""
        self.links |= {f"their_{shown}": f"{module}.{found}", f"our_{shown}": f"model.{shown}"}
        return (
            f"  wire {signed}[{high or 0}:0] their_{shown}; wire signed [{SHOWN_BITS - 1}:0] our_{shown};\n"
            f"  always @* if (!rst) {shown}_equal: assert (their_{shown} == our_{shown});\n"
        )

    def tabled(self, module: str, name: str, values: Sequence[int] | np.ndarray, first: int | None = -1) -> str:
        """Return the assertion that a register is a function of the position; in the first cycle it is ``first``."""
        if not self.has(module, name):
            return ""
        own = f"table_{re.sub(r'[^a-z0-9]+', '_', name).strip('_') or 'word'}"
        declared, width = self.wire(module, name, f"their_{own}")
        self.links |= {f"at_{own}": "model.shown_position", f"fresh_{own}": "model.shown_fresh"}
        cases = " ".join(f"{i}: wanted_{own} = {width}'h{int(v) & (1 << width) - 1:x};" for i, v in enumerate(values))
        wanted = f"wanted_{own}(at_{own})"
        claim = f"their_{own} == {wanted}"
        if first is None:
            claim = f"fresh_{own} | {claim}"
        elif first >= 0:
            claim = f"their_{own} == (fresh_{own} ? {first} : {wanted})"
        return (
            f"{declared}  wire [{SHOWN_BITS - 1}:0] at_{own}, fresh_{own};\n"
            f"  function [{width - 1}:0] wanted_{own}(input [{SHOWN_BITS - 1}:0] at);\n"
            f"    case (at) {cases} default: wanted_{own} = 0; endcase\n  endfunction\n"
            f"  always @* if (!rst) {own}: assert ({claim});\n"
        )


def _joined(prefixes: Sequence[str], signal: str) -> str:
    return "{" + ", ".join(f"{prefix}_{signal}" for prefix in reversed(prefixes)) + "}"
