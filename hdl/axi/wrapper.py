"""The AXI wrapper: a core under standard port names, with a control and status block."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Instance, Module, ResetInserter, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accel.schedule.base import Stream
from hdl.axi.ports import Gate, Hold
from hdl.axi.register_file import PORTS, RegisterFile
from hdl.axi.registers import WORD_BITS, table
from hdl.axi.tensors import Flight
from hdl.stream import tdata_bits

ADDED_CYCLES = 1
"""Between the core's output and the wrapper's: the register in which a beat waits for its reader."""


class AxiWrapper(wiring.Component):
    """A core behind AXI4-Stream ports, watched and steered by the registers of `hdl.axi.registers.table`.

    An output beat passes through a register that a soft reset does not touch, so that what was offered stays offered:
    `ADDED_CYCLES` of latency, no loss of rate. An input takes a tensor's first beat only while ENABLE holds or a START
    waits, and then the tensor whole. TLAST is compared with the count of beats and steers nothing.
    No output depends on an input within a cycle.

    Parameters
    ----------
    core : str
        Module name of the core, which has ports as `hdl.top.Top` has.
    inputs, outputs : sequence of (str, Stream)
        `hdl.top.Top.inputs` and ``outputs``.
    design_hash : int
        32 bits that tell this core from others.

    Members
    -------
    aclk, aresetn : In(1)
        The reset is synchronous.
    s_axi_<signal>
        AXI4-Lite: `hdl.axi.register_file.PORTS`.
    <prefix>_axis_tvalid, _tready, _tdata, _tlast
        AXI4-Stream, per port of the core.
    irq : Out(1)
        High while an enabled condition lasts.
    """

    def __init__(
        self, core: str, inputs: Sequence[tuple[str, Stream]], outputs: Sequence[tuple[str, Stream]], design_hash: int
    ):
        self.core, self.inputs, self.outputs = core, tuple(inputs), tuple(outputs)
        self.registers = table(design_hash)
        members = {"aclk": In(1), "aresetn": In(1), "irq": Out(1)}
        members |= {f"s_axi_{name}": member for name, member in PORTS.items()}
        for ports, towards, away in ((self.inputs, In, Out), (self.outputs, Out, In)):
            for prefix, stream in ports:
                members |= {
                    f"{prefix}_axis_tvalid": towards(1),
                    f"{prefix}_axis_tready": away(1),
                    f"{prefix}_axis_tdata": towards(tdata_bits(stream)),
                    f"{prefix}_axis_tlast": towards(1),
                }
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain(local=True)
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        m.submodules.registers = registers = RegisterFile(self.registers)
        for name, member in PORTS.items():
            inner, outer = getattr(registers, name), getattr(self, f"s_axi_{name}")
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        core_reset = Signal(init=1)  # one cycle after aresetn rises, and after a soft reset is written
        m.d.sync += core_reset.eq(registers.control_reset)
        restarted = ResetInserter(core_reset)
        pins = {"i_clk": ClockSignal(), "i_rst": core_reset}
        gates = [self._enter(m, pins, registers, core_reset, *port) for port in self.inputs]
        holds = [self._leave(m, pins, core_reset, *port) for port in self.outputs]
        m.submodules.core = Instance(self.core, **pins)
        m.submodules.flight = flight = restarted(Flight(len(gates), len(holds)))
        m.d.comb += [
            flight.begins.eq(Cat(gate.moves & gate.first for gate in gates)),
            flight.enters.eq(Cat(gate.moves & gate.last for gate in gates)),
            flight.leaves.eq(Cat(hold.ends for hold in holds)),
            registers.control_start_now.eq(Cat(gate.waits for gate in gates).any()),
            registers.control_reset_now.eq(core_reset),
            registers.status_busy_now.eq(flight.busy),
            registers.status_input_open_now.eq(Cat(~gate.first for gate in gates).any()),
            registers.status_output_open_now.eq(Cat(hold.open for hold in holds).any()),
            registers.errors_last_early_set.eq(Cat(gate.early for gate in gates).any()),
            registers.errors_last_missing_set.eq(Cat(gate.missing for gate in gates).any()),
            registers.errors_access_set.eq(registers.refused),
            registers.irq_status_done_set.eq(flight.left),
        ]
        errors = Cat(registers.errors_last_early, registers.errors_last_missing, registers.errors_access).any()
        m.d.comb += [
            registers.irq_status_error_now.eq(errors),
            self.irq.eq(
                (registers.irq_enable_done & registers.irq_status_done) | (registers.irq_enable_error & errors)
            ),
        ]
        self._count(m, registers, flight)
        return m

    def _enter(self, m: Module, pins: dict, registers, core_reset: Signal, prefix: str, stream: Stream):
        """Put a gate before one of the core's inputs and return it."""
        valid, ready, last = (getattr(self, f"{prefix}_axis_{name}") for name in ("tvalid", "tready", "tlast"))
        gate = Gate(stream.beats)
        m.submodules[f"gate_{prefix}"] = ResetInserter(core_reset)(gate)
        core_ready = Signal(name=f"{prefix}_core_ready")
        m.d.comb += [
            gate.enable.eq(registers.control_enable),
            gate.start.eq(registers.control_start),
            gate.marked.eq(last),
            gate.moves.eq(valid & ready),
            ready.eq(core_ready & gate.opens & ~core_reset),
        ]
        pins |= {
            f"i_{prefix}_valid": valid & gate.opens,
            f"o_{prefix}_ready": core_ready,
            f"i_{prefix}_data": getattr(self, f"{prefix}_axis_tdata"),
            f"i_{prefix}_last": last,
        }
        return gate

    def _leave(self, m: Module, pins: dict, core_reset: Signal, prefix: str, stream: Stream):
        """Put a register behind one of the core's outputs and return it."""
        m.submodules[f"hold_{prefix}"] = hold = Hold(tdata_bits(stream))
        m.d.comb += [
            hold.restart.eq(core_reset),
            getattr(self, f"{prefix}_axis_tvalid").eq(hold.valid),
            hold.ready.eq(getattr(self, f"{prefix}_axis_tready")),
            getattr(self, f"{prefix}_axis_tdata").eq(hold.data),
            getattr(self, f"{prefix}_axis_tlast").eq(hold.last),
        ]
        pins |= {
            f"o_{prefix}_valid": hold.core_valid,
            f"i_{prefix}_ready": hold.core_ready,
            f"o_{prefix}_data": hold.core_data,
            f"o_{prefix}_last": hold.core_last,
        }
        return hold

    def _count(self, m: Module, registers, flight) -> None:
        """Count events and cycles, modulo what a register holds."""

        def waiting(ports: Sequence[tuple[str, Stream]]):
            return Cat(
                getattr(self, f"{prefix}_axis_tvalid") & ~getattr(self, f"{prefix}_axis_tready") for prefix, _ in ports
            ).any()

        events = {
            "frames_in": flight.entered,
            "frames_out": flight.left,
            "busy_cycles": flight.busy,
            "input_stalls": waiting(self.inputs),
            "output_stalls": waiting(self.outputs),
        }
        latency = Signal(WORD_BITS)
        m.d.comb += registers.latency_now.eq(latency)
        with m.If(registers.control_clear):
            m.d.sync += latency.eq(0)
        with m.Elif(flight.timed):
            m.d.sync += latency.eq(flight.cycles)
        for name, event in events.items():
            count = Signal(WORD_BITS, name=name)
            m.d.comb += getattr(registers, f"{name}_now").eq(count)
            with m.If(registers.control_clear):
                m.d.sync += count.eq(0)
            with m.Else():
                m.d.sync += count.eq(count + event)
