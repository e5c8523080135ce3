"""The frame of kernels over pixels: a buffer for each input, channels selected from it; no kernel lives here."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring

from accel.fixedpoint import Ints
from accel.schedule.elementwise import Elementwise as Spec
from hdl.delay import cyclic, delayed
from hdl.kernel import Kernel
from hdl.queue import OutputQueue
from hdl.requantize import Constants, FoldedRequantizer
from hdl.sequencer import Sequencer
from hdl.table import CyclicTable
from hdl.window_buffer import Reads, WindowBuffer


class Elementwise(Kernel, ABC):
    """A function of the elements of its inputs, as `accel.schedule.elementwise.Elementwise` lays it out."""

    spec: Spec

    @abstractmethod
    def results(self, m: Module, elements: list[list[Value]], valid: Value) -> list[Value]:
        """Return what comes of a tile's channels.

        Parameters
        ----------
        m : Module
        elements : list of list of Value
            By input and lane, zero points subtracted where `centers` says so.
        valid : Value
            The elements are those of a tile, the next one each time.

        Returns
        -------
        list of Value
            The cycles of ``spec.work_stages`` later: the channels as they are output, or, where the output is
            requantised, the terms of each, side by side.
        """

    @property
    def centers(self) -> bool:
        """Whether the zero points are subtracted from the elements."""
        return self.spec.requantize is not None

    def elaborate(self, platform):
        m = Module()
        spec, schedule = self.spec, self.spec.schedule
        buffers = [self._buffer(port) for port in range(len(spec.sources))]
        columns = {
            f"input_{port}_{name}": column
            for port, buffer in enumerate(buffers)
            for name, column in buffer.position_columns.items()
        }
        m.submodules.sequencer = sequencer = Sequencer(schedule, columns)
        m.submodules.queue = queue = OutputQueue(self.output_0.p.shape(), schedule.slots[0])
        wiring.connect(m, queue.output, wiring.flipped(self.output_0))
        m.d.comb += sequencer.sent[0].eq(queue.sent)
        completes = Signal()
        m.d.comb += completes.eq(sequencer.issue & sequencer.completes)
        for port, buffer in enumerate(buffers):
            m.submodules[f"buffer_{port}"] = buffer
            stream = getattr(self, f"input_{port}")
            m.d.comb += [
                stream.ready.eq(sequencer.ready[port]),
                sequencer.moved[port].eq(stream.valid & stream.ready),
                buffer.moved.eq(sequencer.moved[port]),
                buffer.beat.eq(stream.payload),
                buffer.issue.eq(completes),
                buffer.leave.eq(sequencer.issue & sequencer.last),
                *(buffer.position[n].eq(sequencer.position[f"input_{port}_{n}"]) for n in buffer.position_columns),
            ]
        elements = [[buffer.elements[lane] for lane in range(spec.fold.pe)] for buffer in buffers]
        valid = delayed(m, completes, sum(spec.stages[stage] for stage in ("address", "read", "select")), "valid")
        done = delayed(m, valid, sum(spec.work_stages.values()), "done")
        self._output(m, queue, self.results(m, elements, valid), done)
        return m

    def by_tile(self, m: Module, name: str, values: Ints, valid: Value) -> list[Value]:
        """Return the values of the tile at hand, shape (tiles, pe), whose elements are those with ``valid``."""
        m.submodules[name] = table = CyclicTable({f"{name}_{i}": values[:, i] for i in range(values.shape[1])})
        m.d.comb += table.advance.eq(valid)
        return [table.word[f"{name}_{i}"] for i in range(values.shape[1])]

    def _buffer(self, port: int) -> WindowBuffer:
        spec = self.spec
        offset, channel = spec.taps(port)
        none = np.zeros_like(offset)
        reads = Reads(offset=offset, channel=channel, row=none, column=none, counts=np.ones(offset.shape, np.bool_))
        zero_point = spec.sources[port].zero_point if self.centers else 0
        return WindowBuffer(spec.inputs[port], zero_point, spec.capacity, spec.sliding(port), reads, fill=0)

    def _output(self, m: Module, queue: OutputQueue, results: list[Value], done) -> None:
        """Write the results that are there with ``done``, requantised where they are to be."""
        spec = self.spec
        live = spec.channels - (spec.tiles - 1) * spec.fold.pe
        if spec.requantize is None:
            ragged = Signal()
            if live < spec.fold.pe:
                m.d.comb += ragged.eq(cyclic(m, spec.tiles, done, "tile_done") == spec.tiles - 1)
            for lane, result in enumerate(results):
                m.d.comb += queue.word[lane].eq(Mux(ragged, 0, result) if lane >= live else result)
            m.d.comb += queue.write.eq(done)
            return
        assert spec.requantizer is not None
        widest = max(interval.bits for interval in spec.totals)
        m.submodules.requantizer = requantizer = FoldedRequantizer(
            Shape(widest, signed=True),
            Constants(*spec.constants, spec.totals),
            spec.requantize,
            spec.requantizer,
            Shape(spec.output.bits, spec.output.signed),
            tiles=spec.tiles,
            live=live,
        )
        m.d.comb += [
            requantizer.load.eq(done),
            *(requantizer.accumulators[at].eq(value) for at, value in enumerate(results)),
            queue.write.eq(requantizer.push),
            queue.word.eq(requantizer.result),
        ]
