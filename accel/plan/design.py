"""Kernels in their places: the specs of a region, joined by links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from accel.errors import AccelError, InputError, ModelError, shown
from accel.plan.sites import Region, Site
from accel.plan.tokens import least_room
from accel.schedule.base import KernelSpec, LayerKernel, Stream
from accel.schedule.fifo import Fifo
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.fork import Fork
from accel.schedule.graph import TOP, Link, ScheduleGraph
from accel.schedule.pipeline import power_of_two

FORK_SLOTS = 4
"""Beats each queue of a fork holds at first; the planner gives more where an interval needs it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the planner decides for one kernel; what is ``None`` takes the kernel's default."""

    fold: Fold | None = None
    capacity: int | None = None
    requantizer: Requantizer | None = None


@dataclass(frozen=True, slots=True)
class Queues:
    """Depths of what stands between kernels.

    Attributes
    ----------
    forks : mapping of str to tuple of int
        Slots of each output of the fork of a stream with several readers, by the stream's name.
    fifos : mapping of str to tuple of int
        Depth of the FIFO in front of each input of a kernel, by its node's name; 0 where there is none.
    """

    forks: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    fifos: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])


@dataclass(frozen=True, eq=False)
class Placed:
    """A kernel in its place.

    Attributes
    ----------
    name : str
        Unique; a model's node name, so it may hold any characters. A fork is named after its stream, a FIFO after the
        node and the input that it stands in front of.
    spec : KernelSpec
    layer : bool
        Whether it computes the node of that name.
    """

    name: str
    spec: KernelSpec
    layer: bool


@dataclass(frozen=True, eq=False)
class Design:
    """A region's kernels and the links between them.

    Attributes
    ----------
    region : Region
    kernels : tuple of Placed
        Upstream first.
    links : tuple of Link
        Kernel indices are those of `kernels`; `accel.schedule.graph.TOP` is the outside.
    queues : Queues
        Of every fork and FIFO there is.
    """

    region: Region
    kernels: tuple[Placed, ...]
    links: tuple[Link, ...]
    queues: Queues

    def kernel(self, name: str) -> Placed:
        """Return the kernel that computes a node."""
        return next(k for k in self.kernels if k.layer and k.name == name)

    @cached_property
    def graph(self) -> ScheduleGraph:
        """What the stepper interprets."""
        return ScheduleGraph(
            tuple(k.name for k in self.kernels), tuple(k.spec.schedule for k in self.kernels), self.links
        )

    @property
    def inputs(self) -> tuple[Stream, ...]:
        """What each input of the design carries, in the order of ``region.inputs``."""
        found = {
            x.source[1]: self.kernels[x.target[0]].spec.inputs[x.target[1]] for x in self.links if x.source[0] == TOP
        }
        return tuple(found[i] for i in range(len(found)))

    @property
    def outputs(self) -> tuple[Stream, ...]:
        """What each output of the design carries, in the order of ``region.outputs``."""
        found = {
            x.target[1]: self.kernels[x.source[0]].spec.outputs[x.source[1]] for x in self.links if x.target[0] == TOP
        }
        return tuple(found[i] for i in range(len(found)))


@dataclass(eq=False)
class _Placing:
    kernels: list[Placed] = field(default_factory=list[Placed])
    links: list[Link] = field(default_factory=list[Link])


def place(
    region: Region,
    choices: Mapping[str, Choice],
    input_lanes: Mapping[str, int],
    queues: Queues | None = None,
) -> Design:
    """Return the design of a region.

    Parameters
    ----------
    region : Region
    choices : mapping of str to Choice
        By node name; nodes without one take the defaults.
    input_lanes : mapping of str to int
        Channels a beat of each input stream carries; 1 where it is not named.
    queues : Queues, optional
        Default: forks of `FORK_SLOTS` a reader, and no FIFOs.

    Raises
    ------
    AccelError
        If a choice does not fit its layer; the message names the node.
    """
    done = _Placing()
    queues = queues or Queues()
    sources: dict[tuple[int, int], tuple[int, int]] = {}
    streams: dict[str, Stream] = {}
    forks: dict[str, tuple[int, ...]] = {}

    def publish(name: str, source: tuple[int, int], stream: Stream) -> None:
        """Let every reader of a stream find its end of it, behind a fork where there are several."""
        readers = region.readers[name]
        if not readers:
            raise ModelError(f"tensor {shown(name)} must be read by a node or be an output of the network")
        streams[name] = stream
        if len(readers) > 1:
            slots = queues.forks.get(name) or (FORK_SLOTS,) * len(readers)
            done.kernels.append(Placed(f"{name} fork", Fork(stream, len(readers), slots), False))
            forks[name] = slots
            fork = len(done.kernels) - 1
            done.links.append(Link(source, (fork, 0)))
            for port, reader in enumerate(readers):
                sources[reader] = (fork, port)
        else:
            sources.update({reader: source for reader in readers})

    for port, name in enumerate(region.inputs):
        publish(name, (TOP, port), _input_stream(region, name, input_lanes.get(name, 1)))
    for i, site in enumerate(region.sites):
        spec = _spec(site, choices.get(site.node.name, Choice()), [streams[s].lanes for s in site.inputs])
        entries = [sources[i, port] for port in range(len(site.inputs))]
        for port, depth in enumerate(queues.fifos.get(site.node.name, ())):
            if depth:
                done.kernels.append(Placed(f"{site.node.name} input {port}", Fifo(spec.inputs[port], depth), False))
                fifo = len(done.kernels) - 1
                done.links.append(Link(entries[port], (fifo, 0)))
                entries[port] = (fifo, 0)
        done.kernels.append(Placed(site.node.name, spec, True))
        kernel = len(done.kernels) - 1
        done.links += [Link(entry, (kernel, port)) for port, entry in enumerate(entries)]
        for port, name in enumerate(site.outputs):
            publish(name, (kernel, port), spec.outputs[port])
    done.links += [Link(sources[-1, port], (TOP, port)) for port in range(len(region.outputs))]
    return Design(region, tuple(done.kernels), tuple(done.links), Queues(forks, queues.fifos))


def least_fifos(design: Design) -> dict[str, tuple[int, ...]]:
    """Return the least depths, by node, of the FIFOs that keep the joins of a design without any from locking up."""
    depths: dict[str, list[int]] = {}
    for link, room in least_room(design.graph).items():
        kernel, port = design.links[link].target
        placed = design.kernels[kernel]
        own = Fifo(placed.spec.inputs[port], 1).schedule.slots[0]
        depths.setdefault(placed.name, [0] * len(placed.spec.inputs))[port] = max(1, room - own)
    return {name: tuple(ports) for name, ports in depths.items()}


def _spec(site: Site, choice: Choice, lanes: list[int]) -> LayerKernel:
    try:
        spec = site.kernel.of(
            site.node.layer, site.shapes, site.quantizations, site.output_quantization, lanes,
            fold=choice.fold, capacity=choice.capacity, requantizer=choice.requantizer,
        )  # fmt: skip
        if spec.fold.packed and spec.packing is None:
            raise InputError(f"kernel {spec.kind} has no products that could be packed")
        return spec
    except AccelError as error:
        raise type(error)(f"node {shown(site.node.name)}: {error}") from None


def _input_stream(region: Region, name: str, lanes: int) -> Stream:
    """Return what an input carries, which is what its first reader takes it for."""
    reader, port = next(r for r in region.readers[name] if r[0] >= 0)
    site = region.sites[reader]
    all_lanes = [lanes if s == name else 1 for s in site.inputs]
    return _spec(site, Choice(), all_lanes).inputs[port]


def least_capacity(spec: KernelSpec) -> tuple[int, ...]:
    """Return the smallest buffers a kernel can have, powers of two."""
    return tuple(power_of_two(n) for n in spec.schedule.least_capacity)
