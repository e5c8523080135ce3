"""The multiply-accumulate array: ``pe`` accumulators, each fed by ``simd`` products a cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import C, Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.packing import Packing
from accel.schedule import pipeline


class MacArray(wiring.Component):
    """Sums products over any number of steps, in ``pe`` accumulators at once.

    Operands given in cycle t are in the accumulators at t + MULTIPLY + tree_stages(simd) + ACCUMULATE, where ``first``
    and ``valid`` belong to the accumulating cycle, one before. A step a cycle; nothing can be held back. Every product
    of a multiplier has a register of its own, which lets synthesis use a DSP block for it.

    With ``packing`` the multipliers of accumulators 2i and 2i + 1 are the same, and compute a product for each. What
    the lower products borrow from the upper ones is one bit each; the adders of the upper products take it as a carry,
    so that it costs neither adders nor cycles.

    Parameters
    ----------
    element : Shape
        Of an operand from the input.
    weight_bits : int
        Signed width of a weight, as stored where there is a packing.
    accumulator_bits : int
        Signed width that holds every partial sum.
    pe, simd : int
    packing : Packing, optional

    Members
    -------
    elements : In(ArrayLayout(element, simd))
    weights : In(ArrayLayout of pe arrays of simd weights)
        As `Packing.stored` has them where there is a packing.
    valid, first : In(1)
        What comes out of the adder trees is to be accumulated; it starts a new sum.
    sums : Out(ArrayLayout(signed(accumulator_bits), pe))
    """

    def __init__(
        self,
        element: Shape,
        weight_bits: int,
        accumulator_bits: int,
        pe: int,
        simd: int,
        packing: Packing | None = None,
    ):
        self.pe, self.simd, self.accumulator_bits, self.packing = pe, simd, accumulator_bits, packing
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
        paired = 0 if self.packing is None else self.pe // 2 * 2
        for pe in range(0, paired, 2):
            self._pair(m, pe, self.packing)
        for pe in range(paired, self.pe):
            products = [self._product(m, lane, self.weights[pe][lane], pe) for lane in range(self.simd)]
            total = reduced(m, products, lambda a, b: a + b, f"tree_{pe}")
            self._accumulate(m, pe, lambda kept, total=total: total + kept)
        return m

    def _product(self, m: Module, lane: int, weight: Value, pe: int) -> Signal:
        product = self.elements[lane] * weight
        register = Signal(product.shape(), name=f"product_{pe}_{lane}", reset_less=True)
        m.d.sync += register.eq(product)
        return register

    def _pair(self, m: Module, pe: int, packing: Packing) -> None:
        """Sum the products of accumulators ``pe`` and ``pe + 1``."""
        low, lower, upper = packing.low_bits, [], []
        for lane in range(self.simd):
            weight = Signal(signed(low), name=f"lower_{pe}_{lane}")
            m.d.comb += weight.eq(self.weights[pe][lane])
            product = self._product(m, lane, Cat(weight, self.weights[pe + 1][lane]).as_signed(), pe)
            lower.append(product[:low].as_signed())
            # The lower product's sign is what it has borrowed, and stands where a carry does.
            upper.append(product[low - 1 : packing.product_bits].as_signed())
        total = reduced(m, lower, lambda a, b: a + b, f"tree_{pe}")
        carried = reduced(m, upper, with_carries, f"tree_{pe + 1}")
        self._accumulate(m, pe, lambda kept: total + kept)
        self._accumulate(m, pe + 1, lambda kept: with_carries(carried, Cat(C(0), kept).as_signed())[1:].as_signed())

    def _accumulate(self, m: Module, pe: int, plus_total: Callable[[Value], Value]) -> None:
        register = Signal(signed(self.accumulator_bits), name=f"sum_{pe}", reset_less=True)
        with m.If(self.valid):
            m.d.sync += register.eq(plus_total(Mux(self.first, 0, register)))
        m.d.comb += self.sums[pe].eq(register)


def with_carries(a: Value, b: Value) -> Value:
    """Return the sum of two numbers, each ``value + carry`` in the form ``2 * value + carry``, in that form.

    One adder takes the first's carry in a bit below the others; the second's is left to the next adder.
    """
    total = Cat(C(1), a[1:]).as_signed() + Cat(a[0], b[1:]).as_signed()
    return Cat(b[0], total[1:]).as_signed()


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
