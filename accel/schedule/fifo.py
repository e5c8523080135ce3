"""A FIFO: beats pass unchanged, and wait where the reader is late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.errors import InputError
from accel.schedule import logic, pipeline
from accel.schedule.base import KernelSpec, Memory, Schedule, Stream
from accel.schedule.logic import Logic


@dataclass(frozen=True, eq=False)
class Fifo(KernelSpec):
    """A queue of ``depth`` beats in one memory, one beat a cycle.

    Attributes
    ----------
    stream : Stream
        What it carries.
    depth : int
        Beats it holds besides those under way to and in its output queue; any number.
    """

    kind: ClassVar[str] = "fifo"

    stream: Stream
    depth: int

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise InputError(f"fifo depth must be positive, not {self.depth}")

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (self.stream,)

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        return {"address": pipeline.ADDRESS, "read": pipeline.READ, "queue": pipeline.QUEUE}

    @property
    def schedule(self) -> Schedule:
        beats = self.stream.beats
        latency = sum(self.stages.values())
        each = np.arange(beats, dtype=np.int64)
        return Schedule(
            steps=np.ones(beats, np.int64),
            period=np.ones(beats, np.int64),
            need=each[None],
            free=each[None] + 1,
            after=np.zeros(beats, np.int64),
            beats=(beats,),
            capacity=(self.depth,),
            slots=(pipeline.queue_slots(latency, 1),),
            latency=latency,
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        width = self.stream.lanes * self.stream.bits
        return (Memory("input", self.depth, width), Memory("output", self.schedule.slots[0], width, clocked=False))

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return {}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        width = self.stream.lanes * self.stream.bits
        return {
            "sequencer": logic.sequencer(self.schedule),
            "buffer": logic.beat_buffer(width, self.depth),
            "queue": logic.queue(self.schedule.slots[0]),
        }
