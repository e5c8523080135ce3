"""Parameters, discovery, lowering, tables: what every machine stands on."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from accel import zoo
from accel.errors import AccelError, CapacityError, InputError, UnsupportedError
from accel.layers.concat import Concat
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.flatten import Flatten
from accel.layers.relu import Relu
from accel.layers.softmax import Softmax
from accel.network import Builder
from accel.work import Kind
from sim.engine.caches import blocked_elements
from sim.engine.energy import SRAM_KIB, SRAM_PJ_PER_READ, dynamic_energy, sram_pj_per_byte
from sim.engine.jit import ceil_div
from sim.engine.lowering import lower
from sim.engine.parameters import parse_settings
from sim.engine.registry import machine, to_toml
from sim.engine.sweep import distinct

EVERY = [*sim.machines().values(), *sim.presets().values()]


@pytest.mark.parametrize("given_machine", EVERY, ids=lambda m: m.title)
def test_every_parameter_has_a_source_and_a_range_that_holds_its_value(given_machine):
    for name, known in type(given_machine).parameter_table().items():
        assert known.source, name
        assert known.unit or isinstance(known.default, str), name
        assert known.checked(getattr(given_machine, name), given_machine.name) == getattr(given_machine, name)


@pytest.mark.parametrize("given_machine", EVERY, ids=lambda m: m.title)
def test_a_machine_reads_back_from_its_own_toml(given_machine, tmp_path):
    path = tmp_path / f"{given_machine.title}.toml"
    path.write_text(to_toml(given_machine))
    assert machine(str(path)).parameters == given_machine.parameters
    assert machine(str(path)).title == given_machine.title


def test_a_machine_is_frozen_and_varied_by_copies():
    diannao = sim.machine("diannao")
    with pytest.raises(FrozenInstanceError):
        diannao.tn = 32  # pyright: ignore[reportAttributeAccessIssue]
    assert diannao.with_parameters(tn=32).parameters == diannao.parameters | {"tn": 32}
    assert sim.machine(diannao, tn=8).parameters["tn"] == 8


def test_presets_are_machines_with_names_of_their_own():
    assert sim.machine("a100").title == "a100"
    assert sim.machine("v100", sms=40).title == "v100"
    assert not set(sim.presets()) & set(sim.machines())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tnn": 3}, "diannao has no parameter 'tnn'; did you mean 'tn'?"),
        ({"tn": 0}, "diannao tn must be from 1 to 1024, not '0'"),
        ({"tn": 1.5}, "diannao tn must be a whole number, not '1.5'"),
        ({"tn": "16"}, "diannao tn must be a number, not '16'"),
        ({"tn": True}, "diannao tn must be a number, not 'True'"),
        ({"bandwidth_gbs": float("nan")}, "diannao bandwidth_gbs must be a number, not 'nan'"),
        ({"bandwidth_gbs": float("inf")}, "diannao bandwidth_gbs must be a number, not 'inf'"),
        ({"memory": "ddr9"}, "diannao memory must be one of ddr3-1600"),
        ({"memory": 3}, "diannao memory must be a name, not '3'"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(change, message):
    with pytest.raises(InputError) as refused:
        sim.machine("diannao", **change)
    assert message in str(refused.value)


def test_limits_give_both_figures():
    with pytest.raises(CapacityError, match=r"must have tm \* tn \* dsp_per_mac <= dsp, not .*dsp = 2800.*tm = 500"):
        sim.machine("fpga-tiled", tm=500)


def test_settings_are_parsed_by_the_parameters_own_type():
    cls = type(sim.machine("diannao"))
    assert parse_settings(cls, "diannao", ["tn=32", " bandwidth_gbs = 1e2", "memory=hmc"]) == {
        "tn": 32,
        "bandwidth_gbs": 100.0,
        "memory": "hmc",
    }
    for text, message in (
        ("tn", "written parameter=value"),
        ("tn=x", "must be a number"),
        ("t=1", "did you mean 'tn'"),
    ):
        with pytest.raises(InputError, match=message):
            parse_settings(cls, "diannao", [text])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.toml", "machine = ", "is not TOML"),
        ("m.toml", "tn = 3", "holds machine, title and"),
        ("m.toml", "[parameters]\ntn = 3", "must name its base"),
        ("m.toml", 'machine = "other.toml"', "must name its base"),
        ("m.toml", 'machine = "dianao"', "did you mean 'diannao'"),
        ("m.toml", 'machine = "diannao"\nparameters = 3', "must be a table"),
        ("m.toml", 'machine = "diannao"\n[parameters]\ntn = "x"', "must be a number"),
        ("m.toml", 'machine = "diannao"\ntitle = 3', "must be text"),
        ("m.py", "import nothing_of_that_name", "fails with ModuleNotFoundError"),
        ("m.py", "x = 1", "must define one Machine"),
        ("m.py", "raise SystemError('line\\nbreak')", "fails with SystemError"),
    ],
)
def test_bad_machine_files_are_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(AccelError) as refused:
        machine(tmp_path / name)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["none.toml", "none.py", "no-such-machine", "dian\nnao"])
def test_machines_that_are_not_there_are_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as refused:
        machine(name)
    assert "\n" not in str(refused.value)


def test_what_follows_a_contraction_is_known_from_the_graph():
    b = Builder("g")
    x = b.input("x", (2, 4, 4))
    conv = b.add(Conv(in_channels=2, out_channels=3, kernel=(1, 1)), x, name="conv")
    relu = b.add(Relu(), conv, name="relu")  # follows
    again = b.add(Relu(), relu, name="again")  # does not: relu has two readers
    both = b.add(Concat(axis=0), relu, again, name="both")
    flat = b.add(Flatten(), both, name="flat")
    dense = b.add(Dense(in_features=96, out_features=5), flat, name="dense")
    b.output(b.add(Softmax(), dense, name="softmax"))  # does not: more than two operations an element
    b.output(b.add(Relu(), b.add(Dense(in_features=96, out_features=7), flat, name="other"), name="last"))
    segments, works = lower(b.build(), 3)
    rows = {segment.name: works[segment.first] for segment in segments}
    assert {name for name, row in rows.items() if row["follows"]} == {"relu", "last"}
    assert {name: row["outside_in"] for name, row in rows.items() if row["outside_in"]} == {"conv": 32}
    leaving = {name: row["outside_out"] for name, row in rows.items() if row["outside_out"]}
    assert leaving == {"softmax": 5, "other": 7}  # the last ReLU leaves its result to the contraction before it
    assert all(row["n"] == 3 for row in works)


@pytest.mark.parametrize("name", ["resnet50", "lstm", "googlenet"])
def test_distinct_records_with_their_counts_are_all_records(name):
    _, works = lower(zoo.get(name), 2)
    unique, counts = distinct(works)
    assert counts.sum() == len(works)
    for field in ("macs", "ifmap", "weight", "ops"):
        assert (unique[field] * counts).sum() == works[field].sum()


@given(st.integers(1, 2**26), st.integers(1, 2**26))
def test_ceil_div_is_exact(a, b):
    assert ceil_div(float(a), float(b)) == -(-a // b)


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.integers(1, 10**12), st.integers(16, 10**7))
def test_a_larger_cache_never_reads_more_and_all_is_read_once(ifmap, weight, macs, cache):
    small, large = (blocked_elements(float(ifmap), float(weight), float(macs), float(c)) for c in (cache, 2 * cache))
    assert ifmap + weight <= large <= small


def test_rams_cost_what_the_table_says_and_between_its_entries_in_between():
    for node, energies in SRAM_PJ_PER_READ.items():
        for kib, picojoules in zip(SRAM_KIB, energies, strict=True):
            assert 8 * sram_pj_per_byte(kib * 1024, node) == pytest.approx(picojoules)
    assert sram_pj_per_byte(1024, 45) < sram_pj_per_byte(1500, 45) < sram_pj_per_byte(2048, 45)
    assert sram_pj_per_byte(1, 45) == sram_pj_per_byte(1024, 45)


def test_a_smaller_node_at_one_voltage_takes_less_energy():
    energies = [dynamic_energy(node, 0.8) for node in np.arange(7, 66)]
    assert np.all(np.diff(energies) > 0)
    with pytest.raises(InputError, match="from 7 to 65 nm, not 5"):
        dynamic_energy(5, 0.8)


def test_a_machine_refuses_by_naming_the_layer_and_a_fidelity_it_lacks():
    net = zoo.get("lenet5")
    with pytest.raises(
        UnsupportedError, match=r"fpga-tiled does not do .* of 'lenet5': one pixel's window does not fit"
    ):
        sim.run(net, "fpga-tiled", output_buffer_bytes=64, input_buffer_bytes=64)
    with pytest.raises(UnsupportedError, match="gpu has fidelity closed, not 'tile'"):
        sim.run(net, "gpu", fidelity="tile")


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, 2**21, "2"])
@pytest.mark.parametrize("name", ["diannao", "dataflow"])
def test_a_batch_is_a_positive_whole_number(name, batch):
    with pytest.raises(InputError, match=r"batch must be (positive|at most 1,048,576), not "):
        sim.run(zoo.get("lenet5"), name, batch)


ANNOUNCED = "import sim; from accel import zoo; sim.run(zoo.get('lenet5'), 'simd')"


def test_the_first_compilation_says_that_it_happens_once(tmp_path):
    import os

    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", ANNOUNCED], env=environment, capture_output=True, text=True)
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stderr.startswith("compiling simd (once; kept in ")
    assert second.stderr == ""


def test_every_kind_of_work_has_a_code_cost_functions_compare_with():
    from sim.engine import lowering

    assert [getattr(lowering, kind.name) for kind in Kind] == [float(kind) for kind in Kind]


def test_no_machine_file_knows_another_but_by_inheritance():
    for path in Path(sim.__path__[0]).glob("*.py"):
        others = {
            line for line in path.read_text().splitlines() if line.startswith("from sim.") and "engine" not in line
        }
        assert all("sim.walks" in line or "sim.fpga_tiled" in line for line in others), path.name
