"""A fork: every beat goes to several readers."""

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
class Fork(KernelSpec):
    """Copies of a stream for ``ports`` readers, one beat a cycle; a beat waits until every reader's queue has room.

    Attributes
    ----------
    stream : Stream
        What it carries.
    ports : int
        Output ports, 2 or more.
    slots : tuple of int
        Beats that the queue of each output port holds; powers of two. The reader that is ahead may be as many beats
        ahead as the others' queues hold.
    """

    kind: ClassVar[str] = "fork"

    stream: Stream
    ports: int
    slots: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.ports < 2 or len(self.slots) != self.ports:
            raise InputError(f"a fork must have 2 or more ports and a queue for each, not {self.ports}")
        for slots in self.slots:
            if slots < 1 or slots != pipeline.power_of_two(slots):
                raise InputError(f"fork slots must be powers of two, not {slots}")

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (self.stream,) * self.ports

    @property
    def stages(self) -> Mapping[str, int]:
        """Cycles of each pipeline stage in order; their sum is the latency."""
        return {"address": pipeline.ADDRESS, "read": pipeline.READ, "queue": pipeline.QUEUE}

    @property
    def schedule(self) -> Schedule:
        beats = self.stream.beats
        each = np.arange(beats, dtype=np.int64)
        return Schedule(
            steps=np.ones(beats, np.int64),
            period=np.ones(beats, np.int64),
            need=each[None],
            free=each[None] + 1,
            after=np.zeros(beats, np.int64),
            beats=(beats,),
            capacity=(pipeline.BEATS_IN_FLIGHT,),
            slots=self.slots,
            latency=sum(self.stages.values()),
            release=pipeline.RELEASE,
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        width = self.stream.lanes * self.stream.bits
        outputs = (Memory(f"output{i}", slots, width, clocked=False) for i, slots in enumerate(self.slots))
        return (Memory("input", self.schedule.capacity[0], width), *outputs)

    @property
    def multipliers(self) -> Mapping[str, tuple[int, int, int]]:
        return {}

    @property
    def blocks(self) -> Mapping[str, Logic]:
        schedule = self.schedule
        queues = {f"queue {i}": logic.queue(slots) for i, slots in enumerate(schedule.slots)}
        return {
            "sequencer": logic.sequencer(schedule),
            "buffer": logic.beat_buffer(self.stream.lanes * self.stream.bits, schedule.capacity[0]),
            **queues,
        }
