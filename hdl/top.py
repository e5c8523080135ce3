"""The top level: the kernels of a plan, chained, behind AXI4-Stream ports."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accel.schedule.base import KernelSpec, Stream
from accel.schedule.graph import TOP, Link
from hdl.delay import cyclic
from hdl.kernels import kernel
from hdl.stream import lane_bits, tdata_bits


class Top(wiring.Component):
    """Kernels joined by links, with one AXI4-Stream port for each input and output of the graph.

    A link is wires: no cycle is added anywhere, so transfers at these ports are in the cycles that
    `accel.stepper.step` predicts, cycle 0 being the first after ``rst`` falls. In TDATA lane 0 is in the low bits and
    every lane takes whole bytes: inputs ignore the bits above a lane's own, outputs repeat its sign there, or zero.
    TLAST is given with a tensor's last beat; at inputs it is not read, because tensors are counted. No name from a
    model is used: kernel ``i`` is the instance ``k<i>_<kind>``.

    Parameters
    ----------
    specs : sequence of KernelSpec
        In the order that the links count in.
    links : sequence of Link
        Every port of every kernel exactly once (`accel.schedule.graph.ScheduleGraph` checks that).

    Members
    -------
    s_valid, s_ready, s_data, s_last
        The input; ``s0_valid`` and so on where there are several.
    m_valid, m_ready, m_data, m_last
        The output; ``m0_valid`` and so on where there are several.

    Attributes
    ----------
    instances : tuple of str
        The kernels' instance names.
    inputs, outputs : tuple of (str, Stream)
        The ports' prefixes and what they carry, in port order.
    """

    def __init__(self, specs: Sequence[KernelSpec], links: Sequence[Link]):
        self.specs, self.links = tuple(specs), tuple(links)
        self.instances = tuple(f"k{i}_{spec.kind}" for i, spec in enumerate(self.specs))
        self.inputs = _named(
            "s", {x.source[1]: self.specs[x.target[0]].inputs[x.target[1]] for x in links if x.source[0] == TOP}
        )
        self.outputs = _named(
            "m", {x.target[1]: self.specs[x.source[0]].outputs[x.source[1]] for x in links if x.target[0] == TOP}
        )
        members = {}
        for ports, towards, away in ((self.inputs, In, Out), (self.outputs, Out, In)):
            for prefix, stream in ports:
                members |= {
                    f"{prefix}_valid": towards(1),
                    f"{prefix}_ready": away(1),
                    f"{prefix}_data": towards(tdata_bits(stream)),
                    f"{prefix}_last": towards(1),
                }
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        kernels = [kernel(spec) for spec in self.specs]
        for name, component in zip(self.instances, kernels, strict=True):
            m.submodules[name] = component
        for link in self.links:
            (writer, out), (reader, port) = link.source, link.target
            if writer == TOP:
                self._enter(m, *self.inputs[out], getattr(kernels[reader], f"input_{port}"))
            elif reader == TOP:
                self._leave(m, *self.outputs[port], getattr(kernels[writer], f"output_{out}"))
            else:
                wiring.connect(m, getattr(kernels[writer], f"output_{out}"), getattr(kernels[reader], f"input_{port}"))
        return m

    def _enter(self, m: Module, prefix: str, stream: Stream, target) -> None:
        data, step = getattr(self, f"{prefix}_data"), lane_bits(stream)
        m.d.comb += [
            target.valid.eq(getattr(self, f"{prefix}_valid")),
            getattr(self, f"{prefix}_ready").eq(target.ready),
            *(target.payload[lane].eq(data[lane * step : lane * step + stream.bits]) for lane in range(stream.lanes)),
        ]

    def _leave(self, m: Module, prefix: str, stream: Stream, source) -> None:
        valid, ready = getattr(self, f"{prefix}_valid"), getattr(self, f"{prefix}_ready")
        beat = cyclic(m, stream.beats, valid & ready, f"{prefix}_beat")
        lanes = [source.payload[lane] for lane in range(stream.lanes)]
        m.d.comb += [
            valid.eq(source.valid),
            source.ready.eq(ready),
            getattr(self, f"{prefix}_data").eq(Cat(_widened(lane, lane_bits(stream)) for lane in lanes)),
            getattr(self, f"{prefix}_last").eq(beat == stream.beats - 1),
        ]


def _named(letter: str, streams: dict[int, Stream]) -> tuple[tuple[str, Stream], ...]:
    """Return the prefix of every port; the letter alone where there is only one."""
    return tuple((letter if len(streams) == 1 else f"{letter}{i}", streams[i]) for i in range(len(streams)))


def _widened(value, bits: int):
    """Return ``value`` in exactly ``bits`` bits, its sign repeated."""
    missing = bits - len(value)
    return Cat(value, value[-1].replicate(missing) if value.shape().signed else Const(0, missing))
