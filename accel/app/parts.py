"""``accel targets``: the FPGA parts there are, as tables and as JSON."""

from __future__ import annotations

import dataclasses
import json

from accel import targets
from accel.app import bitstream
from accel.display import Column, Grid, count

_NUMBER = True


def table() -> Grid:
    """Return every part: what it has, and whether the open tools make a bitstream for it."""
    rows = tuple(
        (
            part.name, part.family, part.part, count(part.lut), count(part.ff), count(part.dsp), count(part.bram),
            f"{part.clock_hz / 1e6:g}", _bitstream(part.family),
        )
        for part in targets.registry().values()
    )  # fmt: skip
    columns = (
        Column("target"), Column("family"), Column("part"), Column("LUT", _NUMBER), Column("FF", _NUMBER),
        Column("DSP", _NUMBER), Column("block RAM", _NUMBER), Column("MHz", _NUMBER), Column("bitstream"),
    )  # fmt: skip
    return Grid("", columns, rows, notes=("A family stands for its largest part. MHz is what is aimed at by default.",))


def one(name: str) -> Grid:
    """Return every figure of a part, or of the largest part of a family."""
    part = targets.get(name)
    rows = tuple(
        (field.name, _value(getattr(part, field.name))) for field in dataclasses.fields(part) if field.name != "source"
    )
    return Grid(part.name, (Column("figure"), Column("value")), rows, notes=(f"Source: {part.source}",))


def as_json(name: str | None) -> str:
    """Return one part, or all of them, as JSON."""
    if name is not None:
        return json.dumps(dataclasses.asdict(targets.get(name)), indent=2)
    return json.dumps([dataclasses.asdict(part) for part in targets.registry().values()], indent=2)


def _bitstream(family: str) -> str:
    if family not in bitstream.supported():
        return "no"
    return "yes" if bitstream.family(family).unplaced_options is not None else "on a board"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
