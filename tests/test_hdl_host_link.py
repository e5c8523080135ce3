"""The host link's gateware, byte by byte, around a core that gives back what it gets."""

import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

import hdl
from accel.errors import CapacityError
from accel.link import VERSION, Decoder, Fault, ToBoard, ToHost, encode
from accel.schedule.base import Stream
from hdl import uart
from hdl.host_buffers import Lane, lanes
from hdl.host_link import HostLink
from hdl.stopwatch import Stopwatch

IDENTITY = bytes(range(0x70, 0x80))  # flags and escapes among them
SPACING = 5
"""Cycles between bytes, the fewest that the deframer allows."""


class Bench:
    """A `HostLink` whose core passes every input to the output of the same place."""

    def __init__(self, *shapes, depth=64, link=HostLink):
        ins = [Lane(f"s{i}", size, beats, depth) for i, (size, beats) in enumerate(shapes)]
        outs = [Lane(f"m{i}", size, beats, depth) for i, (size, beats) in enumerate(shapes)]
        self.link = link(ins, outs, IDENTITY)

    def run(self, *sent, wait=200, stall=0.0):
        """Send bytes, or with ``None`` in their place a break, and return what comes back until long after."""
        m = Module()
        m.submodules.link = link = self.link
        chance = random.Random(5)
        for lane, out in zip(self.link.inputs, self.link.outputs, strict=True):
            source, sink = getattr(link, lane.prefix), getattr(link, out.prefix)
            m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid), source.ready.eq(sink.ready)]
        simulator = Simulator(m)
        simulator.add_clock(1e-6)
        received = bytearray()
        finished = Signal()

        async def host(ctx):
            await ctx.tick().repeat(3)
            for piece in sent:
                for byte in piece if piece is not None else [None]:
                    ctx.set(link.coded, byte or 0)
                    ctx.set(link.taken if byte is not None else link.broken, 1)
                    await ctx.tick()
                    ctx.set(link.taken, 0)
                    ctx.set(link.broken, 0)
                    await ctx.tick().repeat(SPACING - 1)
            await ctx.tick().repeat(wait)
            ctx.set(finished, 1)

        async def line(ctx):
            while not ctx.get(finished):
                ctx.set(link.line.ready, chance.random() >= stall)
                if ctx.get(link.line.valid & link.line.ready):
                    received.append(ctx.get(link.line.payload))
                await ctx.tick()

        simulator.add_testbench(host)
        simulator.add_testbench(line)
        simulator.run()
        decoder = Decoder()
        bodies = list(decoder.feed(bytes(received)))
        assert decoder.damaged == 0
        return bodies


def data(sequence, content, port=0):
    return encode(bytes([ToBoard.DATA, sequence, port]) + bytes(content))


def reset(epoch):
    return encode(bytes([ToBoard.RESET, epoch]))


def result(tensor, content, cycles, port=0):
    return bytes([ToHost.RESULT, port, tensor]) + cycles.to_bytes(4, "little") + bytes(content)


def error(fault, expected):
    return bytes([ToHost.ERROR, fault, expected])


TENSOR = [0x7E, 0x7D, 1, 2, 3, 0, 255, 0x5E, 9, 10, 11, 12]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stall", [0, 0.8])
def test_a_tensor_goes_in_and_comes_out_with_the_cycles_it_took(size, stall):
    bodies = Bench((size, 12 // size)).run(data(0, TENSOR), stall=stall)
    assert bodies == [result(0, TENSOR, 12 // size)]


def test_the_board_always_says_who_it_is_and_answers_every_reset_with_its_epoch():
    identify, identity = encode(bytes([ToBoard.IDENTIFY])), bytes([ToHost.IDENTITY, VERSION]) + IDENTITY
    bodies = Bench((1, 12)).run(identify, b"~x~", identify, reset(7), reset(0x7E))
    ready = [bytes([ToHost.READY, epoch]) for epoch in (7, 0x7E)]
    assert bodies == [identity, error(Fault.CHECKSUM, 0), identity, *ready]


def test_a_tensor_may_come_in_pieces_and_two_may_follow_one_another():
    sent = [data(0, TENSOR[:4]), data(1, TENSOR[4:12]), data(2, TENSOR[::-1])]
    bodies = Bench((2, 6)).run(*sent)
    assert bodies == [result(0, TENSOR, 6), result(1, TENSOR[::-1], 6)]


def test_long_tensors_come_out_in_several_frames_of_which_the_last_has_the_cycles():
    tensor = [i % 256 for i in range(600)]
    bodies = Bench((3, 200), depth=256).run(
        data(0, tensor[:255]), data(1, tensor[255:510]), data(2, tensor[510:]), wait=2000
    )
    assert bodies == [result(0, tensor[:255], 0), result(0, tensor[255:510], 0), result(0, tensor[510:], 200)]


def test_all_inputs_of_a_tensor_enter_together():
    bodies = Bench((1, 2), (2, 3)).run(data(0, [1, 2], 0), data(1, [3, 4, 5, 6, 7, 8], 1))
    assert [(body[1], list(body[7:])) for body in sorted(bodies)] == [(0, [1, 2]), (1, [3, 4, 5, 6, 7, 8])]
    assert int.from_bytes(bodies[-1][3:7], "little") == 3


BAD = [
    ([data(0, TENSOR)[:-2] + b"\x00~"], Fault.CHECKSUM),
    ([data(0, TENSOR)[:5] + data(0, TENSOR)[6:]], Fault.CHECKSUM),
    ([data(0, TENSOR)[:-1] + b"}~"], Fault.CHECKSUM),
    ([data(0, TENSOR)[:9], None, data(0, TENSOR)[9:]], Fault.CHECKSUM),
    ([b"~garbage~"], Fault.CHECKSUM),
    ([b"~x~"], Fault.CHECKSUM),
    ([data(1, TENSOR)], Fault.SEQUENCE),
    ([data(0, TENSOR, port=1)], Fault.PORT),
    ([data(0, TENSOR[:11])], Fault.LENGTH),
    ([encode(bytes([ToBoard.DATA, 0]))], Fault.LENGTH),
    ([encode(bytes([ToBoard.RESET]))], Fault.LENGTH),
    ([encode(b"\x55")], Fault.KIND),
    ([data(0, bytes(38))], Fault.OVERRUN),
]
"""What is sent, and what the board says of it; ``None`` is a byte that the line lost."""


def misuse(bad, link=HostLink):
    """Misuse a board, again and again, with resets that mend it; return what comes back, and what should."""
    sent, wanted = [], []
    for epoch, (pieces, fault) in enumerate(bad):
        sent += [*pieces, data(0, TENSOR), reset(epoch)]
        wanted += [error(fault, 0), bytes([ToHost.READY, epoch])]
        sent += [data(0, TENSOR), data(1, TENSOR[:1:-1]), data(2, TENSOR[1::-1]), data(3, TENSOR[:4]), reset(99)]
        wanted += [result(0, TENSOR, 6), result(1, TENSOR[::-1], 6), bytes([ToHost.READY, 99])]
    sent += [data(0, TENSOR), encode(bytes([ToBoard.IDENTIFY]))]
    wanted += [result(0, TENSOR, 6), bytes([ToHost.IDENTITY, VERSION]) + IDENTITY]
    return Bench((2, 6), depth=16, link=link).run(*sent), wanted


def test_a_bad_frame_is_reported_once_and_nothing_enters_until_a_reset():
    got, wanted = misuse(BAD)
    assert got == wanted


PLANTED = {
    "the checksum is not looked at": (0, "frames", "& check.match_detected", ""),
    "the checksum goes into the core": (5, "frames", "count >= CRC_BYTES)", "count >= CRC_BYTES - 1)"),
    "a lost byte is forgotten": (3, "frames", "& ~escaped & ~lost", "& ~escaped"),
    "a frame may end in an escape": (2, "frames", "& ~escaped & ~lost", "& ~lost"),
    "escapes are sent and nothing is flipped": (
        5,
        "frames",
        "Mux(escaped, byte ^ FLIP, Mux(",
        "Mux(escaped, byte, Mux(",
    ),
    "bytes of a bad frame stay": (0, "host_buffers", "tail.eq(kept)", "kept.eq(tail)"),
    "what overruns is kept": (12, "host_buffers", "self.overrun.eq(1)", "self.overrun.eq(0)"),
    "half a beat is kept": (8, "host_buffers", "self.whole.eq(part == 0)", "self.whole.eq(1)"),
    "a tensor is released a beat short": (5, "host_buffers", ">= beats)", ">= beats - 1)"),
    "a reset leaves the numbers": (5, "host_link", ", asks.sequence.eq(0)", ""),
    "a reset leaves the rings": (5, "host_link", "ResetInserter(clear)(TensorRing(lane))", "TensorRing(lane)"),
    "data is taken after an error": (5, "host_link", "(fault == 0) & ~self.failed),", "(fault == 0)),"),
    "any number will do": (6, "host_link", "second != asks.sequence", "Const(0)"),
    "any port will do": (7, "host_link", "with m.Elif(~keeps.any()):", "with m.Elif(Const(0)):"),
    "the stopwatch starts a cycle late": (5, "stopwatch", "count.eq(1)", "count.eq(0)"),
    "the stopwatch runs on": (5, "stopwatch", "[runs.eq(0), known.eq(1)]", "[known.eq(1)]"),
}
"""Which of the bad frames shows it, and an edit of the gateware's source, in one place."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_planted_in_the_gateware_shows(name, monkeypatch):
    case, module, text, other = PLANTED[name]
    sources = {}
    for part in ("frames", "stopwatch", "host_buffers", "host_link"):
        source = Path(hdl.__path__[0], f"{part}.py").read_text()
        if part == module:
            assert source.count(text) == 1
            source = source.replace(text, other)
        sources[part] = ModuleType(f"hdl.{part}")
        monkeypatch.setitem(sys.modules, f"hdl.{part}", sources[part])
        exec(compile(source, part, "exec"), sources[part].__dict__)
    try:
        got, wanted = misuse(BAD[case : case + 1], sources["host_link"].HostLink)
    except AssertionError:
        return  # what came back was no frames
    assert got != wanted


def test_flags_alone_are_no_frames():
    assert Bench((1, 12)).run(b"~~~~", data(0, TENSOR), b"~~") == [result(0, TENSOR, 12)]


def test_a_number_that_came_round_is_not_taken_for_the_tensor_that_was_timed():
    stopwatch = Stopwatch(2)
    simulator = Simulator(stopwatch)
    simulator.add_clock(1e-6)

    async def core(ctx):
        async def cycle(released=0, enters=0, ends=0):
            ctx.set(stopwatch.released, released)
            ctx.set(stopwatch.enters, enters)
            ctx.set(stopwatch.ends, ends)
            await ctx.tick()

        def cycles(number):
            ctx.set(stopwatch.asked, number % 256)
            return ctx.get(stopwatch.cycles)

        await cycle(released=1)  # tensor 0 has the core to itself
        for enters, ends in ((0, 0), (1, 0), (1, 0), (0, 0b10), (0, 0), (0, 0b01), (0, 0)):
            await cycle(enters=enters, ends=ends)
        assert [cycles(0), cycles(1)] == [5, 0]
        await cycle(released=1)  # from here on one is always on its way when the next is released
        for _ in range(300):
            await cycle(released=1, enters=1)
            await cycle(ends=0b11)
        assert not any(cycles(number) for number in range(300) if number != 1)
        await cycle(ends=0b11)
        await cycle(released=1)
        await cycle(enters=1, ends=0)
        await cycle(ends=0b11)
        assert cycles(302) == 2

    simulator.add_testbench(core)
    simulator.run()


def test_buffers_hold_two_tensors_or_one_or_are_refused():
    ports = [("s", Stream(10, 3, 2, 8, True))]  # 20 beats of 2 bytes
    assert lanes(ports, 64 * 16, twice=True) == (Lane("s", 2, 20, 64),)
    assert lanes(ports, 64 * 16, twice=False) == (Lane("s", 2, 20, 32),)
    assert lanes(ports, 64 * 16 - 1, twice=True) == (Lane("s", 2, 20, 32),)
    with pytest.raises(
        CapacityError, match="host link needs 512 bits of memory to hold a tensor; the board gives it 511"
    ):
        lanes(ports, 511, twice=True)


@pytest.mark.parametrize("divisor", [8, 12, 25])
@pytest.mark.parametrize("skew", [-0.03, 0, 0.03])
def test_a_serial_line_carries_every_byte_and_drops_one_without_its_stop_bit(divisor, skew):
    sent = [0x00, 0xFF, 0x55, 0x7E, 0x01, 0x80]
    m = Module()
    m.submodules.receiver = receiver = uart.Receiver(divisor)
    simulator = Simulator(m)
    simulator.add_clock(1)
    received, broken = [], 0
    bits = [1, 1, *(b for byte in sent for b in (0, *((byte >> i) & 1 for i in range(8)), 1)), *[0] * 11, 1, 1, 1]
    bits += [0, *((0xA5 >> i) & 1 for i in range(8)), 1, 1, 1]

    async def line(ctx):
        nonlocal broken
        cycles = 0
        while (place := int(cycles / (divisor * (1 + skew)))) < len(bits):
            ctx.set(receiver.line, bits[place])
            if ctx.get(receiver.given):
                received.append(ctx.get(receiver.byte))
            broken += ctx.get(receiver.broken)
            await ctx.tick()
            cycles += 1

    simulator.add_testbench(line)
    simulator.run()
    assert received == [*sent, 0xA5]
    assert broken == 1


def test_a_transmitter_is_heard_by_a_receiver():
    sent = [random.Random(2).randrange(256) for _ in range(20)]
    m = Module()
    m.submodules.transmitter = transmitter = uart.Transmitter(9)
    m.submodules.receiver = receiver = uart.Receiver(9)
    m.d.comb += receiver.line.eq(transmitter.line)
    simulator = Simulator(m)
    simulator.add_clock(1)
    received = []

    async def send(ctx):
        for byte in sent:
            ctx.set(transmitter.bytes.payload, byte)
            ctx.set(transmitter.bytes.valid, 1)
            await ctx.tick().until(transmitter.bytes.ready)
        ctx.set(transmitter.bytes.valid, 0)

    async def receive(ctx):
        for _ in range(20 * 95):
            if ctx.get(receiver.given):
                received.append(ctx.get(receiver.byte))
            await ctx.tick()

    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.run()
    assert received == sent


def test_the_rate_of_a_line_is_one_that_the_clock_makes():
    assert [uart.baud(hz) for hz in (50e6, 24e6, 12e6, 33.3e6, 20.5e6)] == [10**6, 10**6, 10**6, 10**6, 500_000]
    for hz in (12e6, 16.125e6, 24e6, 50e6, 70e6):
        rate = uart.baud(hz)
        assert abs(hz / uart.divisor(hz, rate) / rate - 1) <= uart.TOLERANCE
