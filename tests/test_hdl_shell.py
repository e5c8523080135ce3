import random

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from accel.schedule.base import Stream
from hdl.shell import Gather, Scatter, Shell
from hdl.verilog import emit


def pump(component, inlet, outlet, words, *, offer, accept):
    """Stream ``words`` through ``component``, offering and accepting in cycles drawn with those chances."""
    m = Module()
    m.submodules.dut = component
    sim = Simulator(m)
    sim.add_clock(1e-6)
    out, cycles = [], 0
    chance = random.Random(1)

    async def bench(ctx):
        nonlocal cycles
        pending = list(words)
        wanted = len(words) * len(inlet.payload) // len(outlet.payload)
        while len(out) < wanted:
            if pending and not ctx.get(inlet.valid) and chance.random() < offer:
                ctx.set(inlet.payload, pending[0])
                ctx.set(inlet.valid, 1)
            ctx.set(outlet.ready, chance.random() < accept)
            took = ctx.get(inlet.valid & inlet.ready)
            if ctx.get(outlet.valid & outlet.ready):
                out.append(ctx.get(outlet.payload))
            await ctx.tick()
            cycles += 1
            assert cycles < 10_000
            if took:
                pending.pop(0)
                ctx.set(inlet.valid, 0)
                if pending and offer == 1:
                    ctx.set(inlet.payload, pending[0])
                    ctx.set(inlet.valid, 1)

    sim.add_testbench(bench)
    sim.run()
    return out, cycles


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(("offer", "accept"), [(1, 1), (0.5, 1), (1, 0.3), (0.6, 0.6)])
def test_bytes_come_out_as_beats_and_beats_as_bytes(size, offer, accept):
    bytes_ = [random.Random(0).randrange(256) for _ in range(12 * size)]
    beats = [int.from_bytes(bytes_[i : i + size], "little") for i in range(0, len(bytes_), size)]
    gather, scatter = Gather(size), Scatter(size)
    gathered, gather_cycles = pump(gather, gather.bytes, gather.beat, bytes_, offer=offer, accept=accept)
    scattered, scatter_cycles = pump(scatter, scatter.beat, scatter.bytes, beats, offer=offer, accept=accept)
    assert gathered == beats
    assert scattered == bytes_
    if (offer, accept) == (1, 1):
        assert gather_cycles == len(bytes_) + 1
        assert scatter_cycles == len(bytes_) + 1


def test_a_shell_wires_every_port_of_its_core():
    streams = Stream(4, 3, 2, 8, True), Stream(1, 10, 1, 4, False)
    text = emit(Shell("core", [("s0", streams[0]), ("s1", streams[1])], [("m", streams[1])]), "shell")
    assert text.count("  core core (") == 1
    for pin in ("clk", "rst", *(f"{p}_{n}" for p in ("s0", "s1", "m") for n in ("valid", "ready", "data", "last"))):
        assert f".{pin}(" in text
    for pin in ("s0__payload", "s1__ready", "m__valid"):
        assert pin in text
