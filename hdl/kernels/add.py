"""Sums: the terms of every channel go to the requantiser, which sums their products."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Value

from accel.schedule import add
from hdl.elementwise import Elementwise


class Add(Elementwise):
    """A sum as `accel.schedule.add.Add` lays it out; a constant is a term that is all bias."""

    kind = add.Add.kind
    spec: add.Add

    def results(self, m: Module, elements: list[list[Value]], valid: Value) -> list[Value]:
        spec = self.spec
        terms: list[Value] = []
        for lane in range(spec.fold.pe):
            for port in range(len(spec.sources)):
                element = elements[port][lane]
                terms.append(-element if spec.negative and port else element)
            if spec.constant is not None:
                terms.append(Const(0))
        return terms
