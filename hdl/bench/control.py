"""The cocotb side of the bench: reset, a clock that runs without Python, and the wait for the last transfer."""

from __future__ import annotations

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import First, RisingEdge, Timer

from hdl.bench.agents import RESET_CYCLES

LIMIT_VARIABLE = "HDL_BENCH_LIMIT_CYCLES"
RESETS_VARIABLE = "HDL_BENCH_RESETS"
PERIOD_NS = 10


@cocotb.test()
async def stream(dut):
    """Run until every sink has what it waits for, or for the cycles that the environment allows.

    Before that, run for as many cycles as the environment says, once for each number there, and reset.
    """
    limit_cycles = int(os.environ[LIMIT_VARIABLE])
    resets = [int(cycles) for cycles in os.environ[RESETS_VARIABLE].split()]
    dut.rst.value = 1
    dut.clk.value = 0
    await Timer(PERIOD_NS, "ns")
    Clock(dut.clk, PERIOD_NS, "ns").start(start_high=False)
    await Timer(RESET_CYCLES * PERIOD_NS, "ns")
    dut.rst.value = 0
    for cycles in resets:
        await Timer(cycles * PERIOD_NS, "ns")
        dut.rst.value = 1
        await Timer(PERIOD_NS, "ns")
        dut.rst.value = 0
    await First(RisingEdge(dut.done), Timer(limit_cycles * PERIOD_NS, "ns"))
