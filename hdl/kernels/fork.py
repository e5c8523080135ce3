"""A fork: the FIFO's datapath with several output queues."""

from __future__ import annotations

from accel.schedule import fork
from hdl.kernels.fifo import Fifo


class Fork(Fifo):
    """Copies of a stream, as `accel.schedule.fork.Fork` lays it out."""

    kind = fork.Fork.kind
