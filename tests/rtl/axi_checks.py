"""What cocotb does to a wrapped core; `tests/test_hdl_axi.py` builds the bench and writes what is streamed.

The environment names an .npz file: ``input<i>`` and ``output<i>``, bytes of shape (tensors, bytes), and ``latency``, of
the core alone, for a tensor alone.
"""

import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp, AxiStreamBus, AxiStreamSink, AxiStreamSource

from hdl.axi.registers import IDENTITY, table
from hdl.axi.wrapper import ADDED_CYCLES

PERIOD_NS = 10
LIMIT_CYCLES = 200_000
DESIGN_HASH = 0x1234ABCD
OFFSETS = {register.name: register.offset for register in table(DESIGN_HASH)}
MASKS = {register.name: {f.name: f.mask for f in register.fields} for register in table(DESIGN_HASH)}


class Bench:
    """A wrapped core with a manager, sources and sinks, and what Python counts at its ports."""

    def __init__(self, dut):
        self.dut = dut
        streams = dict(np.load(os.environ["AXI_STREAMS"]))
        self.latency = int(streams["latency"])
        self.sent = [streams[f"input{i}"] for i in range(sum(name.startswith("input") for name in streams))]
        self.wanted = [streams[f"output{i}"] for i in range(sum(name.startswith("output") for name in streams))]
        self.in_names, self.out_names = _prefixes("s", len(self.sent)), _prefixes("m", len(self.wanted))
        reset = {"reset": dut.aresetn, "reset_active_level": False}
        self.sources = [AxiStreamSource(AxiStreamBus.from_prefix(dut, n), dut.aclk, **reset) for n in self.in_names]
        self.sinks = [AxiStreamSink(AxiStreamBus.from_prefix(dut, n), dut.aclk, **reset) for n in self.out_names]
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk, **reset)
        for part in (*self.sources, *self.sinks, self.master.write_if, self.master.read_if):
            part.log.setLevel("WARNING")
        self.stalls = {"INPUT_STALLS": 0, "OUTPUT_STALLS": 0}

    async def start(self):
        self.dut.restart.value = 0
        self.dut.aresetn.value = 0
        Clock(self.dut.aclk, PERIOD_NS, "ns").start()
        await ClockCycles(self.dut.aclk, 4)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)
        cocotb.start_soon(self._count_stalls())

    async def _count_stalls(self):
        ports = {"INPUT_STALLS": self.in_names, "OUTPUT_STALLS": self.out_names}
        pairs = {
            name: [(getattr(self.dut, f"{p}_tvalid"), getattr(self.dut, f"{p}_tready")) for p in prefixes]
            for name, prefixes in ports.items()
        }
        while True:
            await RisingEdge(self.dut.aclk)
            for name, handshakes in pairs.items():
                self.stalls[name] += any(bool(valid.value) and not ready.value for valid, ready in handshakes)

    def pause(self, seed):
        """Let every channel of every port pause at random, each with a chance of its own."""
        chance = random.Random(seed)
        write, read = self.master.write_if, self.master.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
        for part in (*self.sources, *self.sinks, *channels):
            part.set_pause_generator(_coin(random.Random(chance.random()), chance.choice((0.1, 0.5, 0.8))))

    async def read(self, register):
        answer = await self.master.read(OFFSETS[register], 4)
        assert answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

    async def write(self, register, value):
        answer = await self.master.write(OFFSETS[register], value.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY

    async def command(self, *names, register="CONTROL"):
        await self.write(register, sum(MASKS[register][name] for name in names))

    async def flag(self, register, name):
        return bool(await self.read(register) & MASKS[register][name])

    async def send(self, first, count):
        """Offer tensors, numbered modulo those there are, at every input."""
        for source, tensors in zip(self.sources, self.sent, strict=True):
            for number in range(first, first + count):
                await source.send(tensors[number % len(tensors)].tobytes())

    async def receive(self, first, count, *, cut=False):
        """Wait for tensors at every output and compare them; TLAST says where each ends.

        Before the first may come what a reset has ``cut`` off.
        """
        for sink, tensors in zip(self.sinks, self.wanted, strict=True):
            for number in range(first, first + count):
                frame = await _in_time(sink.recv())
                wanted, got = tensors[number % len(tensors)].tobytes(), bytes(frame.tdata)
                assert got == wanted or (cut and number == first and got.endswith(wanted)), f"tensor {number}"

    def finish(self, *allowed):
        """Assert that no monitor has seen a rule broken."""
        for name in [*self.in_names, *self.out_names, "lite"]:
            assert name in allowed or not getattr(self.dut, f"{name}_broken").value, name


def _prefixes(letter, count):
    return [f"{letter}_axis"] if count == 1 else [f"{letter}{i}_axis" for i in range(count)]


def _coin(chance, pauses):
    while True:
        yield chance.random() < pauses


async def _in_time(coroutine):
    return await with_timeout(coroutine, LIMIT_CYCLES * PERIOD_NS, "ns")


@cocotb.test()
async def tensors_pass_under_stalls_while_registers_are_used(dut):
    bench = Bench(dut)
    await bench.start()
    seed = int(os.environ["AXI_SEED"])
    tensors = int(os.environ["AXI_TENSORS"])
    bench.pause(seed)
    await bench.command("ENABLE")
    done = False
    reads = refused = 0

    async def use_registers():
        nonlocal reads, refused
        chance = random.Random(seed)
        masks = MASKS["IRQ_ENABLE"]
        enabled = 0
        while not done or reads < 200:
            reads += 1
            match chance.randrange(5):
                case 0:
                    value, byte = chance.getrandbits(32), chance.randrange(4)
                    answer = await bench.master.write(OFFSETS["IRQ_ENABLE"] + byte, value.to_bytes(4, "little")[byte:])
                    assert answer.resp == AxiResp.OKAY
                    if byte == 0:  # a strobe of the lowest byte
                        enabled = value & (masks["DONE"] | masks["ERROR"])
                case 1:
                    assert await bench.read("IRQ_ENABLE") == enabled
                case 2:
                    assert await bench.read("ID") == IDENTITY
                    assert await bench.read("DESIGN") == DESIGN_HASH
                case 3:
                    refused += 1
                    address = chance.choice([0x38, 0x3C, 0x40, 0x80, 0x100, 0x800, 0xFFC])
                    answer = await bench.master.read(address, 4)
                    assert (answer.resp, answer.data) == (AxiResp.SLVERR, bytes(4))
                case 4:
                    refused += 1
                    address = chance.choice([0x00, 0x04, 0x10, 0x20, 0x34, 0x38, 0xFFC])
                    answer = await bench.master.write(address, b"\xff\xff\xff\xff")
                    assert answer.resp == AxiResp.SLVERR

    registers = cocotb.start_soon(use_registers())
    await bench.send(0, tensors)
    await bench.receive(0, tensors)
    done = True
    await _in_time(registers)
    assert refused
    assert await bench.read("FRAMES_IN") == await bench.read("FRAMES_OUT") == tensors
    assert not await bench.flag("STATUS", "BUSY")
    assert await bench.read("ERRORS") == MASKS["ERRORS"]["ACCESS"]
    for name, counted in bench.stalls.items():
        assert await bench.read(name) == counted > 0
    bench.finish()


@cocotb.test()
async def software_starts_stops_and_counts(dut):
    bench = Bench(dut)
    await bench.start()
    await bench.send(0, 3)
    await ClockCycles(dut.aclk, 50)
    assert await bench.read("STATUS") == await bench.read("FRAMES_IN") == 0, "taken before it is enabled"
    await bench.command("DONE", register="IRQ_ENABLE")
    await bench.command("START")
    await bench.receive(0, 1)
    await ClockCycles(dut.aclk, 50)
    assert dut.irq.value
    assert await bench.flag("IRQ_STATUS", "DONE")
    await bench.command("DONE", register="IRQ_STATUS")
    await ClockCycles(dut.aclk, 2)
    assert not dut.irq.value
    assert await bench.read("FRAMES_IN") == await bench.read("FRAMES_OUT") == 1
    assert await bench.read("LATENCY") == bench.latency + ADDED_CYCLES
    # From the cycle after the first beat to that of the last.
    assert await bench.read("BUSY_CYCLES") == bench.latency + ADDED_CYCLES
    await bench.command("ENABLE")
    await bench.receive(1, 2)
    await bench.command("CLEAR")  # and not ENABLE
    assert [await bench.read(name) for name in ("FRAMES_IN", "FRAMES_OUT", "LATENCY", "INPUT_STALLS")] == [0] * 4
    await bench.send(3, 1)
    await ClockCycles(dut.aclk, 50)
    assert await bench.read("FRAMES_IN") == 0
    await bench.command("START")
    await bench.receive(3, 1)
    assert not await bench.flag("CONTROL", "START")
    bench.finish()


@cocotb.test()
async def a_wrong_last_is_noted_until_it_is_cleared(dut):
    bench = Bench(dut)
    await bench.start()
    await bench.command("ERROR", register="IRQ_ENABLE")
    await bench.command("ENABLE")
    beat = len(dut.s_axis_tdata) // 8 if len(bench.sources) == 1 else len(dut.s0_axis_tdata) // 8
    whole = bench.sent[0][0].tobytes()
    for source, tensors in list(zip(bench.sources, bench.sent, strict=True))[1:]:
        await source.send(tensors[0].tobytes())
    await bench.sources[0].send(whole[:beat])
    await bench.sources[0].send(whole[beat:])
    await bench.receive(0, 1)  # TLAST steers nothing
    assert await bench.read("ERRORS") == MASKS["ERRORS"]["LAST_EARLY"]
    assert dut.irq.value
    await bench.command("LAST_MISSING", register="ERRORS")
    assert await bench.flag("ERRORS", "LAST_EARLY"), "another bit was cleared"
    await bench.command("LAST_EARLY", register="ERRORS")
    assert await bench.read("ERRORS") == 0
    assert not dut.irq.value
    for source, tensors in list(zip(bench.sources, bench.sent, strict=True))[1:]:
        await source.send(tensors[0].tobytes())
        await source.send(tensors[1].tobytes())
    await bench.sources[0].send(whole + bench.sent[0][1].tobytes())
    await bench.receive(0, 2)
    assert await bench.read("ERRORS") == MASKS["ERRORS"]["LAST_MISSING"]
    bench.finish(bench.in_names[0])


@cocotb.test()
async def tensors_are_exact_after_resets_in_the_midst_of_others(dut):
    bench = Bench(dut)
    await bench.start()
    seed = int(os.environ["AXI_SEED"])
    chance = random.Random(seed)
    for number in range(6):
        bench.pause(f"{seed} {number}")
        await bench.command("ENABLE")
        await bench.send(0, 2)
        share = chance.random()  # the same at every input, or the core waits for more of the other
        for source, tensors in zip(bench.sources, bench.sent, strict=True):
            beat = len(source.bus.tdata) // 8
            part = int(share * tensors.shape[1] / beat) * beat
            if part:
                await source.send(tensors[2][:part].tobytes())
        if number % 3 == 2:
            await ClockCycles(dut.aclk, chance.randrange(2, 2 * bench.latency))
            dut.aresetn.value = 0
            await ClockCycles(dut.aclk, 3)
            for part in (*bench.sources, *bench.sinks):
                part.clear()
            dut.aresetn.value = 1
            await ClockCycles(dut.aclk, 2)
            await bench.command("ENABLE")
        else:
            for source in bench.sources:  # software lets its DMA end before it resets
                await _in_time(source.wait())
            await ClockCycles(dut.aclk, chance.randrange(bench.latency))
            await bench.command("ENABLE", "RESET")
            for sink in bench.sinks:  # what was offered before is still given
                sink.clear_pause_generator()
                sink.pause = False
            await ClockCycles(dut.aclk, 8)
            assert await bench.read("STATUS") == 0
            dut.restart.value = 1
            await ClockCycles(dut.aclk, 2)
            dut.restart.value = 0
            for sink in bench.sinks:
                sink.clear()
        bench.pause(f"{seed} {number} again")
        await bench.send(1, 3)
        await bench.receive(1, 3, cut=True)
    bench.finish(*bench.in_names)
