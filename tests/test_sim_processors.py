"""Processors and GPUs: quantisation in tiles, waves, vectors and threads; caches; launches."""

import pytest

import sim
from accel.layers.dense import Dense
from accel.network import Builder
from accel.work import Kind, Work
from sim.cpu import Cpu
from sim.engine.lowering import as_records
from sim.gpu import Gpu


def gemm(m, n, k):
    """``n`` samples of a dense layer from ``k`` to ``m``: a product of m x k by k x n."""
    return as_records([Work(kind=Kind.CONTRACT, m=m, c=k, macs=m * k, ifmap=k, weight=m * k, ofmap=m)], n)[0]


def cost(machine, record):
    return type(machine).cost(record, machine.record)


@pytest.mark.parametrize("preset", ["k20m", "titan-x-pascal", "v100", "a100", "h100"])
def test_a_large_square_gemm_runs_at_75_to_95_per_cent_of_the_peak(preset):
    machine = sim.machine(preset)
    priced = cost(machine, gemm(16384, 16384, 16384))
    assert 0.75 <= priced.macs / priced.cycles / machine.record["peak_macs_per_cycle"] <= 0.95


def test_a_gpu_works_in_whole_tiles_and_waves():
    machine = Gpu(launch_seconds=0.0, bandwidth_gbs=1e6, l2_bytes=1 << 36)
    assert cost(machine, gemm(128 * 108, 128, 8192)).cycles == cost(machine, gemm(128 * 108 - 127, 128, 8192)).cycles
    one, two = (cost(machine, gemm(128 * sms, 1024, 1024)).cycles for sms in (27 * 4, 27 * 4 + 1))
    assert two > one * 1.05


def test_precision_chooses_units_and_bytes():
    single, half, integer = (Gpu(precision=p) for p in ("float32", "float16", "int8"))
    peaks = [m.record["peak_macs_per_cycle"] for m in (single, half, integer)]
    assert peaks == [108 * 64, 108 * 1024, 108 * 2048]
    record = gemm(4096, 1, 4096)
    assert [cost(m, record).bytes_dram for m in (single, half, integer)] == [(4096 * 4096) * size for size in (4, 2, 1)]


def test_a_gpu_without_tensor_cores_uses_its_float_units():
    assert sim.machine("k20m", precision="float16").record["peak_macs_per_cycle"] == 13 * 192


def test_a_recurrence_launches_two_kernels_a_step():
    work = Work(kind=Kind.RECURRENT, t=50, m=4, c=4, macs=50 * 16, ifmap=100, weight=16, ofmap=50, ops=50)
    slow, fast = (cost(Gpu(launch_seconds=s), as_records([work], 1)[0]) for s in (1e-6, 0.0))
    assert slow.stall_launch == pytest.approx(100 * 1e-6 * 1.41e9)
    assert slow.cycles - fast.cycles == pytest.approx(slow.stall_launch, abs=1)


@pytest.mark.parametrize("preset", ["epyc-9654", "xeon-e5-2430", "i7-5930k", "xeon-e5-2690"])
def test_a_large_gemm_runs_at_the_library_efficiency(preset):
    machine = sim.machine(preset)
    priced = cost(machine, gemm(9600, 9600, 4096))
    share = priced.macs / priced.cycles / machine.record["peak_macs_per_cycle"]
    assert share == pytest.approx(machine.parameters["gemm_efficiency"], rel=0.05)


def test_threads_help_up_to_the_cores():
    record = gemm(2048, 960, 2048)
    times = {threads: cost(Cpu(threads=threads, dispatch_seconds=0.0), record).cycles for threads in (1, 2, 96, 192)}
    assert times[1] == pytest.approx(2 * times[2], rel=0.01)
    assert times[96] < times[2]
    assert times[192] == times[96]


def test_a_cache_that_holds_less_lets_more_through():
    record = gemm(4096, 4096, 4096)
    large, small = (cost(Cpu(llc_bytes=size), record) for size in (384 << 20, 1 << 20))
    assert small.bytes_dram > 4 * large.bytes_dram
    levels = (large.bytes_dram, large.bytes_llc, large.bytes_l2, large.bytes_l1)
    assert list(levels) == sorted(levels)


def test_energy_is_the_thermal_design_power_times_the_time():
    b = Builder("dense")
    b.output(b.add(Dense(in_features=512, out_features=512), b.input("x", (512,))))
    report = sim.run(b.build(), "xeon-e5-2430")
    assert report.watts == pytest.approx(95)
    assert "upper bound" in report.notes[0]
    assert report.node_nm == 32


def test_a_long_reduction_is_split_among_the_sms_of_a_gpu():
    def cycles(depth):
        return cost(sim.machine("gpu"), gemm(128, 128, depth)).compute_cycles

    assert cycles(256) < cycles(256 * 16) < 6 * cycles(256)  # few SMs, against sixteen times as many and partial sums
    assert 1.8 * cycles(256 * 512) < cycles(256 * 1024) < 2.2 * cycles(256 * 512)  # all SMs have work by then
