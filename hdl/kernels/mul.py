"""Products: a multiplier a lane before the requantiser."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value

from accel.schedule import mul
from hdl.elementwise import Elementwise


class Mul(Elementwise):
    """A product as `accel.schedule.mul.Mul` lays it out."""

    kind = mul.Mul.kind
    spec: mul.Mul

    def results(self, m: Module, elements: list[list[Value]], valid: Value) -> list[Value]:
        first, *others = elements
        second = others[0] if others else self.by_tile(m, "constant", self.spec.constants_by_tile, valid)
        products: list[Value] = []
        for lane, (a, b) in enumerate(zip(first, second, strict=True)):
            product = Signal((a * b).shape(), name=f"product_{lane}", reset_less=True)
            m.d.sync += product.eq(a * b)
            products.append(product)
        return products
