"""Networks from a table of layer shapes: SCALE-Sim's topology files, with padding and groups beside its columns.

A row is one convolution; a fully connected layer is one whose filter covers its whole input. Rows need not feed each
other: each is a graph input and output of its own, since the table does not say how layers are joined.

References
----------
Samajdar et al., "SCALE-Sim: Systolic CNN Accelerator Simulator", arXiv:1811.02883, table II: the topology file.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from accel.errors import InputError, ModelError, did_you_mean, shown
from accel.layers.conv import Conv
from accel.limits import MAX_ELEMENTS, MAX_NODES, MAX_SHAPES_BYTES
from accel.network import Builder, Network

COLUMNS = (
    "layer name", "ifmap height", "ifmap width", "filter height", "filter width", "channels", "num filter", "strides",
)  # fmt: skip
"""The columns every table must have, in any order; capitals and spaces around do not matter."""
OPTIONAL_COLUMNS = {"padding": 0, "groups": 1}
"""Columns a table may have, and what their absence means; padding is the same on all four sides."""


def load_shapes(path: str | Path) -> Network:
    """Return the network, without weights, of the table at ``path``.

    Raises
    ------
    InputError
        If the file cannot be read.
    ModelError
        If the table or a row of it is malformed.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SHAPES_BYTES + 1)
    except OSError as error:
        raise InputError(f"shapes file {shown(path)} cannot be read: {error.strerror}") from None
    except ValueError:  # a null byte in the path
        raise InputError(f"{shown(path)} is not a path") from None
    if len(data) > MAX_SHAPES_BYTES:
        raise InputError(
            f"shapes file {shown(path)} must be at most {MAX_SHAPES_BYTES:,} bytes (accel.limits.MAX_SHAPES_BYTES)"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"shapes file {shown(path)} must be text in UTF-8") from None
    return parse_shapes(text, Path(path).stem)


def parse_shapes(text: str, name: str) -> Network:
    """Return the network called ``name``, without weights, of the table in ``text``.

    Raises
    ------
    ModelError
        If the table or a row of it is malformed.
    """
    try:
        rows = [(i, row) for i, row in enumerate(csv.reader(text.splitlines()), 1) if any(map(str.strip, row))]
    except csv.Error as error:
        raise ModelError(f"shapes table {shown(name)} is not CSV: {error}") from None
    if len(rows) < 2:
        raise ModelError(f"shapes table {shown(name)} must have a header and at least one layer")
    if len(rows) > MAX_NODES:
        raise ModelError(f"shapes table {shown(name)} must have at most {MAX_NODES:,} layers (accel.limits.MAX_NODES)")
    columns = _header(rows[0][1])
    builder = Builder(name)
    for number, row in rows[1:]:
        try:
            _add(builder, columns, row)
        except ModelError as error:
            raise ModelError(f"shapes table {shown(name)}, line {number}: {error}") from None
    return builder.build()


def _header(cells: list[str]) -> list[str]:
    known = [*COLUMNS, *OPTIONAL_COLUMNS]
    columns = [" ".join(cell.lower().split()) for cell in cells]
    while columns and not columns[-1]:  # SCALE-Sim's rows end in a comma
        columns.pop()
    for column in columns:
        if column not in known:
            raise ModelError(f"shapes table has no column {shown(column)}{did_you_mean(column, known)}")
        if columns.count(column) > 1:
            raise ModelError(f"shapes table must have column {shown(column)} once")
    for column in COLUMNS:
        if column not in columns:
            raise ModelError(f"shapes table must have a column {shown(column)}")
    return columns


def _add(builder: Builder, columns: list[str], row: list[str]) -> None:
    cells = [cell.strip() for cell in row]
    while len(cells) > len(columns) and not cells[-1]:
        cells.pop()
    if len(cells) != len(columns):
        raise ModelError(f"a row must have {len(columns)} cells, not {len(cells)}")
    entry = dict(zip(columns, cells, strict=True))
    name = entry.pop("layer name")
    if not name:
        raise ModelError("layer name must not be empty")
    values: dict[str, int] = dict(OPTIONAL_COLUMNS)
    for column, cell in entry.items():
        least = 0 if column == "padding" else 1
        # Bounds the digits before int() sees them.
        number = int(cell) if cell.isascii() and cell.isdigit() and len(cell) <= 10 else -1
        if not least <= number <= MAX_ELEMENTS:
            raise ModelError(f"{column} must be an integer of {least} to {MAX_ELEMENTS:,}, not {shown(cell)}")
        values[column] = number
    pad, stride = values["padding"], values["strides"]
    conv = Conv(
        in_channels=values["channels"], out_channels=values["num filter"],
        kernel=(values["filter height"], values["filter width"]),
        stride=(stride, stride), padding=(pad,) * 4, groups=values["groups"], has_bias=False,
    )  # fmt: skip
    ifmap = (values["channels"], values["ifmap height"], values["ifmap width"])
    for what, shape in ("ifmap", ifmap), ("filters", conv.weight_shapes()["weight"]):
        _check_elements(what, shape)
    _check_elements("ofmap", conv.infer([ifmap])[0])
    builder.output(builder.add(conv, builder.input(f"{name}.ifmap", ifmap), name=name))


def _check_elements(what: str, shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MAX_ELEMENTS:
        raise ModelError(
            f"{what} must have at most {MAX_ELEMENTS:,} elements (accel.limits.MAX_ELEMENTS), not {math.prod(shape):,}"
        )
