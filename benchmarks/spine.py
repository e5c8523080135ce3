"""The generated LeNet-5 against its targets, as ratios in one run: cycles, Verilog, synthesis, bitstream, simulation.

``python -m benchmarks.spine``. It takes some minutes; `benchmarks.dataflow_rate` has the cycles of other budgets.
"""

from __future__ import annotations

import re
import tempfile
import time
import timeit
from pathlib import Path

from accel import shipped, stepper
from accel.app import build, generate, verify
from benchmarks.dataflow_rate import NNGEN_CYCLES, TARGET

MULTIPLIERS = 27
MOST_CYCLES, MOST_LINES, MOST_GENERATE_SECONDS, MOST_SYNTHESIS_SECONDS = 18_000, 5_000, 10, 60
MOST_BRAM, LEAST_FMAX_MHZ, LEAST_SPEEDUP = 56, 70, 100
SAMPLES = 100
STEPPER_RUNS = 5
"""The stepper takes some hundredths of a second, which one interruption would double: the quickest run counts."""


def main() -> None:
    """Print every figure with its target and their ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "lenet5"
        began = time.perf_counter()
        design = generate.generate("lenet5", target=TARGET, budget={"multipliers": MULTIPLIERS}, out=out)
        generate_seconds = time.perf_counter() - began
        cycles = design.manifest.interval_cycles
        _most("cycles a frame", cycles, MOST_CYCLES)
        for multipliers, theirs in NNGEN_CYCLES.items():
            print(f"  NNgen with {multipliers} multipliers (quoted): {theirs:,}, {theirs / cycles:.2f} times as many")
        logic = _CONTENTS.sub("", (out / design.manifest.core_file).read_text())
        _most("lines of Verilog apart from memory contents", logic.count("\n"), MOST_LINES)
        _most("seconds to generate", generate_seconds, MOST_GENERATE_SECONDS)
        _simulate(out)
        built = build.build(out, say=print)
        _most("CPU seconds to synthesise", built.seconds["synthesis"], MOST_SYNTHESIS_SECONDS)
        _most("block RAMs", built.used["bram"], MOST_BRAM)
        _least("MHz", built.fmax_mhz, LEAST_FMAX_MHZ)
        print(f"  {built}")


_CONTENTS = re.compile(r"  initial begin\n(?:    .*\n)*  end\n")
"""A block that fills a memory."""


def _simulate(out: Path) -> None:
    """Time the emitted Verilog under cocotb and the stepper on the same tensors, compilation apart on both sides.

    The prediction has compiled the stepper already.
    """
    subject = verify.subject(out, shipped.inputs_path("lenet5"), samples=SAMPLES, stalls="none")
    prepared = subject.prepare()
    began = time.perf_counter()
    done = prepared.run()
    simulated = time.perf_counter() - began
    stepped = min(timeit.repeat(lambda: stepper.step(subject.design.graph, SAMPLES), number=1, repeat=STEPPER_RUNS))
    equal = "equal" if all(tally.equal for tally in done.ports) else "DIFFERENT"
    print(f"{SAMPLES} tensors, {done.counted_cycles:,} cycles: values and cycles {equal}")
    _least("times faster than cocotb is the stepper", simulated / stepped, LEAST_SPEEDUP)


def _most(what: str, value: float, most: float) -> None:
    _print(what, value, f"at most {most:,}", value / most, value <= most)


def _least(what: str, value: float, least: float) -> None:
    _print(what, value, f"at least {least:,}", value / least, value >= least)


def _print(what: str, value: float, target: str, ratio: float, met: bool) -> None:
    print(f"{what}: {value:,.6g}, target {target}: ratio {ratio:.2f}{'' if met else ', MISSED'}")


if __name__ == "__main__":
    main()
