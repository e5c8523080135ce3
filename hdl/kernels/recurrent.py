"""A recurrent layer: input buffer, hidden state, multiply-accumulate array, gate and element-wise pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from accel.fixedpoint import FixedPoint
from accel.schedule import pipeline, recurrent
from hdl.beat_buffer import BeatBuffer
from hdl.cells import states_of
from hdl.delay import cyclic, delayed
from hdl.fixed import fitted, form_shape
from hdl.gates import GatePipeline
from hdl.kernel import Kernel
from hdl.mac import MacArray
from hdl.memory import DeepRom
from hdl.queue import OutputQueue
from hdl.sequencer import Sequencer
from hdl.table import CyclicTable, packed
from hdl.unit_memory import Written, constants
from hdl.window_buffer import Reads, WindowBuffer


class Recurrent(Kernel):
    """A recurrent layer as `accel.schedule.recurrent.Recurrent` lays it out.

    States are held twice: what the phase at hand reads, and what is written meanwhile for the next: the hidden states
    of a time step or, between a GRU's two phases, reset ones. In a tensor's first phase, or if states are kept in the
    first one after reset, constants are read instead, zeros where the layer has none.
    """

    kind = recurrent.Recurrent.kind
    spec: recurrent.Recurrent

    def elaborate(self, platform):
        m = Module()
        spec = self.spec
        buffer = self._buffer(m)
        at = spec.positions
        columns = {name: column[at.time] for name, column in buffer.position_columns.items()}
        own = {"waits": at.waits.astype(np.int64), "first": ((at.time == 0) & (at.phase == 0)).astype(np.int64)}
        if spec.given:
            own["loads"] = at.loads.astype(np.int64)
        if len(spec.phases) > 1:
            own["moves_on"] = (at.phase == len(spec.phases) - 1).astype(np.int64)
        m.submodules.sequencer = sequencer = Sequencer(spec.schedule, columns | own)
        queues = []
        for port in range(len(spec.outputs)):
            output = getattr(self, f"output_{port}")
            queue = OutputQueue(output.p.shape(), spec.slots)
            m.submodules[f"queue_{port}" if port else "queue"] = queue
            wiring.connect(m, queue.output, wiring.flipped(output))
            queues.append(queue)
        works, leaves = Signal(), Signal()
        idle = sequencer.position.waits
        if spec.given:
            idle = idle | sequencer.position.loads
        m.d.comb += [
            self.input_0.ready.eq(sequencer.ready[0]),
            sequencer.moved[0].eq(self.input_0.valid & self.input_0.ready),
            *(sequencer.sent[port].eq(queue.sent) for port, queue in enumerate(queues)),
            works.eq(sequencer.issue & ~idle),
            leaves.eq(works & sequencer.last),
        ]
        m.submodules.phase = phase = CyclicTable(spec.step_flags)
        word = phase.word
        reads = Signal()
        m.d.comb += [
            phase.advance.eq(works),
            reads.eq(works & (word.reads_input | word.reads_state)),
            buffer.moved.eq(sequencer.moved[0]),
            buffer.beat.eq(self.input_0.payload),
            buffer.issue.eq(works & word.reads_input),
            buffer.leave.eq(leaves & sequencer.position.moves_on if "moves_on" in own else leaves),
            *(buffer.position[name].eq(sequencer.position[name]) for name in columns),
        ]
        first, turns = sequencer.position.first, leaves
        if spec.keeps_state:
            begun = Signal()
            with m.If(leaves):
                m.d.sync += begun.eq(1)
            first = first & ~begun
        loaded = {}
        if spec.given:
            loading = sequencer.issue & sequencer.position.loads
            loaded = self._loaded(m, sequencer, loading)
            first, turns = Const(0), leaves | (loading & sequencer.last)
        states, write_state = self._hidden(m, works & word.reads_state, turns, first)
        elements = self._joined(m, buffer.elements, states, word.reads_state)

        m.submodules.macs = macs = MacArray(
            elements[0].shape(), spec.stored_weight_bits, spec.accumulator_bits, spec.rows, spec.fold.simd,
            spec.chosen_packing,
        )  # fmt: skip
        before = sum(spec.stages[s] for s in ("address", "read", "select", "join", "multiply", "tree"))
        summed = before + pipeline.ACCUMULATE
        m.submodules.gates = gates = GatePipeline(spec)
        m.d.comb += [
            *(macs.elements[lane].eq(element) for lane, element in enumerate(elements)),
            macs.weights.eq(self._weights(m, reads)),
            macs.valid.eq(delayed(m, reads, before, "issued")),
            macs.first.eq(delayed(m, word.starts, before, "first")),
            gates.sums.eq(macs.sums),
            gates.load_inputs.eq(delayed(m, works & word.ends_input, summed, "summed_inputs")),
            gates.load.eq(delayed(m, works & word.ends_tile, summed, "summed")),
        ]
        written = states_of(m, spec, gates, loaded)
        write_state(written["h"].or_loaded(loaded.get("h")), written.get("reset"))
        self._offer(m, written, queues)
        return m

    def _buffer(self, m: Module) -> WindowBuffer:
        spec = self.spec
        taps = spec.taps
        past = taps.column > 0
        reads = Reads(
            offset=np.where(past, 0, taps.offset),
            channel=taps.channel,
            row=taps.row,
            column=np.where(past, 0, taps.column),
            counts=np.ones(taps.offset.shape, np.bool_),
        )
        buffer = WindowBuffer(spec.inputs[0], spec.input.zero_point, spec.capacity, spec.sliding, reads, fill=0)
        m.submodules.buffer = buffer
        return buffer

    def _loaded(self, m: Module, sequencer: Sequencer, loading) -> dict[str, Written]:
        """Return the initial states that come with a tensor, in their formats, one unit for every step that loads."""
        spec = self.spec
        unit = np.minimum(np.arange(spec.load_steps, dtype=np.int64), spec.units - 1)
        done = delayed(m, loading, sum(spec.load_stages.values()), "loaded")
        forms = {"h": spec.cell.hidden, "c": spec.cell.state}
        found = {}
        for port, (name, quantization) in enumerate(zip(spec.layer.states, spec.given, strict=True), start=1):
            source, stream = getattr(self, f"input_{port}"), spec.inputs[port]
            beat = unit // stream.lanes
            places = {"lane": unit % stream.lanes, "leaves": np.append(np.diff(beat), 1)}
            m.submodules[f"given_{name}_places"] = place = CyclicTable(places)
            m.submodules[f"given_{name}"] = buffer = BeatBuffer(source.p.shape(), spec.schedule.capacity[port])
            m.d.comb += [
                source.ready.eq(sequencer.ready[port]),
                sequencer.moved[port].eq(source.valid & source.ready),
                buffer.moved.eq(sequencer.moved[port]),
                buffer.beat.eq(source.payload),
                buffer.leave.eq(loading & place.word.leaves),
                place.advance.eq(loading),
            ]
            lane = delayed(m, place.word.lane, pipeline.ADDRESS + pipeline.READ, f"given_{name}_lane", flag=False)
            element = Signal(Shape(stream.bits, stream.signed), name=f"given_{name}_element", reset_less=True)
            m.d.sync += element.eq(buffer.read[lane])
            value = fitted(m, element, FixedPoint.of(quantization).fraction, forms[name], f"given_{name}")
            found[name] = Written(value, done)
        return found

    def _hidden(self, m: Module, reads, turns, first):
        """Return what the lanes read of the hidden state, and how to write a unit's; ``turns`` ends a pass of them."""
        spec = self.spec
        simd, steps, shape = spec.fold.simd, spec.state_steps, form_shape(spec.cell.hidden)
        step = cyclic(m, steps, reads, "state_step")
        side = cyclic(m, 2, turns, "read_side")  # constants are read whichever side it is
        address = Signal(range(2 * steps), name="state_address", reset_less=True)
        m.d.sync += address.eq(step + Mux(side, 0, steps))
        begins = delayed(m, first, pipeline.ADDRESS + pipeline.READ, "clear_state", flag=False)
        initial, initial_address = spec.initial_words, Signal(range(steps), name="initial_address", reset_less=True)
        if np.any(initial != initial[0]):
            m.d.sync += initial_address.eq(step)
        elements, ports = [], []
        for lane in range(simd):
            m.submodules[f"state_{lane}"] = memory = Memory(shape=shape, depth=2 * steps, init=[])
            read = memory.read_port()
            held = Signal(shape, name=f"state_word_{lane}", reset_less=True)
            element = Signal(shape, name=f"state_element_{lane}", reset_less=True)
            m.d.comb += read.addr.eq(address)
            constant = constants(m, spec.cell.hidden, initial[:, lane], initial_address, f"initial_{lane}")
            if not isinstance(constant, int):
                constant = delayed(m, constant, pipeline.READ - 1, f"initial_word_{lane}", flag=False)
            m.d.sync += [held.eq(read.data), element.eq(Mux(begins, constant, held))]
            elements.append(element)
            ports.append(memory.write_port())

        def write(hidden, reset):
            value, done = hidden
            if reset is not None:  # the two never come in one cycle, and take turns, all units each
                value, done = Mux(reset.done, reset.value, value), reset.done | done
            unit = np.arange(spec.tiles * spec.fold.pe, dtype=np.int64)
            live = unit < spec.units
            places = {"lane": unit % simd, "word": np.where(live, unit // simd, 0), "live": live.astype(np.int64)}
            m.submodules.places = place = CyclicTable(places)
            m.d.comb += place.advance.eq(done)
            other = cyclic(m, 2, done & place.final, "write_side")
            for lane, port in enumerate(ports):
                m.d.comb += [
                    port.addr.eq(place.word.word + Mux(other, steps, 0)),
                    port.data.eq(value),
                    port.en.eq(done & place.word.live & (place.word.lane == lane)),
                ]

        return elements, write

    def _joined(self, m: Module, inputs, states, reads_state):
        """Return the operands of the multipliers, from the input or from the hidden state."""
        spec = self.spec
        wait = pipeline.ADDRESS + pipeline.READ + pipeline.SELECT
        from_state = delayed(m, reads_state, wait, "from_state", flag=False)
        shape = Shape.cast(range(spec.element.low, spec.element.high + 1))
        joined = []
        for lane, state in enumerate(states):
            element = Signal(shape, name=f"joined_{lane}", reset_less=True)
            m.d.sync += element.eq(Mux(from_state, state, inputs[lane]))
            joined.append(element)
        return joined

    def _weights(self, m: Module, reads):
        """Return the weights of the step whose elements are joined."""
        spec = self.spec
        words = spec.stored_weights.reshape(len(spec.weights), -1)
        width = words.shape[1] * spec.stored_weight_bits
        m.submodules.weights = memory = DeepRom(width, [packed(w, [spec.stored_weight_bits] * len(w)) for w in words])
        step = cyclic(m, len(words), reads, "weight_step")
        wait = pipeline.ADDRESS + pipeline.READ + 2 * pipeline.SELECT - DeepRom.latency
        m.d.comb += memory.address.eq(delayed(m, step, wait, "weight_address", flag=False))
        return memory.word

    def _offer(self, m: Module, written: Mapping[str, Written], queues: Sequence[OutputQueue]) -> None:
        """Gather the units of a tile, and write them to the queues if their time step leaves the kernel."""
        spec = self.spec
        pe = spec.fold.pe
        held = {"h": spec.cell.hidden, "c": spec.cell.state}
        outs = [
            fitted(m, written[name].value, held[name].fraction, form, "output" if port == 0 else f"output_{port}")
            for port, (name, form) in enumerate(spec.leaving.items())
        ]
        ready = delayed(m, written[next(iter(spec.leaving))].done, pipeline.ROUND + pipeline.SATURATE, "output_done")
        words = []
        for out, form in zip(outs, spec.leaving.values(), strict=True):
            word = out
            if pe > 1:
                gathered = Signal((pe - 1) * form.bits, reset_less=True)
                word = Cat(gathered, out)
                with m.If(ready):
                    m.d.sync += gathered.eq(word[form.bits :])
            words.append(word)
        tile_done = Signal()
        m.d.comb += tile_done.eq(ready & (cyclic(m, pe, ready, "unit_out") == pe - 1))
        tile = cyclic(m, spec.tiles, tile_done, "tile_out")
        leaves = 1
        if spec.is_last_only:
            time = cyclic(m, spec.time_steps, tile_done & (tile == spec.tiles - 1), "time_out")
            leaves = time == spec.time_steps - 1
        live = spec.units - (spec.tiles - 1) * pe
        for queue, word, form in zip(queues, words, spec.leaving.values(), strict=True):
            m.d.comb += queue.write.eq(tile_done & leaves)
            for lane in range(pe):
                unit = word[lane * form.bits : (lane + 1) * form.bits]
                dead = (tile == spec.tiles - 1) if lane >= live else 0
                m.d.comb += queue.word[lane].eq(Mux(dead, 0, unit))
