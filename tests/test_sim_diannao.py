"""DianNao: what its buffers keep, and how energy and area follow its published blocks."""

import pytest

from accel.work import Kind, Work
from sim.diannao import BLOCK_MILLIWATTS, Diannao
from sim.engine.lowering import as_records


def conv(m=16, c=16, pq=8, k=3, **more):
    side = pq + k - 1
    given = {
        "macs": m * c * pq * pq * k * k, "ifmap": c * side * side, "weight": m * c * k * k, "ofmap": m * pq * pq
    } | more  # fmt: skip
    return Work(kind=Kind.CONTRACT, m=m, c=c, p=pq, q=pq, r=k, s=k, h=side, w=side, **given)


def cost(work, batch=1, **parameters):
    machine = Diannao(**parameters)
    return Diannao.cost(as_records([work], batch)[0], machine.record)


def test_weights_are_loaded_once_if_sb_holds_a_block_and_else_for_every_strip():
    work = conv(m=16, c=16, pq=8, k=3)  # 4,608 bytes of weights, strips of 8 columns
    base = cost(work)
    held, refetched = cost(work, batch=4), cost(work, batch=4, sb_bytes=4607)
    assert held.bytes_dram == 4 * base.bytes_dram - 3 * 4608
    assert refetched.bytes_dram == held.bytes_dram + (4 * 8 - 1) * 4608


def test_private_kernels_are_loaded_once_a_sample_whatever_sb_holds():
    shared = conv(m=8, c=8, pq=10, k=5)
    private = conv(m=8, c=8, pq=10, k=5, weight=8 * 8 * 25 * 100)
    for sb_bytes in (64, 32768, 1 << 24):
        both = [cost(w, batch=3, sb_bytes=sb_bytes) for w in (shared, private)]
        weights = 3 * 8 * 8 * 25 * 100 * 2
        assert both[1].bytes_dram > weights
        assert both[1].compute_cycles == both[0].compute_cycles
    assert cost(private, 3, sb_bytes=64).bytes_dram == cost(private, 3, sb_bytes=1 << 24).bytes_dram


def test_rows_slide_when_nbin_holds_the_window():
    work = conv(m=16, c=16, pq=32, k=5)
    reloaded, slid = cost(work), cost(work, nbin_bytes=1 << 14)
    inputs = [c.bytes_dram - (work.weight + work.ofmap) * 2 for c in (reloaded, slid)]
    assert inputs[1] == work.ifmap * 2  # every input once
    assert inputs[0] > 4 * inputs[1]


def test_a_long_layer_at_full_rate_takes_the_published_power():
    """Without main memory and stalls: NFU, SB and control as in Table 6, NBout at most."""
    priced = cost(conv(m=16, c=16 * 64, pq=64, k=3), bandwidth_gbs=1e6)
    seconds = priced.cycles / Diannao().clock_hz
    milliwatts = {
        name: getattr(priced, f"pj_{name}") * 1e-9 / seconds for name in ("nfu", "sb", "control", "nbin", "nbout")
    }
    assert milliwatts["nfu"] == pytest.approx(BLOCK_MILLIWATTS["nfu"], rel=0.01)
    assert milliwatts["sb"] == pytest.approx(BLOCK_MILLIWATTS["sb"], rel=0.1)
    assert milliwatts["control"] == pytest.approx(65, rel=0.01)
    assert 0 < milliwatts["nbout"] <= BLOCK_MILLIWATTS["nbout"]


def test_area_follows_units_and_bytes():
    base, wide = Diannao().area_mm2, Diannao(tn=32).area_mm2
    assert base == pytest.approx(3.023077)
    assert wide - base == pytest.approx(0.846563)
    assert Diannao(sb_bytes=65536).area_mm2 - base == pytest.approx(1.153814)
