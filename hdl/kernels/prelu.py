"""PReLU: a term for either side of zero."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

from accel.schedule import prelu
from hdl.elementwise import Elementwise


class PRelu(Elementwise):
    """A PReLU as `accel.schedule.prelu.PRelu` lays it out."""

    kind = prelu.PRelu.kind
    spec: prelu.PRelu

    def results(self, m: Module, elements: list[list[Value]], valid: Value) -> list[Value]:
        terms: list[Value] = []
        for lane, slope in enumerate(self.by_tile(m, "slope", self.spec.slopes_by_tile, valid)):
            element = elements[0][lane]
            rising = Signal(element.shape(), name=f"rising_{lane}", reset_less=True)
            falling = Signal((element * slope).shape(), name=f"falling_{lane}", reset_less=True)
            m.d.sync += [
                rising.eq(Mux(element < 0, 0, element)),
                falling.eq(Mux(element < 0, element * slope, 0)),
            ]
            terms += [rising, falling]
        return terms
