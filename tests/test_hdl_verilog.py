"""What is emitted: the same bytes every time, no names from models, no undefined bits, and not much of it."""

import hashlib
import os
import re
import subprocess
import sys

import accel
from accel import plan, shipped
from hdl.axi import AxiWrapper
from hdl.bench.cases import cases
from hdl.top import Top
from hdl.verilog import emit

SHA256 = "f4875f888f51f861f2a96f951e56b4cb32573c655cd39776f2be122d8ebdfb75"
"""Of `tiny`. A change to it is a change of hardware (or of Amaranth or Yosys): the commit says which."""
LENET_LINES = 5000
"""What the emitted LeNet-5 may have apart from memory initialisation."""


def tiny():
    case = cases("conv2d", 1)[1]
    return emit(Top([case.spec], case.links), "tiny")


def without_initialisation(text):
    """Return the lines outside of ``initial`` blocks."""
    return re.sub(r"  initial begin\n(?:    .*\n)*  end\n", "", text).splitlines()


def test_bytes_are_those_of_the_last_time():
    assert hashlib.sha256(tiny().encode()).hexdigest() == SHA256


def test_bytes_do_not_depend_on_the_hash_seed():
    program = (
        "import hashlib, runpy, sys\nprint(hashlib.sha256(runpy.run_path(sys.argv[1])['tiny']().encode()).hexdigest())"
    )
    environment = dict(os.environ, PYTHONHASHSEED="12345", PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run(
        [sys.executable, "-c", program, __file__], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == SHA256


def test_nothing_of_this_machine_is_in_it_and_no_bit_is_undefined():
    text = tiny()
    assert "/" not in re.sub(r"//.*", "", text)
    assert "(*" not in text
    assert not re.search(r"'[hb][0-9a-f]*[xz]", text)


def test_functions_have_names_that_icarus_does_not_take_for_the_system_s():
    text = emit(AxiWrapper("core", (), (), 0), "axi")
    functions = re.findall(r"^  function .*\] (.*) ;$", text, re.MULTILINE)
    assert functions
    for name in functions:
        assert re.fullmatch(r"\w[\w$]*", name)
        assert re.search(rf"= {re.escape(name)} \(", text), "it is called by another name"


def test_ports_are_those_of_an_axi_stream():
    names = ["clk", "rst", *(f"{side}_{signal}" for side in "sm" for signal in ("valid", "ready", "data", "last"))]
    (ports,) = re.findall(r"module tiny ?\((.*)\);", tiny())
    assert sorted(ports.split(", ")) == sorted(names)


def test_lenet_is_short():
    network = accel.load(str(shipped.folder() / "lenet5_qdq.onnx"))
    made = plan.make(network, target="ecp5-85f", budget={"multipliers": 27})
    design = made.design(network)
    text = emit(Top([placed.spec for placed in design.kernels], design.links), "lenet5")
    lines = len(without_initialisation(text))
    print(f"{lines} lines")
    assert lines <= LENET_LINES
    assert "logits" in [placed.name for placed in design.kernels]
    assert "logits" not in text
