"""Every proof of docs/formal.md with its times, and those of many more kernels: ``python -m benchmarks.formal``.

``--table`` prints the document's rows and proves nothing; ``--all`` takes a kernel of every shape of schedule there is
among the contract tests' cases, and plants every fault in each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from accel import schedule
from hdl.bench.cases import Case, cases
from hdl.formal.catalogue import KERNEL_FAULTS, Proof, of_kernel, proofs


def rows() -> Iterator[str]:
    """Yield the document's table."""
    for proof in proofs():
        yield f"| {proof.block} | {proof.rule} | {proof.method} | {proof.mutant} |"


def shapes(kind: str) -> Iterator[Case]:
    """Yield the quickest case of a kernel for every way in which schedules differ: uneven, several steps, and so on."""
    seen: set[tuple[bool, ...]] = set()
    for case in sorted(cases(kind, 1), key=lambda c: c.spec.schedule.bound_cycles + c.spec.schedule.latency):
        s = case.spec.schedule
        shape = (
            len(s.steps) > 1, s.results > 1, len(set(s.steps)) > 1, len(set(s.period)) > 1, bool(s.steps.max() > 1),
            bool(s.period.max() > 1), bool(s.period.min() == 0), len(s.beats) > 1,
        )  # fmt: skip
        if shape not in seen:
            seen.add(shape)
            yield case


def prove(proof: Proof, name: str, folder: Path) -> str:
    """Return a line with what became of a proof and of its mutant."""
    start = time.perf_counter()
    verdict = proof.check(folder)
    seconds = time.perf_counter() - start
    refuted = proof.refute(folder)
    said = "holds" if verdict.holds else f"FAILS: {verdict.failed} in cycle {verdict.step}"
    found = "NOT FOUND" if refuted.holds else f"{refuted.failed} in cycle {refuted.step}"
    return f"{name}: {said}, {proof.method}, {seconds:.1f} s; {proof.mutant}: {found}"


def main() -> None:
    """Prove, and say what came of it."""
    if "--table" in sys.argv:
        print(*rows(), sep="\n")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for proof in proofs():
            print(prove(proof, proof.block, folder), flush=True)
        if "--all" in sys.argv:
            for kind in schedule.registry():
                for case in shapes(kind):
                    for mutant in KERNEL_FAULTS:
                        print(prove(of_kernel(case, mutant), case.name, folder), flush=True)


if __name__ == "__main__":
    main()
