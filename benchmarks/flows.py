"""From models to bitstreams, each design as `accel flow` makes it: ``python -m benchmarks.flows``.

Shipped models, and those of `benchmarks.flow_models`, are quantised, generated, verified under random stalls, placed
and routed at the clock of their part or board. ``--only TEXT`` takes the designs with a text in their line; ``--md``
prints the table of docs/flows.md. The exit code is 1 where a value or a cycle differs, or timing is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from accel.app.build import BuildResult
from accel.app.flow import flow
from accel.app.verify import VerifyResult
from accel.errors import AccelError
from benchmarks.flow_models import large_lstm, nested_resnet, save
from benchmarks.progress import rows

LINK = "through the link"
HEADINGS = (
    "design", "part or board", "clock, MHz", "Fmax, MHz", "DSP", "block RAM", "LUT", "tensors/s at the clock",
    "at Fmax", LINK, "mismatches", "CPU, s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """A model and the part or board it is to run on.

    Attributes
    ----------
    name : str
        A shipped model's, where ``model`` is ``None``.
    target, board : str or None
        One of them.
    model : callable, optional
        Makes the float model.
    """

    name: str
    target: str | None = None
    board: str | None = None
    model: Callable[[], onnx.ModelProto] | None = None

    def __str__(self) -> str:
        return f"{self.name} on {self.place}"

    @property
    def place(self) -> str:
        """The part or the board."""
        return self.target or self.board or ""


SUBJECTS = (
    Subject("resnet_tiny", board="ulx3s"),
    Subject("dscnn", board="ulx3s"),
    Subject("lenet5", board="ulx3s"),
    Subject("cnn_small", board="icebreaker"),
    Subject("lenet5", "ecp5-85f"),
    Subject("lstm", "ecp5-85f"),
    Subject("gru", "ecp5-85f"),
    Subject("rnn", "ecp5-85f"),
    Subject("nested_resnet", "ecp5-85f", model=nested_resnet),
    Subject("large_lstm", "ecp5-85f", model=large_lstm),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A design and what became of it.

    Attributes
    ----------
    subject : Subject
    verified : VerifyResult or None
    built : BuildResult or None
        ``None`` where the flow ended before that.
    error : str or None
        What failed.
    """

    subject: Subject
    verified: VerifyResult | None = None
    built: BuildResult | None = None
    error: str | None = None

    @property
    def cells(self) -> list[str]:
        """The design's line of the table."""
        if self.verified is None or self.built is None:
            return [self.subject.name, self.subject.place, self.error or ""] + [""] * (len(HEADINGS) - 3)
        built = self.built
        return [
            self.subject.name,
            self.subject.place,
            f"{built.clock_mhz:g}",
            f"{built.fmax_mhz:.1f}" + ("" if built.met else " **missed**"),
            *(f"{built.used[resource]:,}" for resource in ("dsp", "bram", "lut")),
            *(
                f"{built.rates[limit]:,.0f}" if limit in built.rates else ""
                for limit in ("at the clock", "at Fmax", LINK)
            ),
            f"{self.verified.mismatches:,}",
            f"{sum(built.seconds.values()):,.0f}",
        ]

    def __str__(self) -> str:
        said = [str(done) for done in (self.verified, self.built, self.error) if done is not None]
        return f"{self.subject}: {'; '.join(said)}"


def measure(subject: Subject, folder: Path) -> Row:
    """Take a model through every stage in ``folder``."""
    path, calibration = subject.name, None
    if subject.model is not None:
        path, calibration = save(subject.model(), folder, subject.name)
    try:
        done = flow(path, out=folder / "out", target=subject.target, board=subject.board, calibration=calibration)
    except AccelError as error:
        return Row(subject, error=str(error))
    try:
        done.check()
    except AccelError as error:
        return Row(subject, done.verified, done.built, str(error))
    return Row(subject, done.verified, done.built)


def line(cells: Sequence[str]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="designs with this text in their line")
    parser.add_argument("--md", action="store_true", help="print the table in Markdown")
    asked = parser.parse_args()
    chosen = [subject for subject in SUBJECTS if asked.only in str(subject)]
    if not chosen:
        parser.error(f"no design has {asked.only!r} in its line")
    if asked.md:
        print(line(HEADINGS), line(["---"] * 2 + ["---:"] * (len(HEADINGS) - 2)), sep="\n")
    failed = False
    for row in rows(chosen, measure):
        print(line(row.cells) if asked.md else row, flush=True)
        failed |= row.error is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
