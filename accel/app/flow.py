"""``accel flow``: from a model to a proven bitstream, stage by stage, ending in a report."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accel.app import build as building
from accel.app import files, folders, integers, manifest, models, verify
from accel.app import generate as generating
from accel.app import tensors as data
from accel.app.build import BuildResult
from accel.app.compare import compare
from accel.app.comparison import Comparison
from accel.app.generate import Generated
from accel.app.integers import Accuracy
from accel.app.models import Model
from accel.app.verify import VerifyResult
from accel.display import plain, si
from accel.errors import InputError, shown
from accel.onnx_import import load

DEFAULT_TARGET = "ecp5-25f"
"""The part that is planned for where none is named; a bitstream is made only for one that is."""
REPORT = "report.html"


@dataclass(eq=False)
class FlowResult:
    """What `flow` did, stage by stage; what a stage did not do is ``None``.

    Attributes
    ----------
    folder : Path
        Of the design.
    model : str
        Its name.
    float_accuracy, integer_accuracy : Accuracy or None
    comparison : Comparison or None
        The network on every machine.
    generated : Generated or None
    verified : VerifyResult or None
    built : BuildResult or None
    seconds : dict of str to float
        Wall-clock, by stage.
    """

    folder: Path
    model: str
    float_accuracy: Accuracy | None = None
    integer_accuracy: Accuracy | None = None
    comparison: Comparison | None = None
    generated: Generated | None = None
    verified: VerifyResult | None = None
    built: BuildResult | None = None
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def check(self) -> None:
        """Raise `accel.errors.CheckError` if the Verilog differs from the model or timing is missed."""
        if self.verified is not None:
            self.verified.check()
        if self.built is not None:
            self.built.check()


def flow(
    model: str | Path,
    *,
    out: str | Path,
    target: str | None = None,
    board: str | None = None,
    calibration: Path | None = None,
    inputs: Path | None = None,
    labels: Path | None = None,
    fps: float | None = None,
    budget: str | None = None,
    clock_mhz: float | None = None,
    folds: Sequence[str] = (),
    pack: bool = True,
    dims: Mapping[str, int] | None = None,
    samples: int = verify.MOST_SAMPLES,
    stalls: str = "random",
    seed: int = 0,
    tell: Callable[[str, str], None] = lambda stage, line: None,
    start: Callable[[str], None] = lambda stage: None,
) -> FlowResult:
    """Quantise, measure, price, generate, verify and, for a target that is named, build; then write the report.

    Parameters
    ----------
    model : str or path
        Float or integer; a shipped model's name brings its calibration data, inputs and labels.
    out : path
        A new folder, or a design to be replaced.
    target : str, optional
        A part or family.
    board : str, optional
        A board, in place of a target. With neither the design is planned for `DEFAULT_TARGET` and no bitstream is made.
    calibration, inputs, labels : path, optional
        Data files: to quantise a float model; to verify and measure with.
    fps, budget, clock_mhz, folds, pack
        As for `accel.app.generate.generate`.
    dims : mapping of str to int, optional
        Sizes for dimensions the model leaves open.
    samples : int
        Tensors to verify with.
    stalls, seed
        As for `accel.app.verify.verify`.
    tell : callable
        Told each stage's name and its one-line result.
    start : callable
        Told each stage's name before it begins.

    Returns
    -------
    FlowResult
        Also when the check of a stage failed, which ends the flow; the report is written then too.

    Raises
    ------
    AccelError
        If an input is at fault, something does not fit, or a tool is missing.
    """
    out = Path(out)
    folders.check_replaceable(out, manifest.is_ours)
    found = models.find(model, integer=False)
    planned = target if target or board else DEFAULT_TARGET
    generating.place(planned, board, clock_mhz)
    with tempfile.TemporaryDirectory(prefix="accel-") as scratch:
        found = models.sized(found, dims or {}, Path(scratch) / found.path.name)
        run = _Run(out, found, inputs or found.inputs, labels or found.labels, tell, start)
        integer = run.integer_model(calibration or found.calibration, Path(scratch))
        run.price(integer)
        run.stage("generate", lambda: run.generate(integer, planned, board, fps, budget, clock_mhz, folds, pack))
    run.stage("verify", lambda: run.verify(samples, stalls, seed))
    if (target or board) and run.result.verified is not None and run.result.verified.passed:
        run.stage("build", run.build)
    run.report()
    return run.result


class _Run:
    """One flow under way."""

    def __init__(
        self,
        out: Path,
        model: Model,
        inputs: Path | None,
        labels: Path | None,
        tell: Callable[[str, str], None],
        start: Callable[[str], None],
    ):
        self.model, self.inputs, self.labels = model, inputs, labels
        self.tell, self.start = tell, start
        self.result = FlowResult(out, model.name)

    def stage(self, name: str, work: Callable[[], object]) -> None:
        """Do one stage and tell what came of it."""
        self.start(name)
        began = time.perf_counter()
        line = work()
        self.result.seconds[name] = time.perf_counter() - began
        self.tell(name, str(line))

    def integer_model(self, calibration: Path | None, scratch: Path) -> Path:
        """Return the integer model, made if the model is a float one, and measure both."""
        network = load(self.model.path)
        chosen = self.model.path
        if not network.is_integer:
            if calibration is None:
                raise InputError(
                    f"model {shown(self.model.path.name)} is a float model and must be given --calibration, "
                    "data to quantise it by"
                )
            chosen = scratch / f"{self.model.name}_qdq.onnx"
            self.stage("quantize", lambda: integers.quantize(self.model.path, calibration, chosen).widths)
        if self.labels is not None and self.inputs is not None:
            self.stage(
                "accuracy", lambda: self._measure(chosen, None if chosen == self.model.path else self.model.path)
            )
        return chosen

    def _measure(self, integer: Path, of_float: Path | None) -> str:
        assert self.labels is not None
        assert self.inputs is not None
        network = load(integer)
        arrays = data.read_inputs(network, self.inputs)
        labels = data.read_labels(self.labels, data.samples(network, arrays))
        self.result.integer_accuracy = integers.measure(network, arrays, labels)
        if of_float is None:
            return f"integer {self.result.integer_accuracy}"
        self.result.float_accuracy = integers.measure(load(of_float), arrays, labels)
        return f"float {self.result.float_accuracy}, integer {self.result.integer_accuracy}"

    def price(self, integer: Path) -> None:
        """Price the network on every machine."""

        def work() -> str:
            self.result.comparison = compare(load(integer))
            timed = sorted((r.seconds, r.machine) for r in self.result.comparison.reports)
            if not timed:
                return "no machine does this network"
            (least, fastest), (most, slowest) = timed[0], timed[-1]
            ends = f"from {si(least, 's')} on {plain(fastest)} to {si(most, 's')} on {plain(slowest)}"
            return f"{len(timed)} of {len(self.result.comparison.rows)} machines do it, {ends}"

        self.stage("compare", work)

    def generate(
        self,
        integer: Path,
        target: str | None,
        board: str | None,
        fps: float | None,
        budget: str | None,
        clock_mhz: float | None,
        folds: Sequence[str],
        pack: bool,
    ) -> Generated:
        """Generate the design."""
        self.result.generated = generating.generate(
            integer,
            target=target,
            board=board,
            out=self.result.folder,
            fps=fps,
            budget=budget,
            clock_mhz=clock_mhz,
            folds=folds,
            pack=pack,
        )
        return self.result.generated

    def verify(self, samples: int, stalls: str, seed: int) -> VerifyResult:
        """Verify the design."""
        self.result.verified = verify.verify(self.result.folder, self.inputs, samples=samples, stalls=stalls, seed=seed)
        return self.result.verified

    def build(self) -> BuildResult:
        """Build the design."""
        self.result.built = building.build(self.result.folder, say=lambda line: self.start(f"build: {line}"))
        return self.result.built

    def report(self) -> None:
        """Write the report into the design's folder."""
        from accel.app.flow_report import report_page

        files.write(self.result.folder / REPORT, report_page(self.result))
        self.tell("report", str(self.result.folder / REPORT))
