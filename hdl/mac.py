"""The multiply-accumulate array: ``pe`` accumulators, each fed by ``simd`` products a cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.schedule import pipeline


class MacArray(wiring.Component):
    """Sums products over any number of steps, in ``pe`` accumulators at once.

    Operands given in cycle t are in the accumulators at t + MULTIPLY + tree_stages(simd) + ACCUMULATE, where ``first``
    and ``valid`` belong to the accumulating cycle, one before. A step a cycle; nothing can be held back. Every product
    has a register of its own, which lets synthesis use a DSP block for it.

    Parameters
    ----------
    element : Shape
        Of an operand from the input.
    weight_bits : int
        Signed width of a weight.
    accumulator_bits : int
        Signed width that holds every partial sum.
    pe, simd : int

    Members
    -------
    elements : In(ArrayLayout(element, simd))
    weights : In(ArrayLayout of pe arrays of simd weights)
    valid, first : In(1)
        What comes out of the adder trees is to be accumulated; it starts a new sum.
    sums : Out(ArrayLayout(signed(accumulator_bits), pe))
    """

    def __init__(self, element: Shape, weight_bits: int, accumulator_bits: int, pe: int, simd: int):
        self.pe, self.simd, self.accumulator_bits = pe, simd, accumulator_bits
        row = data.ArrayLayout(signed(weight_bits), simd)
        super().__init__(
            {
                "elements": In(data.ArrayLayout(element, simd)),
                "weights": In(data.ArrayLayout(row, pe)),
                "valid": In(1),
                "first": In(1),
                "sums": Out(data.ArrayLayout(signed(accumulator_bits), pe)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for pe in range(self.pe):
            products = []
            for lane in range(self.simd):
                product = self.elements[lane] * self.weights[pe][lane]
                register = Signal(product.shape(), name=f"product_{pe}_{lane}", reset_less=True)
                m.d.sync += register.eq(product)
                products.append(register)
            total = reduced(m, products, lambda a, b: a + b, f"tree_{pe}")
            register = Signal(signed(self.accumulator_bits), name=f"sum_{pe}", reset_less=True)
            with m.If(self.valid):
                m.d.sync += register.eq(total + Mux(self.first, 0, register))
            m.d.comb += self.sums[pe].eq(register)
        return m


def reduced(m: Module, values: Sequence[Value], combine: Callable[[Value, Value], Value], name: str) -> Value:
    """Return ``values`` combined in a balanced tree, registered every `pipeline.TREE_LEVELS_PER_STAGE` levels.

    It takes ``pipeline.tree_stages(len(values))`` cycles; the last stage is registered too.
    """
    values = list(values)
    stage = 0
    while len(values) > 1:
        for _ in range(pipeline.TREE_LEVELS_PER_STAGE):
            pairs = [combine(*values[i : i + 2]) for i in range(0, len(values) - 1, 2)]
            values = pairs + values[len(pairs) * 2 :]
        registers = [Signal(v.shape(), name=f"{name}_{stage}_{i}", reset_less=True) for i, v in enumerate(values)]
        m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
        values, stage = registers, stage + 1
    return values[0]
