"""The index of the largest channel."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data

from accel.schedule import argmax, pipeline
from hdl.delay import delayed
from hdl.kernel import Kernel
from hdl.mac import reduced
from hdl.window_buffer import Reads, WindowBuffer
from hdl.window_kernel import WindowFrame


class ArgMax(Kernel):
    """A comparison of all channels, as `accel.schedule.argmax.ArgMax` lays it out.

    What travels through the comparators is an element with its channel, `candidate`. The earlier one is always the
    first operand, so that equal elements need no comparison of channels.
    """

    kind = argmax.ArgMax.kind
    spec: argmax.ArgMax

    def elaborate(self, platform):
        m = Module()
        spec = self.spec
        taps = spec.taps
        reads = Reads(taps.offset, taps.channel, taps.row, taps.column, counts=spec.channel < spec.channels)
        buffer = WindowBuffer(spec.inputs[0], 0, spec.capacity, spec.sliding, reads, spec.fill)
        frame = WindowFrame(m, spec.schedule, buffer, self.input_0, self.output_0)
        candidate = data.StructLayout({"channel": spec.output.bits, "element": buffer.element})

        def larger(a: Value, b: Value) -> Value:
            earlier, later = data.View(candidate, a), data.View(candidate, b)
            wins = later.element >= earlier.element if spec.last else later.element > earlier.element
            return Mux(wins, b, a)

        before_compare = sum(spec.stages[stage] for stage in ("address", "read", "select", "tree"))
        issued, first, completes = frame.accumulating(before_compare)
        lanes = [
            Value.cast(_candidate(m, candidate, Const(lane, spec.output.bits), frame.elements[lane], f"lane_{lane}"))
            for lane in range(spec.fold.simd)
        ]
        best = data.View(candidate, reduced(m, lanes, larger, "tree"))

        base = Signal(spec.output.bits)  # channel of the first lane in the step at hand
        here = Mux(first, 0, base)
        found = _candidate(m, candidate, here + best.channel, best.element, "found")
        kept = Signal(candidate, reset_less=True)
        with m.If(issued):
            m.d.sync += [
                base.eq(here + spec.fold.simd),
                Value.cast(kept).eq(Mux(first, Value.cast(found), larger(Value.cast(kept), Value.cast(found)))),
            ]
        m.d.comb += [
            frame.queue.write.eq(delayed(m, completes, pipeline.COMPARE, "chosen")),
            frame.queue.word.eq(kept.channel),
        ]
        return m


def _candidate(m: Module, layout: data.StructLayout, channel: Value, element: Value, name: str):
    """Return an element with its channel, in ``layout``."""
    view = Signal(layout, name=name)
    m.d.comb += [view.channel.eq(channel), view.element.eq(element)]
    return view
