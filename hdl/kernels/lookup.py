"""Any function of one number: a memory a lane."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.memory import Memory

from accel.schedule import lookup
from hdl.elementwise import Elementwise


class Lookup(Elementwise):
    """A table as `accel.schedule.lookup.Lookup` lays it out; an element's bits are its address."""

    kind = lookup.Lookup.kind
    spec: lookup.Lookup

    def results(self, m: Module, elements: list[list[Value]], valid: Value) -> list[Value]:
        spec = self.spec
        found: list[Value] = []
        words = [int(entry) & ((1 << spec.output.bits) - 1) for entry in spec.table]
        for lane, element in enumerate(elements[0]):
            memory = Memory(shape=spec.output.bits, depth=len(words), init=words)
            m.submodules[f"table_{lane}"] = memory
            port = memory.read_port()
            entry = Signal(spec.output.bits, name=f"entry_{lane}", reset_less=True)
            m.d.comb += port.addr.eq(element.as_unsigned()[: spec.sources[0].bits])
            m.d.sync += entry.eq(port.data)
            found.append(entry)
        return found
