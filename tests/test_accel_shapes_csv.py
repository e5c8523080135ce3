"""Networks from tables of layer shapes."""

import pytest

from accel.errors import AccelError, InputError, ModelError
from accel.shapes_csv import load_shapes, parse_shapes

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
# AlexNet's first layer and its last, as SCALE-Sim's topology files write them.
ALEXNET = f"{HEADER}\nConv1, 224, 224, 11, 11, 3, 96, 4,\nFC8, 1, 1, 1, 1, 4096, 1000, 1,\n"


def test_a_scale_sim_table_gives_its_layers():
    network = parse_shapes(ALEXNET, "alexnet")
    conv, dense = network.nodes
    assert (conv.name, dense.name) == ("Conv1", "FC8")
    assert network.tensors["Conv1"].shape == (96, 54, 54)
    assert conv.layer.macs(network.shapes(conv)) == 96 * 54 * 54 * 11 * 11 * 3
    assert dense.layer.macs(network.shapes(dense)) == 4096 * 1000
    assert not network.has_weights


def test_padding_and_groups_are_two_more_columns():
    table = f"{HEADER.rstrip(',')}, Padding, Groups\ndw, 8, 8, 3, 3, 16, 16, 1, 1, 16\n"
    network = parse_shapes(table, "depthwise")
    assert network.tensors["dw"].shape == (16, 8, 8)
    assert network.macs == 16 * 8 * 8 * 9


def test_column_order_capitals_and_blank_lines_do_not_matter():
    header = "STRIDES,channels,num filter,Layer Name,ifmap  height,ifmap width,filter height,filter width"
    assert parse_shapes(f"{header}\n\n2,1,4,c,5,7,1,1\n", "t").tensors["c"].shape == (4, 3, 4)


def test_a_file_is_named_after_its_stem(tmp_path):
    (tmp_path / "alexnet.csv").write_bytes(b"\xef\xbb\xbf" + ALEXNET.encode())
    network = load_shapes(tmp_path / "alexnet.csv")
    assert network.name == "alexnet"
    assert len(network.nodes) == 2


ROW = "c, 8, 8, 3, 3, 4, 4, 1"
REFUSED = {
    "empty": ("", "must have a header"),
    "header alone": (HEADER, "at least one layer"),
    "unknown column": (f"{HEADER} Colour\n{ROW}, 3", "no column 'colour'"),
    "column twice": (f"{HEADER} Strides\n{ROW}, 3", "'strides' once"),
    "no stride": (f"{HEADER.replace(' Strides,', '')}\nc, 8, 8, 3, 3, 4, 4", "must have a column 'strides'"),
    "short row": (f"{HEADER}\nc, 8, 8", "line 2: a row must have 8 cells, not 3"),
    "long row": (f"{HEADER}\n{ROW}, 5", "line 2: a row must have 8 cells, not 9"),
    "no name": (f"{HEADER}\n, 8, 8, 3, 3, 4, 4, 1", "line 2: layer name must not be empty"),
    "a word": (
        f"{HEADER}\nc, 8, eight, 3, 3, 4, 4, 1",
        "line 2: ifmap width must be an integer of 1 to .* not 'eight'",
    ),
    "zero": (f"{HEADER}\nc, 8, 8, 3, 3, 0, 4, 1", "channels must be an integer"),
    "negative": (f"{HEADER}\nc, 8, 8, 3, 3, -4, 4, 1", "channels must be an integer"),
    "fraction": (f"{HEADER}\nc, 8, 8, 3, 3, 4, 4, 1.5", "strides must be an integer"),
    "other digits": (f"{HEADER}\nc, 8, 8, 3, 3, ٤, 4, 1", "channels must be an integer"),
    "huge": (f"{HEADER}\nc, {'9' * 5000}, 8, 3, 3, 4, 4, 1", "ifmap height must be an integer"),
    "too many elements": (f"{HEADER}\nc, 99999, 99999, 1, 1, 1, 1, 1", "ifmap must have at most 2,147,483,648"),
    "too many outputs": (f"{HEADER}\nc, 9999, 9999, 1, 1, 1, 999, 1", "ofmap must have at most 2,147,483,648"),
    "filter too large": (f"{HEADER}\nc, 2, 2, 3, 3, 4, 4, 1", "line 2: a window of 3x3 must fit"),
    "same name": (f"{HEADER}\n{ROW}\n{ROW}", "line 3: tensor names must be unique"),
    "groups do not divide": (f"{HEADER} Groups\n{ROW}, 3", "line 2: Conv channels must divide into 3 groups"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_table_is_refused_in_one_line(what):
    text, why = REFUSED[what]
    with pytest.raises(ModelError, match=why) as refusal:
        parse_shapes(text, "t")
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_a_bad_file_is_refused(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.csv", tmp_path, tmp_path / "bytes.csv"):
        with pytest.raises(InputError):
            load_shapes(path)
    (tmp_path / "nul.csv").write_bytes(b"a\x00b\nc")
    with pytest.raises(AccelError):
        load_shapes(tmp_path / "nul.csv")


def test_a_null_byte_is_no_path():
    with pytest.raises(InputError, match="not a path"):
        load_shapes("a\0.csv")
