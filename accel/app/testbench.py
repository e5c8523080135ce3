"""The testbench in a design's folder, in plain Verilog with vectors, for people without Python."""

from __future__ import annotations

from pathlib import Path

from accel import reference, stepper
from accel.app import files
from accel.app.drawn import core_of, draw
from accel.app.simulation import packed
from accel.network import Network
from accel.plan.design import Design
from hdl.bench import Port, testbench
from hdl.stream import tdata_bits
from hdl.top import Top

MODULE = "accel_tb"
TENSORS = 3
"""At random, all at the lowest integer, all at the highest."""
LIMIT_BYTES = 1 << 18
"""Of the vectors; of large tensors there are fewer."""
_SEED = 0


def vectors(prefix: str) -> str:
    """Return the name of the file with a port's beats."""
    return f"{MODULE}_{prefix}.hex"


def write(folder: Path, core: str, top: Top, network: Network, design: Design) -> tuple[str, ...]:
    """Write the testbench of a core and its vectors, and return the names of their files.

    Parameters
    ----------
    folder : Path
    core : str
        The core's module.
    top : Top
    network : Network
        With the plan's integers.
    design : Design
    """
    region = design.region
    inputs, outputs = ([(Port(*port), vectors(port[0])) for port in ports] for ports in (top.inputs, top.outputs))
    tensor_bytes = sum(port.stream.beats * (tdata_bits(port.stream) // 4 + 1) for port, _ in (*inputs, *outputs))
    count = max(1, min(TENSORS, LIMIT_BYTES // tensor_bytes))
    drawn = {name: values[::-1][:count] for name, values in draw(network, region, TENSORS, _SEED).items()}
    wanted = reference.run(core_of(network, region), drawn)
    for names, ports, arrays in ((region.inputs, inputs, drawn), (region.outputs, outputs, wanted)):
        for name, (port, file) in zip(names, ports, strict=True):
            beats = packed(design, name, port.stream, arrays[name])
            files.write(folder / file, testbench.hexadecimal(beats, port))
    sources, sinks = testbench.noise(len(inputs), len(outputs))
    run = stepper.step(design.graph, count, source_stalls=sources, sink_stalls=sinks)
    text = testbench.verilog(MODULE, core, inputs, outputs, tensors=count, cycles=run.cycles)
    files.write(folder / f"{MODULE}.v", text)
    return tuple(file for _, file in (*inputs, *outputs))


def section(core: str) -> str:
    """Return what the README says of the testbench."""
    sources = f"{MODULE}.v {core}.v"
    return (
        f"`{MODULE}.v` streams tensors drawn from the inputs' whole range through the core, in this folder and without "
        "Python: it stalls every port at random, compares every value with the integer reference (the `.hex` files) "
        "and the number of cycles with the model, prints PASS or FAIL and ends with an error unless all is equal. With "
        f"Icarus Verilog (`+waves` at the end saves `{MODULE}.vcd`), and with Verilator 5:\n\n"
        f"```sh\niverilog -g2012 -s {MODULE} -o {MODULE}.vvp {sources} && vvp -n {MODULE}.vvp\n"
        f"verilator --binary --timing -Wno-fatal --top-module {MODULE} {sources} && obj_dir/V{MODULE}\n```"
    )
