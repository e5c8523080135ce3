import csv
import io
import json
import re
import time
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

import accel
import sim
from accel import zoo
from accel.app import compare as use_case
from accel.app import svg
from accel.app.comparison import geometric_mean
from accel.display import si
from accel.errors import InputError, UnsupportedError
from accel.layers.conv import Conv
from accel.network import Builder
from accel.report import LayerReport, Report
from sim.engine.machine import Machine


class Toy(Machine):
    """Costs one microsecond a layer, and does not pool."""

    name = "toy"
    summary = "a machine for these tests"

    def run(self, network, batch=1, *, fidelity="closed", training=False):
        for node in network:
            if "Pool" in node.layer.op:
                raise UnsupportedError(f"toy does not do {node.layer.op} {node.name}: no pools", op=node.layer.op)
        layers = tuple(
            LayerReport(name=n.name, op=n.layer.op, macs=n.layer.macs(network.shapes(n)), seconds=1e-6, bound="compute")
            for n in network
        )
        seconds = batch * 1e-6 * len(layers)
        return Report(
            network=network.name, machine=self.title, macs=batch * network.macs, seconds=seconds, layers=layers,
            batch=batch, joules=batch * 1e-3, inferences_per_second=batch / seconds, peak_macs_per_second=1e12,
            dram_bytes=1000, precision="int8",
        )  # fmt: skip


@pytest.fixture(scope="module")
def comparison():
    return accel.compare(["lenet5", "mlp"], ["fpga-tiled", Toy()], batch=(1, 4), baseline="fpga-tiled")


def test_rows_are_every_combination_in_order(comparison):
    assert [(r.network, r.batch, r.machine) for r in comparison.rows] == [
        (n, b, m) for n in ("lenet5", "mlp") for b in (1, 4) for m in ("fpga-tiled", "toy")
    ]
    assert comparison.rows[0].report.to_dict() == sim.run(zoo.get("lenet5"), "fpga-tiled").to_dict()


def test_what_a_machine_does_not_do_is_a_row_and_the_rest_goes_on(comparison):
    refused = [r for r in comparison.rows if r.report is None]
    assert [(r.network, r.machine, r.refusal) for r in refused] == [("lenet5", "toy", "unsupported: AveragePool")] * 2
    assert "unsupported: AveragePool" in comparison.to_markdown()
    assert "no pools" in comparison.to_markdown()


def test_speedup_is_against_the_baseline(comparison):
    mine = {(r.network, r.batch, r.machine): r for r in comparison.rows}
    ours, theirs = mine["mlp", 4, "toy"], mine["mlp", 4, "fpga-tiled"]
    assert comparison.speedup(ours) == theirs.report.seconds / ours.report.seconds
    assert comparison.energy_gain(ours) == theirs.report.joules / ours.report.joules
    assert comparison.speedup(theirs) == 1
    assert comparison.speedup(mine["lenet5", 1, "toy"]) is None


def test_networks_of_one_name_are_told_apart_by_how_they_were_given():
    from accel import shipped

    path = shipped.path("lenet5")
    comparison = accel.compare(["lenet5", path], [Toy()])
    assert [row.network for row in comparison.rows] == ["lenet5", str(path)]


def test_a_baseline_left_out_of_the_machines_is_added_first():
    comparison = accel.compare("mlp", [Toy()], baseline="fpga-tiled")
    assert comparison.machines == ["fpga-tiled", "toy"]


def test_a_machine_that_does_nothing_takes_no_mean_from_the_others():
    comparison = accel.compare("lenet5", ["fpga-tiled", Toy()])
    headings = [column.heading for column in comparison.machine_grid().columns]
    fpga, toy = (dict(zip(headings, row, strict=True)) for row in comparison.machine_grid().rows)
    assert fpga["mean time"] == si(comparison.rows[0].report.seconds, "s")
    assert toy["mean time"] == "–"


def test_geometric_means():
    assert geometric_mean([1, 100]) == pytest.approx(10)
    assert geometric_mean([]) is None
    assert geometric_mean([1, None]) is None
    assert geometric_mean([1, 0]) is None


def test_a_machine_row_states_what_it_is_and_how_well_it_is_validated(comparison):
    table = {row[0]: dict(zip((c.heading for c in comparison.machine_grid().columns), row, strict=True))
             for row in comparison.machine_grid().rows}  # fmt: skip
    fpga, toy = table["fpga-tiled"], table["toy"]
    assert fpga["operands, node, clock"] == "float32, 28 nm, 100 MHz"
    assert re.match(r"published 0.00 % \(\d+\), measured \d\.\d+ % \(\d+\), ", fpga["largest error"])
    assert toy["largest error"] == "unvalidated"
    assert toy["operands, node, clock"] == "int8"
    assert (fpga["done"], toy["done"]) == ("4/4", "2/4")
    assert fpga["speedup"] == "1.00x"


def test_a_machine_with_other_parameters_is_not_validated():
    assert use_case.validation(sim.machine("fpga-tiled", tm=32)) == "unvalidated"


def test_a_preset_is_validated_by_its_own_figures():
    v100, k20m = (use_case.validation(sim.machine(name)) for name in ("v100", "k20m"))
    assert "measured" in v100
    assert "published" in k20m
    assert "measured" not in k20m
    assert use_case.validation(sim.machine("gpu")) == use_case.validation(sim.machine("a100"))


def test_json_is_a_list_of_reports(comparison):
    data = json.loads(comparison.to_json())
    assert len(data) == 6
    assert [Report.from_json(json.dumps(entry)).to_dict() for entry in data] == data


def test_csv_has_every_row_in_base_units(comparison):
    rows = list(csv.DictReader(io.StringIO(comparison.to_csv())))
    assert len(rows) == 8
    assert float(rows[0]["seconds"]) == comparison.rows[0].report.seconds
    assert rows[1]["seconds"] == ""
    assert "no pools" in rows[1]["refusal"]


def test_frame_has_every_report(comparison):
    assert comparison.frame().select("network", "machine").height == 6


class _Page(HTMLParser):
    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


HOSTILE = "</svg><script>alert(1)</script>\n\"'&"


def test_html_is_one_page_that_fetches_nothing_and_runs_nothing():
    b = Builder(HOSTILE)
    layer = Conv(in_channels=1, out_channels=4, kernel=(3, 3))
    b.output(b.add(layer, b.input("x", (1, 8, 8)), name=HOSTILE))
    text = accel.compare([b.build(), "alexnet"], ["fpga-tiled", Toy(title="<b>toy")]).to_html()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "b"} & set(page.seen)
    assert not [a for a, _ in page.attributes if a.startswith("on") or a in ("src", "href")]
    assert set(re.findall(r"https?://[^\s\"']*", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text
    assert "@import" not in text
    assert page.seen.count("svg") == 5  # latency, energy, roofline, and where the time goes in two networks
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    names = [title.text for plot in plots for title in ElementTree.fromstring(plot).findall(".//{*}title")]
    assert any(name.startswith("conv2 (Conv)") for name in names)


def test_terminal_shows_both_tables(comparison):
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(comparison)
    text = console.export_text()
    assert "unsupported: AveragePool" in text
    assert "largest error" in text


@pytest.mark.parametrize(
    ("networks", "options", "says"),
    [
        ("lenet6", {}, "lenet5"),
        ("lenet5", {"machines": ["fpga-tile"]}, "did you mean 'fpga-tiled'"),
        ("lenet5", {"baseline": "fpga-tile"}, "did you mean 'fpga-tiled'"),
        ("lenet5", {"batch": 0}, "batch must be positive, not '0'"),
        ([], {}, "a network"),
        (["lenet5", "lenet5"], {}, "network 'lenet5' must be given once"),
        ("lenet5", {"machines": ["fpga-tiled", "fpga-tiled"]}, "machine 'fpga-tiled' must be given once"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(networks, options, says):
    with pytest.raises(InputError, match=says):
        accel.compare(networks, **options)


def test_a_roofline_bandwidth_is_read_off_the_layers():
    report = sim.run(zoo.get("alexnet"), "fpga-tiled", bandwidth_gbs=2.0)
    from accel.app.html import bandwidth

    assert bandwidth([report]) == pytest.approx(2e9, rel=1e-6)


def test_bars_are_as_long_as_their_logarithms():
    plot = svg.grouped_bars(
        "label", [("a", [svg.Bar(0, 1e-3, "x"), svg.Bar(1, 1e-1, "y"), svg.Bar(2, None, "no")])], "s"
    )
    marks = ElementTree.fromstring(plot).findall(".//{*}rect")
    assert [m.get("class") for m in marks] == ["s0", "s1"]
    ticks = [float(line.get("x1")) for line in ElementTree.fromstring(plot).findall(".//{*}line")]
    decade = ticks[1] - ticks[0]
    assert float(marks[1].get("width")) - float(marks[0].get("width")) == pytest.approx(2 * decade, abs=0.2)


def test_any_zoo_network_is_compared_within_seconds():
    accel.compare("mlp")  # compiles
    start = time.perf_counter()
    accel.compare("resnet152").to_html()
    assert time.perf_counter() - start < 5


def test_a_roof_that_would_hide_another_is_dashed():
    assert accel.compare("alexnet", ["fpga-tiled", "fused", "simd"]).to_html().count('class="roof over') == 1
    assert "roof over" not in accel.compare("alexnet", ["fpga-tiled", "cpu"]).to_html()
