"""Schedules joined by streams: the graph that the stepper interprets and the top level elaborates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from accel.errors import ModelError, shown
from accel.schedule.base import Schedule

TOP = -1
"""The kernel index that stands for the graph itself: its ports are the top level's."""


@dataclass(frozen=True, slots=True)
class Link:
    """A stream from an output port to an input port.

    Attributes
    ----------
    source : (int, int)
        Kernel and output port; ``(TOP, i)`` is the graph's input ``i``.
    target : (int, int)
        Kernel and input port; ``(TOP, i)`` is the graph's output ``i``.
    """

    source: tuple[int, int]
    target: tuple[int, int]


@dataclass(frozen=True, eq=False)
class ScheduleGraph:
    """Kernels by name with their schedules, and the links between them; every port is linked exactly once.

    Attributes
    ----------
    names : tuple of str
    schedules : tuple of Schedule
    links : tuple of Link

    Raises
    ------
    ModelError
        If a port is left open or linked twice, or the ends of a link disagree on the beats of a tensor.
    """

    names: tuple[str, ...]
    schedules: tuple[Schedule, ...]
    links: tuple[Link, ...]

    def __post_init__(self) -> None:
        kernels = range(len(self.schedules))
        for what, ends, ports in (
            ("output", [x.source for x in self.links], [(k, o) for k in kernels for o in self._outputs(k)]),
            ("input", [x.target for x in self.links], [(k, i) for k in kernels for i in self._inputs(k)]),
        ):
            inner = [end for end in ends if end[0] != TOP]
            outer = sorted(end[1] for end in ends if end[0] == TOP)
            for kernel, port in set(ports) - set(inner):
                raise ModelError(f"{what} {port} of kernel {shown(self.names[kernel])} must be linked")
            if len(set(inner)) != len(inner) or set(inner) - set(ports) or outer != list(range(len(outer))):
                raise ModelError(f"every {what} port must exist and be linked once, not {ends}")
        for link in self.links:
            (a, _), (b, i) = link.source, link.target
            if a != TOP and b != TOP and self.schedules[a].results != self.schedules[b].beats[i]:
                raise ModelError(
                    f"kernel {shown(self.names[b])} reads {self.schedules[b].beats[i]} beats a tensor, but "
                    f"{shown(self.names[a])} writes {self.schedules[a].results}"
                )
            if a == b == TOP:
                raise ModelError("a link must have a kernel at one end")

    def _inputs(self, kernel: int) -> range:
        return range(len(self.schedules[kernel].beats))

    def _outputs(self, kernel: int) -> range:
        return range(len(self.schedules[kernel].slots))

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """Index of the link at each input of the graph, in port order."""
        return self._at_top([x.source for x in self.links])

    @cached_property
    def sinks(self) -> tuple[int, ...]:
        """Index of the link at each output of the graph, in port order."""
        return self._at_top([x.target for x in self.links])

    def _at_top(self, ends: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        return tuple(i for _, i in sorted((end[1], i) for i, end in enumerate(ends) if end[0] == TOP))

    def beats(self, link: int) -> int:
        """Return the beats of a tensor on a link."""
        (kernel, _), (reader, port) = self.links[link].source, self.links[link].target
        return self.schedules[reader].beats[port] if reader != TOP else self.schedules[kernel].results

    @property
    def bound_cycles(self) -> int:
        """The least possible interval between tensors: that of the slowest kernel."""
        return max(s.bound_cycles for s in self.schedules)

    @property
    def binding(self) -> str:
        """Name of the kernel that sets `bound_cycles`; of equals the first."""
        return max(zip(self.names, self.schedules, strict=True), key=lambda named: named[1].bound_cycles)[0]
