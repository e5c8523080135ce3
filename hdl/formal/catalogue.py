"""What is proven of which block: docs/formal.md as a list."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from accel import schedule
from accel.schedule.base import LayerKernel
from accel.schedule.recurrent import Recurrent
from hdl.bench.cases import Case, cases
from hdl.faults import Fault
from hdl.formal import axi, blocks, host_link, kernels, serial_line
from hdl.formal.prover import Problem, Verdict, prove

CONTRACT, ORDER = "contract", "order"
"""Rules that several blocks keep; docs/formal.md defines both."""


@dataclass(frozen=True, eq=False)
class Proof:
    """A claim about one block, how it is proven, and a fault that must refute it.

    Attributes
    ----------
    block : str
    rule : str
    problem : callable
        Returns what is to be proven.
    depth : int
        Cycles looked at, the one with ``rst`` included.
    induction : bool
        Whether it is proven for every later cycle too.
    mutant : str
        The fault, in words.
    fault : Fault
    """

    block: str
    rule: str
    problem: Callable[[], Problem]
    depth: int
    induction: bool
    mutant: str
    fault: Fault
    mutant_depth: int = 0
    """Cycles in which the fault must be found; `depth` where it is 0."""

    def check(self, folder: Path) -> Verdict:
        """Prove it."""
        return prove(self.problem(), folder, depth=self.depth, induction=self.induction)

    def refute(self, folder: Path, fault: Fault | None = None) -> Verdict:
        """Try to prove it of the block with its fault, or another, in it; lemmas apart."""
        return prove(self.problem().faulty(fault or self.fault), folder, depth=self.mutant_depth or self.depth)

    @property
    def method(self) -> str:
        """How far it reaches, in words."""
        return "every cycle, by induction" if self.induction else f"the first {self.depth} cycles"


def _plus_one(match: re.Match[str]) -> str:
    """Return a reset value, ``NAME <= 4'hf;``, that is one more."""
    bits = int(match[2])
    return f"{match[1]}{bits}'h{(int(match[3], 16) + 1) & (1 << bits) - 1:x};"


def _late(match: re.Match[str]) -> str:
    return f"  reg late; always @(posedge clk) late <= !rst & {match[2]};\n{match[1]}{{ 1'h0, late }}"


KERNEL_FAULTS: dict[str, Fault] = {
    "a step before its beat": Fault(r"\.sequencer \(", r"(ahead_0 <= )(\d+)'h(\w+);", _plus_one),
    "a beat counted twice": Fault(
        r"\.sequencer \(", r"(\$signed\(ahead_0\)) \+ (\$signed\(\{ 1'h0, \w+ \}\))", r"\1 + \2 + \2"
    ),
    "valid that waits for ready": Fault(
        r"\.queue\S* \(", r"assign (\S+) = ~ (spare\[\d+\]);", r"assign \1 = ~ \2 & output__ready;"
    ),
    "a beat that changes while it waits": Fault(
        r"\.queue\S* \(", r"else if \(sent\) read__addr", "else if (output__valid) read__addr"
    ),
    "a result a cycle late": Fault(
        r"\.queue\S* \(", r"(  assign \S+ +=\s+\$signed\(spare\) \+ \$signed\()\{ 1'h0, (.*?) +\}", _late
    ),
}
"""Faults that every kernel's handshakes could have."""

_FLOWS_FROM_STATE = {Recurrent.kind}
"""Kernels whose pipelines have counters of their own, which nothing that the harness sees ties to the sequencer's."""


def proofs() -> Iterator[Proof]:
    """Yield every proof: the building blocks', those around a core, then one of each kernel."""
    yield from _blocks()
    yield from _around()
    for kind in schedule.registry():
        mutant = list(KERNEL_FAULTS)[zlib.crc32(kind.encode()) % len(KERNEL_FAULTS)]
        yield of_kernel(smallest(kind), mutant)


def smallest(kind: str) -> Case:
    """Return the case of a kernel that takes the fewest cycles, among those of several positions and results.

    Those with two products in a multiplier have the handshakes of those without, and are left out.
    """
    plain = [c for c in cases(kind, 1) if not (isinstance(c.spec, LayerKernel) and c.spec.fold.packed)]
    several = [c for c in plain if len(c.spec.schedule.steps) > 1 and c.spec.schedule.results > 1]
    return min(several, key=lambda c: _to_first_result(c) + c.spec.schedule.bound_cycles + c.spec.schedule.latency)


def _to_first_result(case: Case) -> int:
    """Return the steps ahead of the position that gives a case's first result."""
    schedule = case.spec.schedule
    return int(schedule.steps[: (schedule.period > 0).argmax()].sum())


def identity() -> Case:
    """Return a maximum over one element each, the least kernel around a window buffer."""
    return next(case for case in cases("maxpool", 1) if "MaxPool 1x1" in case.name)


def of_kernel(case: Case, mutant: str) -> Proof:
    """Return the proof of one case of a kernel."""
    s, induction = case.spec.schedule, case.spec.kind not in _FLOWS_FROM_STATE
    period = int(s.period.max())
    depth = s.latency + period + 6 if induction else s.latency + 2 * period + 8
    return Proof(
        f"kernel {case.spec.kind}", CONTRACT, partial(kernels.kernel, case.spec), depth, induction,
        mutant, KERNEL_FAULTS[mutant], depth + int(s.need[:, 0].max()),
    )  # fmt: skip


def _blocks() -> Iterator[Proof]:
    yield Proof(
        "queue.OutputQueue", ORDER, blocks.output_queue, 8, True,
        "a word written over the newest",
        Fault(r"dut\(", r"else if \(write\) (\S+ +<= )\S+ *\[", r"else if (sent) \1\\$3 ["),
    )  # fmt: skip
    yield Proof(
        "shell.Gather", ORDER, blocks.gather, 8, True,
        "ready while full", Fault(r"dut\(", r"assign bytes__ready = .*?;", "assign bytes__ready = 1'h1;"),
    )  # fmt: skip
    yield Proof(
        "shell.Scatter", ORDER, blocks.scatter, 8, True,
        "bytes that move on by themselves", Fault(r"dut\(", r"bytes__valid & bytes__ready", "bytes__valid"),
    )  # fmt: skip
    for name, case, module in (
        ("window_buffer.WindowBuffer", identity(), r"\.buffer \("),
        ("kernel fifo, its data", smallest("fifo"), r"\.queue\S* \("),
        ("kernel fork, its data", smallest("fork"), r"\.queue\S* \("),
    ):
        yield Proof(
            name, ORDER, partial(kernels.passing, case.spec), case.spec.schedule.latency + 6, False,
            "words written to one place", Fault(module, r"(else[^;<]*\\\$signature__addr +<= )[^;]+;", r"\g<1>0;"),
        )  # fmt: skip
    yield Proof(
        "beat_buffer.BeatBuffer", "a step reads the beat at hand, as it came", blocks.beat_buffer, 10, True,
        "a read a cycle early", Fault(r"dut\(", r"beats\[read__addr\]", "beats[at]"),
    )  # fmt: skip
    yield Proof(
        "table.CyclicTable", "the next word after every advance, for ever", blocks.cyclic_table, 8, True,
        "a first word that is not read", Fault(r"dut\(", r"prime <= ", "prime <= 1'h0 & "),
    )  # fmt: skip
    yield Proof(
        "requantize.FoldedRequantizer, serial", "each load pushed once, in its cycle, every lane as defined",
        blocks.requantizer, 26, False,
        "halves rounded up", Fault(r"dut\(", r"product_0\[\d+\] \}\)", "1'h1 })"),
    )  # fmt: skip
    yield Proof(
        "requantize.FoldedRequantizer, DSP", "each load pushed once, in its cycle, every lane as defined",
        partial(blocks.requantizer, "dsp"), 20, False,
        "a round not counted", Fault(r"dut\(", r"assign push = (\S+) & rounds_done", r"assign push = \1"),
    )  # fmt: skip
    spec = cases(Recurrent.kind, 1)[0].spec
    assert isinstance(spec, Recurrent)
    yield Proof(
        "gates.GatePipeline", "each row of a tile once, in its cycle and turn",
        partial(blocks.gate_pipeline, spec), 24, False,
        "a row too many", Fault(r"dut\(", r"row != ", "1'h1 | row != "),
    )  # fmt: skip


def _around() -> Iterator[Proof]:
    """Yield the proofs of what stands between a core and its bus or its host."""
    yield Proof(
        "axi.ports.Hold", "order; of tensors that a reset of the core cut off none ends", axi.hold, 6, True,
        "a reset of the core that takes the beat",
        Fault(r"dut\(", r"\{ leaves, enters \}", "{ leaves, enters, restart }"),
    )  # fmt: skip
    yield Proof(
        "axi.ports.Gate", "tensors enter whole, one for each start; TLAST is compared", axi.gate, 6, True,
        "a tensor stopped in the middle", Fault(r"dut\(", r"= ~ first;", "= 1'h0;"),
    )  # fmt: skip
    yield Proof(
        "host_buffers.TensorRing", "order, of bytes in good frames; a tensor without a gap", host_link.tensor_ring,
        6, True,
        "a dropped frame that stays", Fault(r"dut\(", r"rollback +\? kept", "rollback ? tail"), 12,
    )  # fmt: skip
    yield Proof(
        "host_buffers.Outlet", "order; a frame's bytes are there before it begins, its last is marked",
        host_link.outlet, 6, True,
        "a frame released early", Fault(r"dut\(", r"= r_level >= ", "= 1'h1 | "),
    )  # fmt: skip
    yield Proof(
        "frames.Framer", "order; flags and escapes as defined, whatever the checksum", serial_line.framer, 6, True,
        "a byte taken over the one that waits",
        Fault(r"dut\(", r"assign body__ready = .*?;", "assign body__ready = 1'h1;"),
    )  # fmt: skip
    yield Proof(
        "frames.Deframer", "a body's bytes in order, each once; a verdict on each frame", serial_line.deframer, 8, True,
        "checksums given as data", Fault(r"dut\(", r">= 3'h4", ">= 3'h3"), 30,
    )  # fmt: skip
    yield Proof(
        "uart.Transmitter", "each byte's bits in turn, each as long as a bit is", serial_line.transmitter, 6, True,
        "a stop bit too few", Fault(r"dut\(", "4'ha", "4'h9"), 24,
    )  # fmt: skip
    yield Proof(
        "uart.Receiver", "each byte once, edges a cycle off", serial_line.receiver, 6, True,
        "bits read at their edges", Fault(r"dut\(", r"3'h4, \\\$procmux", r"3'h3, \\$procmux"), 45,
    )  # fmt: skip
