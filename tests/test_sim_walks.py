"""Tile-level walks count, tile by tile, what the closed forms sum up; main memory behaves as its timings say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.errors import UnsupportedError
from accel.work import Kind, Work
from sim.diannao import Diannao
from sim.engine.dram import DRAM
from sim.engine.lowering import as_records
from sim.fpga_tiled import FpgaTiled
from sim.fused import Fused
from sim.walks.channel import ACTIVATIONS, BUS_FREE, BYTES, channel, transfer

SMALL = st.integers(1, 9)


@st.composite
def contractions(draw):
    """A small grouped convolution, or a recurrence, whose input holds just the pixels its windows cover."""
    g, m, c, p, q = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 40)),
        draw(st.integers(1, 40)),
        draw(SMALL),
        draw(SMALL),
    )
    r, s, u, v, d = (draw(st.integers(1, 4)) for _ in range(5))
    t = 1
    kind = Kind.CONTRACT
    if draw(st.integers(0, 4)) == 0:
        kind, g, p, q, r, s, u, v, d, t = Kind.RECURRENT, 1, 1, 1, 1, 1, 1, 1, 1, draw(st.integers(1, 4))
    bias = draw(st.integers(0, 1))
    h, w = (p - 1) * u + (r - 1) * d + 1, (q - 1) * v + (s - 1) * d + 1
    return Work(
        kind=kind, g=g, m=m, c=c, p=p, q=q, r=r, s=s, t=t, stride_h=u, stride_w=v, dilation_h=d, dilation_w=d, h=h, w=w,
        macs=t * g * m * c * p * q * r * s, ifmap=t * g * c * h * w, weight=g * m * (c * r * s + bias),
        ofmap=t * g * m * p * q,
    )  # fmt: skip


SIZES = st.integers(1, 24)
KIB = st.integers(1, 512).map(lambda n: 64 * n)
FPGAS = st.builds(
    FpgaTiled, tm=SIZES, tn=SIZES, tr=SIZES, tc=SIZES, input_buffer_bytes=KIB.map(lambda n: n + 40000),
    weight_buffer_bytes=KIB.map(lambda n: n + 4608), output_buffer_bytes=KIB, bandwidth_gbs=st.floats(0.1, 20),
)  # fmt: skip
DIANNAOS = st.builds(
    Diannao, tn=SIZES, ti=SIZES, nbin_bytes=KIB, sb_bytes=KIB, nbout_bytes=KIB, bandwidth_gbs=st.floats(1, 400)
)
MACHINES = st.one_of(FPGAS, DIANNAOS)


@settings(max_examples=300, deadline=None)
@given(machine=MACHINES, work=contractions(), batch=st.integers(1, 3))
def test_a_walk_sums_to_the_closed_form(machine, work, batch):
    record = as_records([work], batch)[0]
    closed, walked = type(machine).cost(record, machine.record), type(machine).walk(record, machine.record)
    if not np.isfinite(closed.cycles):
        return
    assert walked.macs == pytest.approx(batch * work.macs, rel=1e-12)
    assert walked.compute_cycles == pytest.approx(closed.compute_cycles, rel=1e-12)
    assert walked.bytes_dram == pytest.approx(closed.bytes_dram, rel=1e-12)
    assert walked.cycles >= walked.compute_cycles
    assert walked.cycles >= walked.bytes_dram / machine.record["bytes_per_cycle"] - 1


@pytest.mark.parametrize("memory", sorted(DRAM))
def test_a_stream_runs_near_the_peak_and_opens_each_row_once(memory):
    machine = Diannao(memory=memory, bandwidth_gbs=DRAM[memory].peak_bytes_per_second * 1e-9)
    state = channel(machine.record)
    size = 1 << 20
    done = transfer(state, 0.0, float(size), 0.0)
    assert state[0, BYTES] == size
    assert state[0, ACTIVATIONS] == size / DRAM[memory].row_bytes
    assert size / machine.record["bytes_per_cycle"] / done > 0.9


def test_one_bank_asked_for_row_after_row_waits_for_each():
    memory = DRAM["ddr3-1600"]
    machine = Diannao(bandwidth_gbs=12.8)
    state = channel(machine.record)
    far = memory.row_bytes * memory.banks
    times = [transfer(state, float(i * far), 64.0, 0.0) for i in range(5)]
    burst = 64 / machine.record["bytes_per_cycle"] / memory.efficiency
    opening = (memory.trp_ns + memory.trcd_ns) * 1e-9 * machine.clock_hz
    assert np.diff(times) == pytest.approx(burst + opening)
    assert transfer(state, 4.0 * far + 64, 64.0, 0.0) - times[-1] == pytest.approx(burst)  # the row is open


def test_a_transfer_moves_whole_bursts_and_none_moves_nothing():
    machine = Diannao(bandwidth_gbs=12.8)
    state = channel(machine.record)
    transfer(state, 60.0, 8.0, 0.0)  # across two bursts of 64 bytes
    opening = (DRAM["ddr3-1600"].trp_ns + DRAM["ddr3-1600"].trcd_ns) * 1e-9 * machine.clock_hz
    expected = opening + 128 / machine.record["bytes_per_cycle"] / DRAM["ddr3-1600"].efficiency
    assert state[0, BUS_FREE] == pytest.approx(expected)
    assert transfer(state, 0.0, 0.0, 7.0) == 7.0


def test_a_machine_without_a_walk_says_so():
    from accel import zoo

    with pytest.raises(UnsupportedError, match="fused has fidelity closed, not 'tile'"):
        Fused().run(zoo.get("lenet5"), fidelity="tile")
