"""Machines priced in closed form: a jitted function of one work record and one machine record.

The same function has two callers: `ClosedFormMachine.run` prices one design and dresses the answer as a Report;
`sim.engine.sweep` calls it in a parallel loop over arrays of designs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel.errors import UnsupportedError, shown
from accel.network import Network
from accel.report import LayerReport, Report
from sim.engine.jit import announce_compilation
from sim.engine.lowering import Segment, lower, lower_training
from sim.engine.machine import Machine

STALL_SHARE_THAT_BINDS = 0.1
"""A segment that waits for longer than this share of its cycles is bound by what it waits for most."""
_TRAINING_NOTE = "one training step: forward, gradients, gradient descent; not the loss"


@dataclass(frozen=True, kw_only=True)
class ClosedFormMachine(Machine):
    """A machine whose cost is a closed form of work and parameters.

    A subclass gives `Cost`, `prepare`, `cost` and the few properties below, and has a parameter ``clock_hz``. Numbers,
    and the position of a name among its choices, make the machine record; `prepare` fills the fields named in
    `derived`, once per design: ``peak_macs_per_cycle`` and ``bytes_per_cycle`` (of main memory) among them.

    ``Cost`` is a NamedTuple of floats: ``macs``, ``cycles``, ``compute_cycles``, ``native`` (1 or 0), then any number
    of ``stall_CAUSE`` (cycles), ``bytes_LEVEL`` (``bytes_dram`` among them) and ``pj_COMPONENT`` (picojoules), in that
    order.
    """

    trains: ClassVar[bool] = True
    sweepable: ClassVar[bool] = True
    """Whether `cost` of each record alone is the whole story, so that a compiled loop may sum it over designs."""
    Cost: ClassVar[type[NamedTuple]]
    derived: ClassVar[tuple[str, ...]]
    prepare: ClassVar[Callable[[Any], None]]
    cost: ClassVar[Callable[[Any, Any], Any]]
    walk: ClassVar[Callable[[Any, Any], Any]]
    """As `cost`, tile by tile; of machines that list fidelity "tile"."""
    logged_walk: ClassVar[Callable[[Any, Any, Any], Any]]
    """As `walk`, noting slices of time in its third argument, see `sim.walks.channel.log_slice`."""

    @property
    def peak_macs_per_second(self) -> float:
        """MACs per second with every multiplier busy."""
        return float(self.record["peak_macs_per_cycle"] * self.record["clock_hz"])

    @property
    def bandwidth_bytes_per_second(self) -> float:
        """Peak of main memory."""
        return float(self.record["bytes_per_cycle"] * self.record["clock_hz"])

    @property
    @abstractmethod
    def operands(self) -> str:
        """Precision of operands, such as "int16"."""

    @property
    def process_nm(self) -> float | None:
        """Process node of energies and area, where stated."""
        return None

    @property
    def resources(self) -> dict[str, int]:
        """What it takes of an FPGA, where stated: ``lut``, ``ff``, ``dsp``, ``bram``."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know to read the figures aright."""
        return ()

    def segments(self, network: Network, batch: int) -> tuple[tuple[Segment, ...], NDArray[Any]]:
        """Return the units of cost and their work records; a layer each unless the machine fuses some."""
        return lower(network, batch)

    def lowered(self, network: Network, batch: int, training: bool) -> tuple[tuple[Segment, ...], NDArray[Any]]:
        """Return the units of cost of an inference or a training step, and their work records."""
        return lower_training(network, batch) if training else self.segments(network, batch)

    def priced(self, works: NDArray[Any], fidelity: str) -> list[Any]:
        """Return the Cost of each part of a segment."""
        price = type(self).cost if fidelity == "closed" else type(self).walk
        return [price(work, self.record) for work in works]

    def mapping(self, works: NDArray[Any]) -> dict[str, Any]:
        """Return how a segment is mapped: tile sizes, passes, the unit; for the reader."""
        return {}

    def refusal(self, work: Any) -> str | None:
        """Return why a work record cannot be done, or ``None``."""
        return None

    @classmethod
    def record_dtype(cls) -> np.dtype[Any]:
        """The flat record cost functions read: numeric parameters, codes of names, then derived values."""
        names = [p.name for p in cls.parameter_table().values() if not isinstance(p.default, str) or p.choices]
        return np.dtype([(name, np.float64) for name in (*names, *cls.derived)])

    @classmethod
    def encoded(cls, name: str, value: Any) -> float:
        """Return a parameter's value as it stands in the record."""
        choices = cls.parameter_table()[name].choices
        return float(choices.index(value)) if choices else float(value)

    def records(self, count: int = 1) -> NDArray[Any]:
        """Return ``count`` copies of the machine's record, derived fields not yet filled."""
        records = np.zeros(count, dtype=self.record_dtype())
        for name in records.dtype.names or ():
            if name not in self.derived:
                records[name] = self.encoded(name, getattr(self, name))
        return records

    @cached_property
    def record(self) -> Any:
        """The machine's record, prepared."""
        record = self.records()[0]
        type(self).prepare(record)
        return record

    def run(self, network: Network, batch: int = 1, *, fidelity: str = "closed", training: bool = False) -> Report:
        self.check_run(batch, fidelity, training)
        announce_compilation(self.name if fidelity == "closed" else f"{self.name} {fidelity}")
        segments, works = self.lowered(network, batch, training)
        layers: list[LayerReport] = []
        sums = np.zeros(len(self.Cost._fields))
        for segment in segments:
            own = works[segment.first : segment.last]
            for work in own:
                reason = self.refusal(work)
                if reason is not None:
                    subject = f"{segment.op} {shown(segment.name)} of {shown(network.name)}"
                    raise UnsupportedError(f"{self.title} does not do {subject}: {reason}", op=segment.op)
            costs = self.priced(own, fidelity)
            total = np.sum(np.array(costs), axis=0)
            native = all(cost.native for cost in costs)
            sums += total
            figures = self._figures(total, native)
            mapping = self.mapping(own)
            layers.append(LayerReport(name=segment.name, op=segment.op, native=native, mapping=mapping, **figures))
        return self._report(network, batch, fidelity, training, sums, layers)

    def _report(
        self,
        network: Network,
        batch: int,
        fidelity: str,
        training: bool,
        sums: NDArray[Any],
        layers: list[LayerReport],
    ) -> Report:
        figures = self._figures(sums, all(layer.native for layer in layers))
        host = sum(layer.seconds for layer in layers if not layer.native)
        notes = [_TRAINING_NOTE, *self.notes] if training else list(self.notes)
        if host:
            ops = sorted({layer.op for layer in layers if not layer.native})
            notes.append(
                f"{', '.join(ops)}: not on the machine's own datapath, {host / figures['seconds']:.0%} of time"
            )
        if figures["bound"] == "host" and host < 0.5 * figures["seconds"]:
            figures["bound"] = self._bound(sums)
        return Report(
            network=network.name,
            machine=self.title,
            parameters=self.parameters,
            fidelity=fidelity,
            precision=self.operands,
            clock_hz=float(self.record["clock_hz"]),
            node_nm=self.process_nm,
            batch=batch,
            training=training,
            latency_cycles=figures["cycles"],
            interval_cycles=round(figures["cycles"] / batch),
            inferences_per_second=batch / figures["seconds"] if figures["seconds"] else None,
            peak_macs_per_second=self.peak_macs_per_second,
            area_mm2=self.area_mm2,
            resources=self.resources,
            status={name: "modelled" for name in ("cycles", "seconds", "dram_bytes", "joules") if figures.get(name)},
            layers=tuple(layers),
            notes=tuple(notes),
            **figures,
        )

    def _figures(self, total: NDArray[Any], native: bool) -> dict[str, Any]:
        cost = dict(zip(self.Cost._fields, total.tolist(), strict=True))
        cycles = round(cost["cycles"])
        seconds = cycles / float(self.record["clock_hz"])
        compute = min(cycles, round(cost["compute_cycles"]))
        levels = {level: round(b) for level, b in _with_prefix(cost, "bytes_").items()}
        energy = {component: pj * 1e-12 for component, pj in _with_prefix(cost, "pj_").items()}
        joules = sum(energy.values()) if energy else None
        peak = self.peak_macs_per_second
        return {
            "macs": round(cost["macs"]),
            "cycles": cycles,
            "seconds": seconds,
            "utilization": cost["macs"] / (seconds * peak) if cost["macs"] and seconds else None,
            "roofline_seconds": max(cost["macs"] / peak, levels["dram"] / self.bandwidth_bytes_per_second),
            "bound": self._bound(total) if native else "host",
            "compute_cycles": compute,
            "stall_cycles": cycles - compute,
            "stalls": _whole_parts(_with_prefix(cost, "stall_"), cycles - compute),
            "dram_bytes": levels["dram"],
            "sram_bytes": sum(b for level, b in levels.items() if level != "dram"),
            "bytes": levels,
            "joules": joules,
            "energy": energy,
            "watts": joules / seconds if joules is not None and seconds else None,
        }

    def _bound(self, total: NDArray[Any]) -> str:
        cost = dict(zip(self.Cost._fields, total.tolist(), strict=True))
        stalls = _with_prefix(cost, "stall_")
        if not stalls or sum(stalls.values()) <= STALL_SHARE_THAT_BINDS * cost["cycles"]:
            return "compute"
        return max(stalls, key=lambda cause: stalls[cause])


def _with_prefix(cost: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {field.removeprefix(prefix): value for field, value in cost.items() if field.startswith(prefix)}


def _whole_parts(parts: Mapping[str, float], total: int) -> dict[str, int]:
    """Return ``parts`` rounded so that they sum to ``total``, the rounding borne by the largest."""
    whole = {name: round(value) for name, value in parts.items()}
    if whole:
        whole[max(whole, key=lambda name: whole[name])] += total - sum(whole.values())
    return whole
