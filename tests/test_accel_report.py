import io
import json
from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from accel.errors import InputError
from accel.report import Figures, LayerReport, Report, totals_frame

# Every name of the contract; a change here is a change of schema_version.
NAMES = [
    "schema_version", "network", "machine", "parameters", "fidelity", "precision", "clock_hz", "node_nm", "batch",
    "training",
    "macs", "utilization", "cycles", "seconds", "latency_cycles", "interval_cycles", "inferences_per_second",
    "peak_macs_per_second", "roofline_seconds", "bound", "compute_cycles", "stall_cycles", "stalls", "dram_bytes",
    "sram_bytes", "bytes", "joules", "energy", "watts", "area_mm2", "resources", "status", "notes", "layers",
]  # fmt: skip


@pytest.fixture
def report():
    layers = (
        LayerReport(
            name="conv\n1", op="Conv", macs=1000, seconds=1e-6, cycles=100, utilization=0.5, bound="compute",
            dram_bytes=300, bytes={"dram": 300, "sram": 900},
            joules=2e-9, energy={"mac": 2e-9}, mapping={"tile": [4, 4]},
        ),
        LayerReport(name="<b>softmax</b>", op="Softmax", macs=0, seconds=2e-6, native=False, notes=("on the host",)),
    )  # fmt: skip
    return Report(
        network="net|work", machine="toy", parameters={"pe": np.int64(16), "kind": "os"}, precision="int8",
        clock_hz=1e8, node_nm=45.0, batch=4, macs=1000, seconds=3e-6, dram_bytes=300, status={"seconds": "modelled"},
        layers=layers,
    )  # fmt: skip


def test_json_has_the_names_of_the_contract_and_nothing_else(report):
    data = json.loads(report.to_json())
    assert sorted(data) == sorted(NAMES)
    layer_names = {f.name for f in fields(Figures)} | {"name", "op", "native", "mapping"}
    assert all(set(layer) == layer_names for layer in data["layers"])
    assert next(iter(data)) == "schema_version"


def test_what_is_not_stated_is_null(report):
    data = json.loads(report.to_json())
    assert data["joules"] is None
    assert data["layers"][1]["cycles"] is None
    assert json.loads(replace(report, watts=float("nan")).to_json())["watts"] is None


def test_json_round_trip(report):
    back = Report.from_json(report.to_json())
    assert back.to_json() == report.to_json()
    assert back.layers[0].mapping == {"tile": [4, 4]}
    assert back.layers[1].notes == ("on the host",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON"),
        ("[1]", "object"),
        ('{"schema_version": 99}', "schema version 1, not '99'"),
        ('{"schema_version": 1}', "report field"),
        ('{"schema_version": 1, "network": "a", "machine": "b", "macs": "many", "seconds": 1}', "'macs'"),
    ],
)
def test_what_is_no_report_is_refused(text, says):
    with pytest.raises(InputError, match=says) as caught:
        Report.from_json(text)
    assert "\n" not in str(caught.value)


def test_frame_has_one_row_per_layer_and_spreads_mappings(report):
    frame = report.frame()
    assert frame.height == 2
    assert frame["macs"].sum() == report.macs
    assert frame["bytes.dram"].to_list() == [300, None]
    assert frame["network"].unique().to_list() == ["net|work"]
    assert frame.filter(pl.col("native")).height == 1
    assert pl.concat([frame, replace(report, layers=report.layers[1:]).frame()], how="diagonal_relaxed").height == 3


def test_totals_frame_has_one_row_per_report(report):
    frame = totals_frame([report, replace(report, machine="other", parameters={"tn": 2})])
    assert frame["machine"].to_list() == ["toy", "other"]
    assert frame["parameters.pe"].to_list() == [16, None]
    assert "layers" not in frame.columns


def test_displays_escape_names(report):
    html = report._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;softmax&lt;/b&gt;" in html
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(report)
    text = console.export_text()
    assert "conv\\n1" in text
    assert "Softmax (host)" in text
    assert "3.00 µs" in text
