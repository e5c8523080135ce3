import io

import pytest
from rich.console import Console

from accel.display import NOTHING, Column, Grid, percent, rate, si
from accel.layers.conv import Conv
from accel.network import Builder


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, NOTHING), (0, "0 B"), (1, "1.00 B"), (999.4, "999 B"), (999.6, "1.00 kB"), (1_234_567, "1.23 MB"),
        (12_345_678, "12.3 MB"), (123_456_789, "123 MB"), (-2500, "-2.50 kB"), (3.2e-13, "0.320 pB"), (7e21, "7000 EB"),
        (float("inf"), "inf B"),
    ],
)  # fmt: skip
def test_si_prints_three_digits(value, text):
    assert si(value, "B") == text


@pytest.mark.parametrize("value", ["0.0123", "0.999", "1.00", "12.3"])
def test_a_rate_below_one_is_a_decimal(value):
    assert rate(float(value)) == value


def test_percent():
    assert percent(0.98765) == "98.8 %"
    assert percent(None) == NOTHING


HOSTILE = "a|b<script>[bold]`*_\\"


@pytest.fixture
def grid():
    return Grid("title <i>", (Column("name"), Column("figure", True)), ((HOSTILE, "1"),), ("total", "1"), ("a <note>",))


def test_html_escapes(grid):
    html = grid.html()
    assert "<script" not in html
    assert "<i>" not in html
    assert "<note>" not in html
    assert "a|b&lt;script&gt;" in html


def test_markdown_keeps_its_columns(grid):
    lines = grid.markdown().splitlines()
    row = next(line for line in lines if "script" in line)
    unescaped = row.replace("\\\\", "").replace("\\|", "")
    assert unescaped.count("|") == 3
    assert "\\<script\\>" in row
    assert any("**total**" in line for line in lines)


def test_terminal_shows_markup_as_text(grid):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(grid)
    assert HOSTILE in console.export_text()


@pytest.mark.parametrize(("width", "says"), [(60, "aa bbbb cccc"), (14, "aa cccc Left out for want of width: bbbb.")])
def test_a_narrow_terminal_leaves_columns_out_and_says_so(width, says):
    columns = (Column("aa"), Column("bbbb", True, keep=False), Column("cccc", True))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(Grid("", columns, (("a1", "1234", "5678"),)))
    text = console.export_text()
    assert " ".join(text.replace("a1", "").replace("1234", "").replace("5678", "").replace("─", "").split()) == says


def test_a_network_shows_shapes_and_counts():
    b = Builder("tiny")
    b.output(b.add(Conv(in_channels=1, out_channels=4, kernel=(3, 3)), b.input("x", (1, 8, 8)), name="first"))
    network = b.build()
    assert repr(network) == "Network('tiny', 1 layers, 1,296 MACs, 40 parameters)"
    html = network._repr_html_()
    for text in ("first", "1x8x8", "4x6x6", "1,296", "40"):
        assert text in html


def test_a_page_breaks_a_column_of_long_text_into_lines_and_no_other():
    columns = (Column("short"), Column("long"), Column("figure", True))
    html = Grid("", columns, (("word", "many words " * 9, "1"),)).html()
    assert html.count("white-space:normal") == 2  # heading and cell
    assert '<td style="text-align:left;white-space:normal;min-width:18em">many' in html
