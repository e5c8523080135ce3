"""Our figures beside datasheets and published runs of processors and GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accel.work import Kind, Work
from sim.engine.closed_form import ClosedFormMachine
from sim.engine.lowering import as_records
from sim.engine.registry import machine

Layer = Mapping[str, int]


def _named(preset: str, **parameters: str | float) -> ClosedFormMachine:
    found = machine(preset).with_parameters(**parameters)
    assert isinstance(found, ClosedFormMachine)
    return found


def peak_tflops(preset: str, precision: str = "") -> float:
    """Return 10^12 operations a second with every unit busy, a multiply and an add counted as two."""
    return 2e-12 * _named(preset, **({"precision": precision} if precision else {})).peak_macs_per_second


def peak_gflops(preset: str) -> float:
    """Return 10^9 operations a second with every unit busy."""
    return 1e3 * peak_tflops(preset)


def bandwidth_gbs(preset: str) -> float:
    """Return main memory's peak in GB/s."""
    return 1e-9 * _named(preset).bandwidth_bytes_per_second


def launched_microseconds(preset: str, kernel_microseconds: float, overhead_microseconds: float) -> float:
    """Return the time of a kernel and its launch with the given overhead, as the machine adds them."""
    given = _named(preset, launch_seconds=overhead_microseconds * 1e-6)
    empty = Work(kind=Kind.POINTWISE, ofmap=1)
    return (
        kernel_microseconds
        + 1e6 * type(given).cost(as_records([empty], 1)[0], given.record).cycles / given.record["clock_hz"]
    )


def gemm_microseconds(preset: str, layers: Sequence[Layer], batch: int, precision: str = "") -> float:
    """Return the time of dense layers ``{m, c}`` one after another on a batch."""
    given = _named(preset, **({"precision": precision} if precision else {}))
    works = [
        Work(
            kind=Kind.CONTRACT,
            m=v["m"],
            c=v["c"],
            macs=v["m"] * v["c"],
            ifmap=v["c"],
            weight=v["m"] * v["c"],
            ofmap=v["m"],
        )
        for v in layers
    ]
    cycles = sum(type(given).cost(record, given.record).cycles for record in as_records(works, batch))
    return 1e6 * cycles / float(given.record["clock_hz"])


def network_gops(preset: str, network: str, batch: int) -> float:
    """Return the rate on a network of the zoo in 10^9 operations a second, a multiply and an add counted as two."""
    from accel import zoo

    report = _named(preset).run(zoo.get(network), batch)
    return 2e-9 * report.macs / report.seconds
