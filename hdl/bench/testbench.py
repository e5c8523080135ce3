"""A testbench in plain Verilog that needs no Python: stalls, vectors and verdict are in the Verilog."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdl.bench.agents import RESET_CYCLES, Port
from hdl.stream import lane_bits, tdata_bits

_AGENTS = Path(__file__).with_name("testbench.v")
_NOISE_BITS = 13
_TAPS = (12, 11, 10, 7)
"""Of a shift register that passes through every state but zero (`testbench.v` has the same)."""
_SPARE_CYCLES = 10_000


def noise(inputs: int, outputs: int) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Return the stall pattern, as `accel.stalls` means it, of every source and of every sink of a testbench.

    It is the lowest bit of the agent's shift register. All agents pass through the same states, as far from one another
    as can be.
    """
    bits = np.array([state & 1 for state in _states()], np.bool_)
    patterns = [np.roll(bits, -place) for place in _places(inputs + outputs)]
    return patterns[:inputs], patterns[inputs:]


def _places(agents: int) -> list[int]:
    """Return the place in `_states` at which every agent begins."""
    return [agent * len(_states()) // agents for agent in range(agents)]


@functools.cache
def _states() -> tuple[int, ...]:
    """Return every state of the shift register, in order."""
    most = (1 << _NOISE_BITS) - 1
    states = [1]
    while len(states) < most:
        state = states[-1]
        states.append((state << 1 & most) | sum(state >> tap & 1 for tap in _TAPS) & 1)
    return tuple(states)


def hexadecimal(beats: NDArray[np.integer], port: Port) -> str:
    """Return beats, shape (tensors, beats, lanes), as ``$readmemh`` reads them: one a line, lane 0 in the low bits."""
    step = lane_bits(port.stream)
    words = beats.reshape(-1, port.stream.lanes)[:, ::-1].astype(f">i{step // 8}", casting="unsafe")
    digits, width = words.tobytes().hex(), tdata_bits(port.stream) // 4
    return "".join(f"{digits[i : i + width]}\n" for i in range(0, len(digits), width))


def verilog(
    name: str,
    core: str,
    inputs: Sequence[tuple[Port, str]],
    outputs: Sequence[tuple[Port, str]],
    *,
    tensors: int,
    cycles: int,
) -> str:
    """Return a module that streams tensors through a core under stalls and prints a verdict.

    It ends with ``$finish`` when every value is right and the last came in its cycle, else with ``$fatal``. The agents'
    patterns are `noise`, inputs first; so `accel.stepper.step` knows every cycle.

    Parameters
    ----------
    name : str
        Of the module, and the prefix of its agents' modules.
    core : str
        Module name of the core.
    inputs, outputs : sequence of (Port, str)
        The core's ports, each with the file of its beats.
    tensors : int
        In the files.
    cycles : int
        From the end of reset to the last output transfer, as predicted.
    """
    wires, agents, pins = [], [], [".clk(clk)", ".rst(rst)"]
    ports = (*inputs, *outputs)
    for (port, file), place in zip(ports, _places(len(ports)), strict=True):
        p, stream = port.prefix, port.stream
        wires.append(f"    wire {p}_valid, {p}_ready, {p}_last;")
        wires.append(f"    wire [{tdata_bits(stream) - 1}:0] {p}_data;")
        pins += [f".{p}_{signal}({p}_{signal})" for signal in ("valid", "ready", "data", "last")]
        shared = f'.FILE("{file}"), .BEATS({stream.beats}), .TOTAL({tensors * stream.beats}), .SEED({_states()[place]})'
        stream_pins = f"clk, rst, {p}_valid, {p}_ready, {p}_data, {p}_last"
        if len(agents) < len(inputs):
            agents.append(f"    {name}_source #({shared}, .BITS({tdata_bits(stream)})) {p}_source ({stream_pins});")
        else:
            wires += [f"    wire {p}_done;", f"    wire [31:0] {p}_mismatches;"]
            lanes = f'.NAME("{p}"), .LANES({stream.lanes}), .LANE_BITS({lane_bits(stream)})'
            agents.append(f"    {name}_sink #({lanes}, {shared}) {p}_sink ({stream_pins}, {p}_done, {p}_mismatches);")
    sinks = [port.prefix for port, _ in outputs]
    values = sum(tensors * port.stream.beats * port.stream.lanes for port, _ in outputs)
    lines = [
        f"// A self-checking testbench of {core}, made by accel with it: {tensors} tensors under stalls, every value",
        "// compared with the integer reference and the last cycle with the model. Run it where its .hex files lie.",
        "`timescale 1ns / 1ps",
        "",
        f"module {name};",
        f"    localparam TENSORS = {tensors}, VALUES = {values}, CYCLES = {cycles}, LIMIT = {cycles + _SPARE_CYCLES};",
        "    reg clk, rst;",
        "    integer reset_cycle, cycle;",
        *wires,
        f"    wire done = {' && '.join(f'{p}_done' for p in sinks)};",
        f"    wire [31:0] mismatches = {' + '.join(f'{p}_mismatches' for p in sinks)};",
        "",
        f"    {core} core ({', '.join(pins)});",
        *agents,
        _VERDICT.replace("{reset}", str(RESET_CYCLES)).replace("{name}", name),
    ]
    return "\n".join(lines) + _AGENTS.read_text().replace("accel_tb", name)


_VERDICT = """
    always #5 clk = !clk;

    always @(posedge clk)
        if (rst) begin
            reset_cycle <= reset_cycle + 1;
            if (reset_cycle == {reset}) rst <= 0;
        end else begin
            cycle <= cycle + 1;
            if (done || cycle == LIMIT) begin
                if (done && mismatches == 0 && cycle == CYCLES) begin
                    $display(
                        "PASS: %0d tensors, %0d values, 0 mismatches, %0d cycles, as predicted", TENSORS, VALUES, cycle
                    );
                    $finish;
                end else if (!done)
                    $fatal(1, "FAIL: after %0d cycles tensors are missing; %0d mismatches", cycle, mismatches);
                else
                    $fatal(
                        1, "FAIL: %0d tensors, %0d values, %0d mismatches, %0d cycles, %0d predicted", TENSORS, VALUES,
                        mismatches, cycle, CYCLES
                    );
            end
        end

    initial begin
        clk = 0;
        rst = 1;
        reset_cycle = 0;
        cycle = 0;
        if ($test$plusargs("waves")) begin
            $dumpfile("{name}.vcd");
            $dumpvars(0, {name});
        end
    end
endmodule
"""
