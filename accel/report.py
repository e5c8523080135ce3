"""Report and LayerReport: what a machine says about a network, in total and per layer, under the same names.

A figure a machine cannot state is ``None``, never 0.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from accel.errors import InputError, shown

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

SCHEMA_VERSION = 1
"""Changes whenever a field of the JSON form changes its name or meaning."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is stated of a whole network and of one layer alike; counts are for the whole batch.

    Attributes
    ----------
    macs : int
        Multiply-accumulates of the loop nest.
    utilization : float, optional
        MACs done over MACs the peak rate would do in ``cycles``; ``None`` where there are no MACs.
    cycles : int, optional
        Latency of the whole batch at the machine's clock.
    seconds : float
        ``cycles`` at the clock, and what no clock counts (kernel launches).
    latency_cycles, interval_cycles : int, optional
        From the first input of a sample to its last output; between the completions of two samples.
    roofline_seconds : float, optional
        The least time peak rate and peak bandwidth allow.
    bound : str, optional
        What holds it back: "compute", "dram", "overhead", "host", or a unit's own name.
    compute_cycles, stall_cycles : int, optional
        Cycles the arithmetic is at work, and the rest of ``cycles``.
    stalls : mapping of str to int
        Cause of stalled cycles, in cycles; the values sum to ``stall_cycles``.
    dram_bytes, sram_bytes : int, optional
        Bytes moved at main memory and at all on-chip memories.
    bytes : mapping of str to int
        Bytes moved at each memory level.
    joules : float, optional
    energy : mapping of str to float
        Joules of each component; the values sum to ``joules``.
    watts : float, optional
        ``joules / seconds``.
    resources : mapping of str to int
        Of an FPGA: ``lut``, ``ff``, ``dsp``, ``bram``.
    notes : tuple of str
        What a reader must know to read the figures aright.
    """

    macs: int
    seconds: float
    utilization: float | None = None
    cycles: int | None = None
    latency_cycles: int | None = None
    interval_cycles: int | None = None
    roofline_seconds: float | None = None
    bound: str | None = None
    compute_cycles: int | None = None
    stall_cycles: int | None = None
    stalls: Mapping[str, int] = field(default_factory=dict[str, int])
    dram_bytes: int | None = None
    sram_bytes: int | None = None
    bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    joules: float | None = None
    energy: Mapping[str, float] = field(default_factory=dict[str, float])
    watts: float | None = None
    resources: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayerReport(Figures):
    """The figures of one segment: a layer, or a fused group named after its layers.

    Attributes
    ----------
    name, op : str
        As in the network.
    native : bool
        Whether the machine's own datapath did it, not a host or scalar path.
    mapping : mapping
        How it was mapped: tile sizes, passes, the unit.
    """

    name: str
    op: str
    native: bool = True
    mapping: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True, repr=False)
class Report(Figures):
    """The figures of one network on one machine.

    Attributes
    ----------
    network, machine : str
    parameters : mapping
        The machine's parameters by name.
    fidelity : str
        "closed", "tile" or "cycle".
    precision : str
        Of operands, such as "int16" or "float32".
    clock_hz : float, optional
    node_nm : float, optional
        Process node of the energies and areas.
    batch : int
    training : bool
        Whether this is one training step of the batch, not inference.
    inferences_per_second : float, optional
        Samples a second; of a training step, samples trained on.
    peak_macs_per_second : float, optional
    area_mm2 : float, optional
        Only where a source gives it.
    status : mapping of str to str
        "modelled", "measured" or "published" for each figure stated.
    layers : tuple of LayerReport
    """

    network: str
    machine: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fidelity: str = "closed"
    precision: str = ""
    clock_hz: float | None = None
    node_nm: float | None = None
    batch: int = 1
    training: bool = False
    inferences_per_second: float | None = None
    peak_macs_per_second: float | None = None
    area_mm2: float | None = None
    status: Mapping[str, str] = field(default_factory=dict[str, str])
    layers: tuple[LayerReport, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __repr__(self) -> str:
        energy = "" if self.joules is None else f", {self.joules:.4g} J"
        return (
            f"Report({self.network} on {self.machine}, batch {self.batch}: {self.seconds:.4g} s{energy}, "
            f"bound by {self.bound}, {len(self.layers)} layers)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: plain dicts, lists, numbers, text and ``None`` under the names of the fields."""
        own = [f.name for f in fields(self) if f.name not in _FIGURES and f.name not in ("schema_version", "layers")]
        names = ["schema_version", *own, *_FIGURES]
        plain = {name: _plain(getattr(self, name)) for name in names}
        return plain | {"layers": [_plain(layer) for layer in self.layers]}

    def to_json(self, indent: int | None = 2) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote.

        Raises
        ------
        InputError
            If the text is not JSON, is of another schema version, or a field is missing or of the wrong type.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            data = json.loads(text)
        except ValueError as error:
            raise InputError(f"a report must be JSON: {error}") from None
        if not isinstance(data, dict):
            raise InputError(f"a report must be a JSON object, not {shown(type(data).__name__)}")
        version = cast("dict[str, Any]", data).get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(f"a report must be of schema version {SCHEMA_VERSION}, not {shown(version)}")
        try:
            return TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"report field {shown(where)}: {first['msg']}") from None

    def frame(self) -> pl.DataFrame:
        """Return one row per layer, columns named as the fields.

        Mappings are spread into columns such as ``bytes.dram`` and ``mapping.tile``; ``network``, ``machine`` and
        ``batch`` lead every row, so frames of several reports concatenate with ``how="diagonal_relaxed"``.
        """
        head = {"network": self.network, "machine": self.machine, "batch": self.batch}
        return _frame([head | _plain(layer) for layer in self.layers])

    def __rich__(self) -> RenderableType:
        from accel.display import report_grid

        return report_grid(self)

    def _repr_html_(self) -> str:
        from accel.display import report_grid

        return report_grid(self).html()


_FIGURES = tuple(f.name for f in fields(Figures))


def totals_frame(reports: Sequence[Report]) -> pl.DataFrame:
    """Return one row per report, columns named as the fields, mappings spread as in `Report.frame`, without layers."""
    return _frame([{k: v for k, v in report.to_dict().items() if k != "layers"} for report in reports])


def _plain(value: Any) -> Any:
    """Return ``value`` in the types of JSON; a figure that is not finite is one that cannot be stated."""
    if isinstance(value, Figures):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in cast("Sequence[Any]", value)]
    if isinstance(value, enum.Enum):
        return value.name.lower()
    scalar: Any = cast("Any", value).item() if isinstance(value, np.generic) else value
    if isinstance(scalar, float) and not math.isfinite(scalar):
        return None
    return scalar if isinstance(scalar, bool | int | float | str) or scalar is None else str(scalar)


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    import polars as pl

    flat: list[dict[str, Any]] = []
    for row in rows:
        spread: dict[str, Any] = {}
        for name, value in row.items():
            if isinstance(value, dict):
                items = cast("dict[str, Any]", value).items()
                spread |= {f"{name}.{key}": v if not isinstance(v, dict | list) else json.dumps(v) for key, v in items}
            else:
                spread[name] = value
        flat.append(spread)
    return pl.DataFrame(flat, infer_schema_length=None, strict=False)
