import json

import pytest

import sim
from accel import zoo
from accel.app import cli, trace
from accel.layers.conv import Conv
from accel.network import Builder


def traced(machine, net, **more):
    chosen = sim.machine(machine)
    return json.loads(trace.trace(sim.run(net, chosen, **more), chosen, net))


def test_every_layer_is_a_complete_event_with_its_counts():
    net = zoo.get("lenet5")
    report = sim.run(net, "fpga-tiled")
    events = traced("fpga-tiled", net)["traceEvents"]
    layers = [event for event in events if event["ph"] == "X"]
    assert [event["name"] for event in layers] == [layer.name for layer in report.layers]
    assert [event["args"]["macs"] for event in layers] == [layer.macs for layer in report.layers]
    assert layers[0]["args"]["bound"] == report.layers[0].bound
    assert layers[0]["dur"] == pytest.approx(report.layers[0].seconds * 1e6)
    assert all(set(event) >= {"name", "ph", "pid", "tid", "args"} for event in events)


def test_tracks_are_named():
    found = traced("diannao", zoo.get("lenet5"), fidelity="tile")
    names = {e["tid"]: e["args"]["name"] for e in found["traceEvents"] if e["name"] == "thread_name"}
    assert sorted(names.values()) == ["compute", "dram", "layers"]
    assert {e["tid"] for e in found["traceEvents"] if e["ph"] == "X"} == set(names)
    assert found["otherData"]["fidelity"] == "tile"


def test_the_bound_on_tile_slices_is_stated(monkeypatch):
    monkeypatch.setattr(trace, "MOST_SLICES", 10)
    found = traced("fpga-tiled", zoo.get("lenet5"), fidelity="tile")
    about = found["otherData"]
    assert about["tile_slices_at_most"] == 10
    assert about["tile_slices_left_out"] > 0


def test_names_from_a_model_are_on_one_line():
    b = Builder("a\nb")
    b.output(b.add(Conv(in_channels=1, out_channels=1, kernel=(1, 1)), b.input("x", (1, 2, 2)), name="c\nd"))
    names = [e["name"] for e in traced("cpu", b.build())["traceEvents"] if e["ph"] == "X"]
    assert names == ["c\\nd"]


def test_the_command_writes_it_or_refuses_in_one_line(tmp_path, capsys):
    target = tmp_path / "trace.json"
    with pytest.raises(SystemExit) as done:
        cli.main(["simulate", "lenet5", "-m", "cpu", "--trace", str(target)])
    assert done.value.code == 0
    assert json.loads(target.read_text())["traceEvents"]
    capsys.readouterr()
    with pytest.raises(SystemExit) as refused:
        cli.main(["simulate", "lenet5", "-m", "cpu", "--trace", str(tmp_path / "missing" / "trace.json")])
    out, err = capsys.readouterr()
    assert (refused.value.code, out, err.count("\n")) == (2, "", 1)
    assert "must exist" in err
