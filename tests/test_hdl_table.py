import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from hdl.table import CyclicTable, Folding

CASES = {
    "constant": {"a": np.full(6, -3)},
    "ramp": {"a": np.arange(12) * 3 + 1},
    "ramp that wraps its width": {"a": (np.arange(11) * 5) % 16},
    "one word": {"a": np.array([5]), "b": np.array([-1])},
    "window offsets": {"a": (np.arange(4)[:, None] * 28 + np.arange(5)[None]).ravel()},
    "rows": {"a": np.array([[0, 1, 1], [4, 2, 2], [4, 2, 2], [4, 2, 2], [9, 2, 7]]).ravel(), "b": np.arange(15) // 3},
    "noise": {"a": np.random.default_rng(1).integers(-9, 9, 13), "b": np.random.default_rng(2).integers(0, 3, 13)},
}


@pytest.mark.parametrize("name", CASES)
def test_words_come_in_order_and_again(name):
    columns = CASES[name]
    table = CyclicTable(columns)
    length = table.length
    rng = np.random.default_rng(3)

    async def check(ctx):
        await ctx.tick()
        for t in range(3 * length + 1):
            while rng.integers(2):
                ctx.set(table.advance, 0)
                await ctx.tick()
            for column, values in columns.items():
                assert ctx.get(table.word[column]) == values[t % length], (column, t)
            assert ctx.get(table.final) == (t % length == length - 1)
            ctx.set(table.advance, 1)
            await ctx.tick()

    top = Module()
    top.domains.sync = ClockDomain()
    top.submodules.table = table
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(check)
    simulator.run()


def test_folding_stores_equal_rows_once():
    table = np.array([[1, 2, 3], [1, 2, 3], [7, 8, 9], [1, 2, 3]]).reshape(-1, 1)
    folding = Folding.smallest(table)
    assert (folding.width, folding.distinct, folding.rows) == (3, 2, (0, 0, 1, 0))
