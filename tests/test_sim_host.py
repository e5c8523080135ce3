import sys
from pathlib import Path

import pytest

from accel.app import cli
from accel.errors import CheckError, UnsupportedError
from sim.validation import host

# Two sockets of two cores with two threads each, as /proc/cpuinfo lists them.
TWO_SOCKETS = "\n\n".join(
    f"processor\t: {i}\nphysical id\t: {i // 4}\ncore id\t\t: {i % 2}\ncpu MHz\t\t: {2000 + i}.5\n"
    "flags\t\t: fpu sse2 avx avx2 fma"
    for i in range(8)
)
ARM = "\n\n".join(f"processor\t: {i}\nFeatures\t: fp asimd sve" for i in range(4))


def test_cores_are_told_from_threads():
    found = host.found(TWO_SOCKETS, {}, set(range(8)))
    assert (found["cores"], found["threads"]) == (4, 8)
    assert (found["simd_bits"], found["fma_units"], found["clock_hz"]) == (256, 2, 2007.5e6)


def test_only_what_the_process_may_use_counts():
    found = host.found(TWO_SOCKETS, {}, {0, 2})
    assert (found["cores"], found["threads"], found["clock_hz"]) == (1, 2, 2002.5e6)


def test_what_is_not_reported_is_left_to_the_machines_defaults():
    assert host.found(ARM, {}, {0, 1, 2, 3}) == {"cores": 4, "threads": 4, "simd_bits": 128, "fma_units": 2}
    assert host.found("", {}, {0}) == {"cores": 1, "threads": 1, "simd_bits": 128, "fma_units": 1}


def test_the_last_level_of_cache_is_the_llc():
    caches = {(1, "Data"): 48 << 10, (1, "Instruction"): 32 << 10, (2, "Unified"): 1 << 20, (3, "Unified"): 32 << 20}
    found = host.found(TWO_SOCKETS, caches, {0})
    assert (found["l1_bytes"], found["l2_bytes"], found["llc_bytes"]) == (48 << 10, 1 << 20, 32 << 20)
    assert host.found(TWO_SOCKETS, {(2, "Unified"): 1 << 20}, {0})["llc_bytes"] == 1 << 20


@pytest.fixture
def measured(monkeypatch):
    """Everything takes a second on one thread and half of it on more."""
    monkeypatch.setattr(host, "_CPUINFO", Path(__file__))
    monkeypatch.setattr(
        host, "_measured", lambda threads: dict.fromkeys(("copy", *host.PRODUCTS, "conv"), 1.0 if threads == 1 else 0.5)
    )


@pytest.mark.usefixtures("measured")
def test_the_copy_sets_the_bandwidth_unless_it_is_stated():
    machine, rows = host.host(threads=2, cores=2)
    assert machine.bandwidth_gbs * machine.bandwidth_efficiency == pytest.approx(2 * 128 * 2**20 / 0.5 / 1e9)
    assert [(row.threads, row.ours_seconds) for row in rows if row.name == "copy"] == [(1, None), (2, None)]
    machine, rows = host.host(threads=2, cores=2, bandwidth_gbs=10)
    assert machine.bandwidth_gbs == 10
    (copy, _) = [row for row in rows if row.name == "copy"]
    moving = 2 * 128 * 2**20 / (10e9 * machine.bandwidth_efficiency)
    assert copy.ours_seconds == pytest.approx(moving + machine.dispatch_seconds, abs=1e-9)
    assert copy.error == pytest.approx(copy.ours_seconds - 1)


@pytest.mark.usefixtures("measured")
def test_every_operation_is_measured_on_one_thread_and_on_all():
    _, rows = host.host(threads=4, cores=4)
    names = ["copy", *host.PRODUCTS, "conv"]
    assert [(row.threads, row.name) for row in rows] == [(threads, name) for threads in (1, 4) for name in names]
    conv = rows[len(names) - 1]
    assert conv.macs == 64 * 64 * 9 * 56 * 56
    assert {row.bytes for row in rows if row.name == "copy"} == {2 * 128 * 2**20}


def test_elsewhere_than_on_linux_it_refuses_in_a_line(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "_CPUINFO", tmp_path / "cpuinfo")
    with pytest.raises(UnsupportedError, match="measuring the host needs Linux"):
        host.host()


def test_a_measurement_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(host, "_CPUINFO", Path(__file__))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CheckError, match="measuring this host failed: 'no message'"):
        host.host(threads=1)


@pytest.mark.skipif(sys.platform != "linux", reason="the host is described by /proc/cpuinfo")
def test_the_command_measures_this_host_and_never_fails_for_what_it_finds(capsys):
    with pytest.raises(SystemExit) as done:
        cli.main(["validate", "--host", "--set", "threads=1", "--set", "cores=1"])
    out, _ = capsys.readouterr()
    assert done.value.code == 0
    for name in ("copy", *host.PRODUCTS, "conv"):
        assert f" {name} " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "cores=2"], "--set must be given with --host"),
        (["--host", "-m", "gpu"], "--host must be of the machine cpu, not 'gpu'"),
        (["--host", "--set", "corse=2"], "cpu has no parameter 'corse'; did you mean 'cores'?"),
    ],
)
def test_bad_options_are_refused_in_a_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as refused:
        cli.main(["validate", *arguments])
    assert refused.value.code == 2
    assert message in capsys.readouterr().err
