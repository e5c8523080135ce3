"""Every kernel at awkward shapes, folds and stalls: each value against the layer, each transfer against the stepper.

The same cases run in Amaranth's simulator (a few) and as emitted Verilog in Verilator (all of them).
"""

import shutil

import numpy as np
import pytest

from accel import schedule, stalls, stepper
from accel.schedule.base import LayerKernel
from hdl import kernels
from hdl.bench import Bench, Drive
from hdl.bench.cases import cases
from hdl.bench.contract import SPARE_CYCLES, differences, differences_in_amaranth
from hdl.bench.gallery import Gallery
from hdl.bench.power_up import without_initial_values
from hdl.top import Top
from hdl.verilog import emit

KINDS = tuple(schedule.registry())
TENSORS = 3
SEED = 1
RESETS, RESETS_AS_VERILOG = 4, 2
PARTS = 4
LEAST_CASES = 2000
MODULE = "gallery"


def patterns(case, name, seed):
    sources = [stalls.pattern(name, seed, f"{case.name} input {i}") for i in range(len(case.inputs))]
    sinks = [stalls.pattern(name, seed, f"{case.name} output {o}") for o in range(len(case.outputs))]
    return sources, sinks


def bound_cycles(case):
    return case.spec.schedule.bound_cycles


def predicted(case, sources, sinks):
    return stepper.step(case.graph, TENSORS, source_stalls=sources, sink_stalls=sinks)


def test_every_kernel_of_the_schedules_has_gateware():
    assert tuple(kernels.registry()) == KINDS


def test_there_are_cases_enough(record_property):
    count = sum(len(cases(kind, TENSORS)) for kind in KINDS) * len(stalls.NAMES)
    record_property("cases", count)
    print(f"{count} cases of {len(KINDS)} kernels under {len(stalls.NAMES)} stall patterns")
    assert count >= LEAST_CASES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["none", "random"])
def test_in_amaranths_simulator(kind, name):
    """A few cases of every kernel, the smallest: what runs before there is any Verilog."""
    found = sorted(cases(kind, TENSORS), key=bound_cycles)
    packed = [case for case in found if isinstance(case.spec, LayerKernel) and case.spec.fold.packed]
    for case in (*found[:3], *packed[:1]):
        assert not differences_in_amaranth(case, *patterns(case, name, SEED))


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_reset_at_any_moment_all_is_exact(kind):
    """Registers and memories hold what the interrupted tensors left; nothing of it may show."""
    several = [c for c in cases(kind, TENSORS) if c.spec.schedule.results > 1]
    case = min(several, key=bound_cycles)
    sources, sinks = patterns(case, "random", SEED)
    last = predicted(case, sources, sinks).cycles
    for seed, moment in enumerate(np.random.default_rng(SEED).integers(1, last + 1, RESETS).tolist()):
        assert not differences_in_amaranth(case, sources, sinks, interrupted=moment, seed=seed), moment


@pytest.mark.cocotb
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_as_emitted_verilog(tmp_path, part):
    """A share of all cases of all kernels as one emitted module, compiled once, under every pattern of stalls.

    Cases that take about as long are together, so that none runs idle for long while others work.
    """
    every = sorted((case for kind in KINDS for case in cases(kind, TENSORS)), key=bound_cycles)
    found = every[part * len(every) // PARTS : (part + 1) * len(every) // PARTS]
    latest = TENSORS * bound_cycles(found[len(found) // 2])  # half of them are still at work then
    gallery = Gallery([Top([case.spec], case.links) for case in found])
    verilog = tmp_path / f"{MODULE}.v"
    verilog.write_text(emit(gallery, MODULE))
    compiled = Bench.build([verilog], [gallery.design(MODULE)], tmp_path / "build", optimize="-O0")
    wrong = [f"{name}: {what}" for name in stalls.NAMES for what in mismatches(compiled, found, name)]
    for moment in np.random.default_rng([SEED, part]).integers(1, latest, RESETS_AS_VERILOG).tolist():
        seen = mismatches(compiled, found, "random", resets=[moment])
        wrong += [f"after a reset in cycle {moment} of other traffic: {what}" for what in seen]
    print(f"{len(found)} kernels: {len(wrong)} differences")
    assert not wrong, "\n".join(wrong)


@pytest.mark.cocotb
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus, which knows unknowns, is not installed")
def test_what_is_unknown_before_reset_never_shows(tmp_path):
    """The smallest case of every kernel, its registers and written memories without initial values."""
    found = [min(cases(kind, TENSORS), key=bound_cycles) for kind in KINDS]
    gallery = Gallery([Top([case.spec], case.links) for case in found])
    verilog = tmp_path / f"{MODULE}.v"
    verilog.write_text(without_initial_values(emit(gallery, MODULE)))
    compiled = Bench.build([verilog], [gallery.design(MODULE)], tmp_path / "build", simulator="icarus")
    for name in ("none", "random"):
        assert not mismatches(compiled, found, name)


def mismatches(compiled, found, name, resets=()):
    """Return what differs under a pattern of stalls, after ``resets`` in other traffic, in words."""
    sources, sinks = zip(*(patterns(case, name, SEED) for case in found), strict=True)
    runs = [predicted(case, *given) for case, *given in zip(found, sources, sinks, strict=True)]
    drive = Drive(
        TENSORS,
        [beats for case in found for beats in case.inputs],
        [pattern for given in sources for pattern in given],
        [pattern for given in sinks for pattern in given],
    )
    (seen,) = compiled.run([drive], limit_cycles=max(run.cycles for run in runs) + SPARE_CYCLES, resets=resets)
    inputs, outputs = list(seen.inputs), list(seen.outputs)
    wrong = []
    for case, run in zip(found, runs, strict=True):
        ins, outs = inputs[: len(case.inputs)], outputs[: len(case.outputs)]
        del inputs[: len(case.inputs)], outputs[: len(case.outputs)]
        wrong += differences(case, run, ins, outs)
    return wrong
