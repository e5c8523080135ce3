"""A design's Verilog, streamed through: what is sent, what should come out and when, and what did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel import beats, stepper
from accel import stalls as patterns
from accel.app import transfers
from accel.app.manifest import Manifest
from accel.app.transfers import Difference, Expected, Tally
from accel.errors import shown
from accel.plan.design import Design
from accel.schedule.base import Stream
from accel.schedule.graph import TOP
from hdl import bench

FOLDER = "verify"
_SPARE_CYCLES = 10_000
"""How long after its predicted end a simulation may go on before it is cut off."""
_LONG_CYCLES = 1_000_000
"""A simulation of more cycles than this repays the C++ compiler's effort."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Simulated:
    """What came of one simulation.

    Attributes
    ----------
    ports, inner : tuple of Tally
        At outputs and inputs; on the links that were watched, in the order asked.
    predicted_cycles, counted_cycles : int
        From reset to the last transfer; counted 0 when nothing came.
    """

    ports: tuple[Tally, ...]
    inner: tuple[Tally, ...]
    predicted_cycles: int
    counted_cycles: int


@dataclass(frozen=True, eq=False)
class Simulation:
    """A design compiled for the simulator, with what is sent and what must come of it; it can be run again.

    Attributes
    ----------
    bench : Bench
    drive : Drive
    inputs, outputs, inner : tuple of Expected
        At the ports, and at the links that are watched.
    predicted_cycles : int
    """

    bench: bench.Bench
    drive: bench.Drive
    inputs: tuple[Expected, ...]
    outputs: tuple[Expected, ...]
    inner: tuple[Expected, ...]
    predicted_cycles: int

    def run(self, waves: Path | None = None, *, resets: Sequence[int] = ()) -> Simulated:
        """Run it and compare every transfer, after ``resets`` in the midst of other traffic as `Bench.run` has them."""
        limit_cycles = self.predicted_cycles + _SPARE_CYCLES
        (seen,) = self.bench.run([self.drive], limit_cycles=limit_cycles, resets=resets, waves=waves)
        outputs = [
            transfers.compare(e, r.cycles, r.values, r.last) for e, r in zip(self.outputs, seen.outputs, strict=True)
        ]
        inputs = [transfers.compare(e, r.cycles, None) for e, r in zip(self.inputs, seen.inputs, strict=True)]
        inner = [transfers.compare(e, r.cycles, r.values) for e, r in zip(self.inner, seen.probes, strict=True)]
        counted = max((int(r.cycles[-1]) + 1 for r in seen.outputs if len(r.cycles)), default=0)
        return Simulated((*outputs, *inputs), tuple(inner), self.predicted_cycles, counted)


@dataclass(frozen=True, eq=False)
class Subject:
    """A design with what is streamed through it.

    Attributes
    ----------
    folder : Path
        Of the design; its ``verify`` folder takes what the simulator makes.
    described : Manifest
    design : Design
    tensors : mapping of str to integer array
        Every tensor of the reference, batch axis first.
    source : str
        Where what is streamed comes from, in words.
    stalls : str
    seed : int
    simulator : str
    """

    folder: Path
    described: Manifest
    design: Design
    tensors: Mapping[str, NDArray[Any]]
    source: str
    stalls: str
    seed: int
    simulator: str

    @property
    def count(self) -> int:
        """Tensors streamed back to back."""
        return len(self.tensors[self.design.region.inputs[0]])

    def prepare(self, links: Sequence[int] = (), *, waves: bool = False) -> Simulation:
        """Compile the Verilog, watching ``links`` besides the ports, and predict every transfer."""
        region = self.design.region
        sources = self._stalls("input", len(region.inputs))
        sinks = self._stalls("output", len(region.outputs))
        predicted = stepper.step(self.design.graph, self.count, source_stalls=sources, sink_stalls=sinks, record=links)
        inputs = self._at_ports("input", region.inputs, self.design.inputs, predicted.inputs)
        made = bench.Bench.build(
            [self.folder / self.described.core_file],
            [self._bench_design(links)],
            self.folder / FOLDER / ("probed" if links else self.simulator),
            simulator=self.simulator,
            waves=waves,
            optimize="-O3" if predicted.cycles > _LONG_CYCLES else "-O1",
        )
        return Simulation(
            made,
            bench.Drive(self.count, [expected.values for expected in inputs], sources, sinks),
            tuple(inputs),
            tuple(self._at_ports("output", region.outputs, self.design.outputs, predicted.outputs)),
            tuple(self._at_link(link, predicted.links[link]) for link in links),
            predicted.cycles,
        )

    def locate(self, resets: Sequence[int] = ()) -> Difference | None:
        """Simulate again, watching every stream between kernels, and return the most upstream difference there."""
        links = [i for i, link in enumerate(self.design.links) if TOP not in (link.source[0], link.target[0])]
        if not links:
            return None
        links.sort(key=lambda i: self.design.links[i].source[0])
        return transfers.total(self.prepare(links).run(resets=resets).inner).first

    def _stalls(self, side: str, ports: int) -> list[NDArray[np.bool_]]:
        return [patterns.pattern(self.stalls, self.seed, f"{side} {port}") for port in range(ports)]

    def _at_ports(
        self, side: str, names: Sequence[str], streams: Sequence[Stream], cycles: Sequence[Ints]
    ) -> list[Expected]:
        return [
            self._expected(f"{side} {shown(name)}", name, stream, due)
            for name, stream, due in zip(names, streams, cycles, strict=True)
        ]

    def _at_link(self, link: int, cycles: Ints) -> Expected:
        kernel, port = self.design.links[link].source
        placed = self.design.kernels[kernel]
        what = f"layer {shown(placed.name)}" if placed.layer else shown(placed.name)
        return self._expected(what, carried(self.design, link), placed.spec.outputs[port], cycles)

    def _expected(self, what: str, tensor: str, stream: Stream, cycles: Ints) -> Expected:
        region = self.design.region
        carried = region.shapes[region.streams[tensor]]
        sequence = tensor in region.sequences
        shape = carried[::-1] if sequence and len(carried) == 2 else carried
        values = packed(self.design, tensor, stream, self.tensors[tensor])
        return Expected(what, stream, shape, sequence, values, cycles)

    def _bench_design(self, links: Sequence[int]) -> bench.Design:
        described = self.described
        inputs = zip(described.inputs, self.design.inputs, strict=True)
        outputs = zip(described.outputs, self.design.outputs, strict=True)
        return bench.Design(
            described.top,
            tuple(bench.Port(entry.port, stream) for entry, stream in inputs),
            tuple(bench.Port(entry.port, stream) for entry, stream in outputs),
            tuple(self._probe(*self.design.links[link].source) for link in links),
        )

    def _probe(self, kernel: int, port: int) -> bench.Port:
        instance = self.described.kernels[kernel].instance
        return bench.Port(f"{instance}.output_{port}_", self.design.kernels[kernel].spec.outputs[port])


def carried(design: Design, link: int) -> str:
    """Return the tensor that travels on a link: what its kernel computes, or passes on."""
    kernel, port = design.links[link].source
    if kernel == TOP:
        return design.region.inputs[port]
    if design.kernels[kernel].layer:
        site = design.region.site(design.kernels[kernel].name)
        assert site is not None  # a layer's kernel is named after its node
        return design.region.sites[site].outputs[port]
    return carried(design, next(i for i, other in enumerate(design.links) if other.target == (kernel, 0)))


def packed(design: Design, tensor: str, stream: Stream, values: NDArray[Any]) -> Ints:
    """Return the beats, shape (tensors, beats, lanes), in which a named tensor of a design travels."""
    return beats.pack(values, stream, sequence=tensor in design.region.sequences)
