"""Two products of one multiplier: exact for every operand, in numbers and in gateware."""

import numpy as np
import pytest
from amaranth.hdl import C, Cat, Shape
from amaranth.sim import Simulator

from accel import targets
from accel.app import bitstream
from accel.fixedpoint import signed_bits
from accel.intervals import Interval
from accel.packing import Packing
from accel.schedule import pipeline
from hdl import mac
from hdl.mac import MacArray
from hdl.verilog import emit

NARROW = [Packing(Interval(*x), Interval(*w)) for x, w in [
    ((-4, 3), (-4, 3)), ((0, 7), (-3, 3)), ((-8, 7), (0, 5)), ((-1, 0), (-4, 3)), ((0, 1), (-8, 7)), ((-7, 0), (-6, 0)),
    ((0, 0), (-2, 1)),
]]  # fmt: skip
"""Operands few enough to try every triple."""
WIDE = [Packing(Interval(*x), Interval(*w)) for x, w in [
    ((-128, 127), (-128, 127)), ((0, 255), (-127, 127)), ((-255, 255), (-128, 127)), ((0, 255), (-7, 7)),
    ((-32, 31), (-31, 31)), ((-128, 127), (-256, 255)),
]]  # fmt: skip
SEED = 1


def all_of(interval):
    return np.arange(interval.low, interval.high + 1)


def corners(packing):
    """Return triples of the ends, and what is beside them and beside zero."""

    def near(interval):
        ends = (interval.low, interval.low + 1, -1, 0, 1, interval.high - 1, interval.high)
        return [v for v in sorted(set(ends)) if interval.low <= v <= interval.high]

    return [g.ravel() for g in np.meshgrid(near(packing.element), near(packing.weight), near(packing.weight))]


def triples(packing):
    """Return elements, lower and upper weights: all there are where they are few, else corners and random ones."""
    if packing in NARROW:
        grid = np.meshgrid(all_of(packing.element), all_of(packing.weight), all_of(packing.weight))
        return [g.ravel() for g in grid]
    rng = np.random.default_rng(SEED)
    drawn = [rng.choice(all_of(i), 3000) for i in (packing.element, packing.weight, packing.weight)]
    return [np.concatenate(pair) for pair in zip(corners(packing), drawn, strict=True)]


@pytest.mark.parametrize("packing", NARROW + WIDE, ids=str)
def test_both_products_are_exact(packing):
    x, lower, upper = triples(packing)
    stored = packing.stored(np.stack([lower, upper], axis=1).astype(np.int16)[..., None])[..., 0].astype(np.int64)
    assert np.array_equal(stored[:, 0], lower)
    assert signed_bits(int(stored.min()), int(stored.max())) <= packing.stored_bits
    field = lower & ((1 << packing.low_bits) - 1)
    product = x * ((stored[:, 1] << packing.low_bits) + field)
    assert signed_bits(int(product.min()), int(product.max())) <= packing.product_bits
    half = 1 << (packing.low_bits - 1)
    low = ((product + half) & (2 * half - 1)) - half
    assert np.array_equal(low, x * lower)
    assert np.array_equal((product >> packing.low_bits) + (product >> (packing.low_bits - 1) & 1), x * upper)


def sums(packing, pe, simd, elements, weights, lasts):
    """Return what the accumulators of an array hold after each sum; steps of shape (steps, [pe,] simd)."""
    largest = int(np.abs(weights).max()) * int(np.abs(elements).max()) * simd * len(elements)
    shape = Shape.cast(range(packing.element.low, packing.element.high + 1))
    dut = MacArray(shape, packing.stored_bits, signed_bits(-largest, largest), pe, simd, packing)
    stored = packing.stored(weights.astype(np.int16))
    wait = pipeline.MULTIPLY + pipeline.tree_stages(simd)
    found = []

    async def bench(ctx):
        for cycle in range(len(elements) + wait + 1):
            if cycle < len(elements):
                for lane in range(simd):
                    ctx.set(dut.elements[lane], int(elements[cycle, lane]))
                    for row in range(pe):
                        ctx.set(dut.weights[row][lane], int(stored[cycle, row, lane]))
            summing = cycle - wait
            ctx.set(dut.valid, 0 <= summing < len(elements))
            ctx.set(dut.first, summing == 0 or (summing > 0 and bool(lasts[summing - 1])))
            await ctx.tick()
            if 0 <= summing < len(elements) and lasts[summing]:
                found.append([ctx.get(dut.sums[row]) for row in range(pe)])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(found)


def exact(elements, weights, lasts):
    steps = (weights.astype(np.int64) * elements[:, None, :]).sum(axis=2)
    ends = np.flatnonzero(lasts)
    total = np.cumsum(steps, axis=0)[ends]
    return np.diff(total, axis=0, prepend=0)


@pytest.mark.parametrize(("pe", "simd"), [(2, 1), (3, 2), (2, 3), (4, 5), (5, 7), (1, 2)])
@pytest.mark.parametrize("packing", [WIDE[0], WIDE[1], WIDE[3], NARROW[4], NARROW[5]], ids=str)
def test_an_array_sums_exactly(packing, pe, simd):
    rng = np.random.default_rng([SEED, pe, simd])
    steps = 60
    x, lower, upper = corners(packing)
    elements = rng.choice(np.concatenate([x, all_of(packing.element)]), (steps, simd))
    weights = rng.choice(np.concatenate([lower, upper, all_of(packing.weight)]), (steps, pe, simd))
    lasts = rng.random(steps) < 0.3
    lasts[-1] = True
    assert np.array_equal(sums(packing, pe, simd, elements, weights, lasts), exact(elements, weights, lasts))


@pytest.mark.parametrize("packing", NARROW, ids=str)
def test_an_array_sums_every_triple_exactly(packing):
    x, lower, upper = triples(packing)
    lasts = np.ones(len(x), bool)
    elements, weights = x[:, None], np.stack([lower, upper], axis=1)[..., None]
    assert np.array_equal(sums(packing, 2, 1, elements, weights, lasts), exact(elements, weights, lasts))


def without_carries(a, b):
    """Stand in for `hdl.mac.with_carries`, and lose what the lower products have borrowed."""
    return Cat(C(0), a[1:].as_signed() + b[1:].as_signed()).as_signed()


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [(mac, "with_carries", without_carries), (Packing, "stored", lambda packing, weights: weights)],
    ids=["of products", "of weights"],
)
def test_a_borrow_that_is_not_paid_back_is_found(monkeypatch, owner, name, fault):
    monkeypatch.setattr(owner, name, fault)
    packing = NARROW[0]
    x, lower, upper = triples(packing)
    lasts = np.ones(len(x), bool)
    elements, weights = x[:, None], np.stack([lower, upper], axis=1)[..., None]
    assert not np.array_equal(sums(packing, 2, 1, elements, weights, lasts), exact(elements, weights, lasts))


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "element", "weight"),
    [
        ("ecp5-25f", (0, 255), (-7, 7)), ("ecp5-25f", (-32, 31), (-31, 31)), ("up5k", (0, 255), (-7, 7)),
        ("xc7a35t", (0, 255), (-127, 127)), ("xc7a35t", (-255, 255), (-128, 127)),
    ],
)  # fmt: skip
def test_synthesis_takes_half_the_dsp_blocks(tmp_path, target, element, weight):
    packing, part = Packing(Interval(*element), Interval(*weight)), targets.get(target)
    assert part.products_per_multiplier(packing) == 2
    pe, simd = 3, 3
    used = {}
    for chosen in (None, packing):
        weight_bits = packing.weight.bits if chosen is None else packing.stored_bits
        array = MacArray(Shape.cast(range(element[0], element[1] + 1)), weight_bits, 24, pe, simd, chosen)
        folder = tmp_path / ("plain" if chosen is None else "packed")
        folder.mkdir()
        (folder / "mac.v").write_text(emit(array, "mac"))
        family = bitstream.synthesis(part.family)
        family.synthesise([folder / "mac.v"], "mac", folder / "mac.json")
        used[chosen] = family.synthesised(folder / bitstream.STATISTICS)["dsp"]
    print(f"{target}: {used[None]} blocks, packed {used[packing]}")
    assert used == {None: pe * simd, packing: (pe + 1) // 2 * simd}
