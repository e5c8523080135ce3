"""The stream rules, proven of the emitted Verilog of every block; and every proof refuted where a fault is planted."""

from pathlib import Path

import pytest

from accel import schedule
from accel.errors import ToolError
from hdl.axi.ports import Hold
from hdl.bench.gallery import Gallery
from hdl.faults import Fault
from hdl.formal.catalogue import KERNEL_FAULTS, proofs, smallest
from hdl.formal.prover import Problem, prove, solver
from hdl.formal.structure import combinational
from hdl.frames import Deframer, Framer
from hdl.host_buffers import Lane, Outlet, TensorRing
from hdl.shell import Gather, Scatter, Shell
from hdl.top import Top
from hdl.uart import Receiver, Transmitter
from hdl.verilog import emit

DOCUMENT = Path(__file__).parents[1] / "docs" / "formal.md"
PROOFS = {proof.block: proof for proof in proofs()}


@pytest.fixture
def folder(tmp_path):
    """Return an empty folder, where there is a solver."""
    try:
        solver()
    except ToolError as error:
        pytest.skip(str(error))
    return tmp_path


@pytest.mark.synth
@pytest.mark.parametrize("block", PROOFS)
def test_a_rule_is_proven_and_its_mutant_refuted(folder, block):
    proof = PROOFS[block]
    verdict = proof.check(folder)
    assert verdict.holds, f"{verdict.failed} in cycle {verdict.step}"
    refuted = proof.refute(folder)
    print(f"{block}: {proof.method}; {proof.mutant}: {refuted.failed} in cycle {refuted.step}")
    assert not refuted.holds


def test_every_kernel_is_there():
    assert {f"kernel {kind}" for kind in schedule.registry()} <= PROOFS.keys()


def test_the_document_lists_every_proof():
    lines = [line.strip("| \n").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    found = [(block, rule, "induction" in method, mutant) for block, rule, method, mutant in lines if block in PROOFS]
    wanted = [(p.block, p.rule, p.induction, p.mutant) for p in PROOFS.values()]
    assert found == wanted, "python -m benchmarks.formal --table writes the rows"


@pytest.mark.synth
def test_a_false_claim_is_not_proven(folder):
    text = "module dut(input clk, input rst, output reg q);\n  always @(posedge clk) q <= !rst & !q;\nendmodule\n"
    claim = "module harness(input clk);\n  reg booted = 0; always @(posedge clk) booted <= 1;\n  wire q;\n"
    claim += "  dut dut(.clk(clk), .rst(!booted), .q(q));\n  always @* if (booted) low: assert (!q);\nendmodule\n"
    verdict = prove(Problem(text, claim), folder, depth=6)
    assert (verdict.holds, verdict.failed, verdict.step) == (False, "low", 2)


@pytest.fixture(scope="module")
def gallery():
    """Return one of every kernel as one emitted module."""
    chosen = [smallest(kind) for kind in schedule.registry()]
    return emit(Gallery([Top([case.spec], case.links) for case in chosen]), "dut")


@pytest.mark.synth
def test_no_output_of_any_kernel_depends_on_any_input_within_a_cycle(folder, gallery):
    paths = combinational(gallery, "dut", folder)
    assert len(paths) > 4 * len(schedule.registry())
    assert not any(paths.values())


@pytest.mark.synth
def test_a_path_across_a_kernel_is_seen(folder):
    case = smallest("add")
    text = emit(Top([case.spec], case.links), "dut")
    faulty = KERNEL_FAULTS["valid that waits for ready"].planted(text)
    paths = combinational(faulty, "dut", folder)
    assert {name: set(inputs) for name, inputs in paths.items() if inputs} == {"m_valid": {"m_ready"}}


@pytest.mark.synth
def test_the_shell_passes_ready_on_and_nothing_else(folder):
    case = smallest("conv2d")
    top = Top([case.spec], case.links)
    text = emit(top, "core") + emit(Shell("core", top.inputs, top.outputs), "shell")
    assert not any(combinational(text, "shell", folder).values())
    for component, ready, follows in (
        (Gather(3), "bytes__ready", "beat__ready"),
        (Scatter(3), "beat__ready", "bytes__ready"),
    ):
        paths = combinational(emit(component, "dut"), "dut", folder)
        assert {name: set(inputs) for name, inputs in paths.items() if inputs} == {ready: {follows}}


@pytest.mark.synth
@pytest.mark.parametrize(
    ("component", "across"),
    [
        (Hold(8), {"core_ready": {"ready"}, "ends": {"ready"}}),
        (TensorRing(Lane("s", 2, 3, 4)), {}),
        (Outlet(Lane("m", 2, 3, 4)), {"ends": {"beat__valid"}}),
        (Framer(), {}),
        (Deframer(), {}),
        (Receiver(4), {}),
        (Transmitter(4), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stands_around_a_core_has_no_other_path_across(folder, component, across):
    paths = combinational(emit(component, "dut"), "dut", folder)
    assert {name: set(inputs) for name, inputs in paths.items() if inputs} == across


def test_a_fault_needs_its_place():
    text = "module a(x);\n  assign x = 1;\nendmodule\n"
    assert Fault(r"a\(", "= 1", "= 0").planted(text) == text.replace("1", "0")
    for module, place in (("b", "= 1"), (r"a\(", "= 2")):
        with pytest.raises(ValueError, match="must be one"):
            Fault(module, place, "").planted(text)
