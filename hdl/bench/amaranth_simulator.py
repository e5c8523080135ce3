"""The stream agents in Amaranth's own simulator: for kernels before there is any Verilog."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hdl.bench.agents import Design, Drive, PortRecord, Recording


def simulate(
    component: wiring.Component,
    design: Design,
    drive: Drive,
    *,
    limit_cycles: int,
    interrupted: int = 0,
    seed: int = 0,
) -> Recording:
    """Run a component with agents at its stream ports, as `hdl.bench.Bench` does on emitted Verilog.

    Parameters
    ----------
    component : Component
        What is simulated.
    design : Design
        Its stream ports; the prefix of a port is the name of the component's member.
    drive : Drive
    limit_cycles : int
        A run that is not done by then is cut off; its recording is not ``complete``.
    interrupted : int
        Cycles of other traffic before, at random at every port, which a reset of one cycle ends wherever it is; cycle 0
        is the first after it.
    seed : int
        Of that traffic.
    """
    reset = Signal()
    inputs = [getattr(component, port.prefix) for port in design.inputs]
    outputs = [getattr(component, port.prefix) for port in design.outputs]
    expected = [drive.tensors * port.stream.beats for port in design.outputs]
    sent = [beats.reshape(-1, beats.shape[-1]).tolist() for beats in drive.inputs]
    in_cycles: list[list[int]] = [[] for _ in inputs]
    out_cycles: list[list[int]] = [[] for _ in outputs]
    values: list[list[list[int]]] = [[] for _ in outputs]

    async def traffic(ctx):
        rng = np.random.default_rng(seed)
        for _ in range(interrupted):
            for port, beats in zip(inputs, sent, strict=True):
                ctx.set(port.valid, int(rng.integers(2)))
                ctx.set(port.payload, beats[rng.integers(len(beats))])
            for port in outputs:
                ctx.set(port.ready, int(rng.integers(2)))
            await ctx.tick()
        if interrupted:
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    async def agents(ctx):
        await traffic(ctx)
        offered = [False] * len(inputs)
        for t in range(limit_cycles):
            if all(len(moved) == n for moved, n in zip(out_cycles, expected, strict=True)):
                return
            for i, (port, pattern) in enumerate(zip(inputs, drive.source_stalls, strict=True)):
                left = len(in_cycles[i]) < len(sent[i])
                offered[i] = left and (offered[i] or bool(pattern[t % len(pattern)]))
                ctx.set(port.valid, offered[i])
                if offered[i]:
                    ctx.set(port.payload, sent[i][len(in_cycles[i])])
                    if ctx.get(port.ready):
                        in_cycles[i].append(t)
                        offered[i] = False
            for o, (port, pattern) in enumerate(zip(outputs, drive.sink_stalls, strict=True)):
                ready = bool(pattern[t % len(pattern)])
                ctx.set(port.ready, ready)
                if ready and ctx.get(port.valid):
                    out_cycles[o].append(t)
                    payload = ctx.get(port.payload)
                    values[o].append([int(payload[lane]) for lane in range(len(payload))])
            await ctx.tick()

    simulator = Simulator(ResetInserter(reset)(component) if interrupted else component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(agents)
    simulator.run()
    lanes = [port.stream.lanes for port in design.outputs]
    return Recording(
        all(len(moved) == n for moved, n in zip(out_cycles, expected, strict=True)),
        tuple(PortRecord(np.array(c, np.int64), np.zeros((0, 1), np.int64), np.zeros(0, np.bool_)) for c in in_cycles),
        tuple(
            PortRecord(np.array(c, np.int64), np.array(v, np.int64).reshape(-1, n), np.zeros(len(c), np.bool_))
            for c, v, n in zip(out_cycles, values, lanes, strict=True)
        ),
    )
