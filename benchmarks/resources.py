"""What plans say that designs take, beside what Yosys makes of them: ``python -m benchmarks.resources``.

A row for each of `benchmarks.resource_designs.subjects`: its Verilog is emitted as `accel generate` emits it and
synthesised for the part's family. ``--only TEXT`` takes the designs with a text in their line, ``--quick`` the smallest
of each family; ``--md`` prints the table of docs/resources.md. The exit code is 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from accel import targets, tools
from accel.app import bitstream
from accel.app.generate import CORE
from benchmarks.progress import rows
from benchmarks.resource_designs import Subject, subjects
from hdl import top, verilog

LIMITS = {"dsp": 0.10, "bram": 0.10, "lut": 0.25}
"""Largest errors, as shares of what synthesis gives: below ten blocks none is off by one."""
NAMES = {"dsp": "DSP", "bram": "block RAM", "lut": "LUT", "ff": "FF"}
QUICK = ("RNN of 16 units on up5k", "GRU, linear_before_reset 1 on ecp5", "GRU, linear_before_reset 0 on xc7")
"""Beginnings of the lines of small designs, one for each family."""


@dataclass(frozen=True, slots=True)
class Row:
    """A design, predicted and synthesised.

    Attributes
    ----------
    subject : Subject
    predicted, synthesised : mapping of str to int
        By ``dsp``, ``bram``, ``lut``, ``ff``.
    seconds : float
        Of CPU that synthesis took.
    """

    subject: Subject
    predicted: Mapping[str, int]
    synthesised: Mapping[str, int]
    seconds: float

    def error(self, resource: str) -> float:
        """Return how far off the prediction is, as a share of what synthesis gives; infinite where that is nothing."""
        off = self.predicted[resource] - self.synthesised[resource]
        return off / self.synthesised[resource] if self.synthesised[resource] else float("inf") * off if off else 0.0

    @property
    def missed(self) -> list[str]:
        """The resources whose error is beyond `LIMITS`."""
        return [resource for resource, limit in LIMITS.items() if abs(self.error(resource)) > limit]

    def cells(self, resource: str) -> str:
        """Return the two figures of a resource and the error, as the table has them."""
        mark = " **missed**" if resource in self.missed else ""
        return f"{self.predicted[resource]:,} / {self.synthesised[resource]:,} ({self.error(resource):+.0%}){mark}"

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {self.cells(resource)}" for resource, name in NAMES.items())
        return f"{self.subject}: {figures}; {self.seconds:.0f} s"


def measure(subject: Subject, folder: Path) -> Row:
    """Plan, emit and synthesise a design in ``folder``."""
    network = subject.network()
    made = subject.plan(network)
    design = made.design(network)
    source = folder / f"{CORE}.v"
    source.write_text(verilog.emit(top.Top([kernel.spec for kernel in design.kernels], design.links), CORE))
    family = bitstream.synthesis(targets.get(subject.target).family)
    seconds = family.synthesise([source], CORE, folder / "netlist.json")
    return Row(subject, made.resources, family.synthesised(folder / bitstream.STATISTICS), seconds)


def table(found: Sequence[Row]) -> Iterator[str]:
    """Yield the document's table."""
    yield f"| design | asked | {' | '.join(NAMES.values())} |"
    yield f"|---|---|{'---:|' * len(NAMES)}"
    for row in found:
        name = f"{row.subject.name} on {row.subject.target}"
        yield f"| {name} | {row.subject.wish} | {' | '.join(row.cells(resource) for resource in NAMES)} |"


def summary(found: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each family: its designs, the largest errors, what is beyond the limits."""
    for family in dict.fromkeys(targets.get(row.subject.target).family for row in found):
        own = [row for row in found if targets.get(row.subject.target).family == family]
        worst = {resource: max((row.error(resource) for row in own), key=abs) for resource in NAMES}
        errors = ", ".join(f"{NAMES[resource]} {error:+.0%}" for resource, error in worst.items())
        missed = sum(bool(row.missed) for row in own)
        yield f"{family}: {len(own)} designs, largest errors {errors}; {missed} beyond a limit"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="designs with this text in their line")
    parser.add_argument("--quick", action="store_true", help="one small design of each family")
    parser.add_argument("--md", action="store_true", help="print the table in Markdown")
    asked = parser.parse_args()
    tools.require(tools.YOSYS)
    chosen = [s for s in subjects() if asked.only in str(s) and (not asked.quick or str(s).startswith(QUICK))]
    if not chosen:
        parser.error(f"no design has {asked.only!r} in its line")
    began = time.perf_counter()
    found: list[Row] = []
    for row in rows(chosen, measure):
        found.append(row)
        if not asked.md:
            print(row, flush=True)
    if asked.md:
        print(*table(found), "", sep="\n")
    print(*summary(found), sep="\n")
    print(f"{time.perf_counter() - began:,.0f} s", file=sys.stderr)
    return 1 if any(row.missed for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
