"""What a recurrent kernel takes of a part: its memories, multipliers and logic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from accel.fixedpoint import FixedPoint, signed_bits
from accel.schedule import logic, pipeline
from accel.schedule.logic import Logic
from accel.schedule.memory import Memory, rom_banks, table_memory

if TYPE_CHECKING:
    from accel.schedule.recurrent import Recurrent


def memories(kernel: Recurrent) -> tuple[Memory, ...]:
    """Return its memories, as `KernelSpec.memories` has them."""
    simd, cell, depth = kernel.fold.simd, kernel.cell, kernel.tiles * kernel.fold.pe
    beat_bits = kernel.in_lanes * logic.bits_of(kernel.input_range.low, kernel.input_range.high)
    constants = 2 * kernel.multiplier_bits + sum(signed_bits(int(a.min()), int(a.max())) for a in kernel.row_addends)
    word = max(form.bits for form in cell.activations) * (1 + cell.interpolate)
    peepholes: tuple[Memory, ...] = ()
    if kernel.peephole is not None:
        assert cell.peephole is not None
        assert cell.state is not None
        constants += cell.peephole.bits
        peepholes = (
            Memory("peephole state", depth, cell.state.bits),
            Memory("output peepholes", depth, cell.peephole.bits, initialised=True),
        )
    kept = _kept(kernel)
    state = () if kept is None else (Memory("unit state", depth, kept[1].bits),)
    updates = (Memory("update gates", depth, cell.activations[0].bits),) if kernel.resets_states else ()
    return (
        *rom_banks("weights", len(kernel.weights), kernel.rows * simd * kernel.stored_weight_bits),
        Memory("input", kernel.capacity, beat_bits, copies=len(kernel.taps.groups)),
        Memory("hidden state", 2 * kernel.state_steps, cell.hidden.bits, copies=simd),
        *table_memory("constants", len(kernel.row_units), constants),
        *table_memory("phase", kernel.tile_steps, len(kernel.step_flags)),
        *(
            Memory("output", kernel.slots, kernel.fold.pe * form.bits, clocked=False)
            for form in kernel.leaving.values()
        ),
        *(Memory(f"table {i}", n << cell.index_bits, word, initialised=True) for i, n in enumerate(_tables(kernel))),
        *state,
        *updates,
        *peepholes,
        *_initial_memories(kernel),
        *(
            Memory(f"given {name}", pipeline.power_of_two(stream.beats), stream.lanes * stream.bits)
            for name, stream in zip(kernel.layer.states, kernel.inputs[1:], strict=False)
        ),
    )


def _initial_memories(kernel: Recurrent) -> tuple[Memory, ...]:
    """What holds the initial states beside each memory of states; nothing where they are one number."""
    cell, words = kernel.cell, kernel.initial_words
    lanes = int(np.any(words != words[0], axis=0).sum())
    found = [Memory("initial words", len(words), cell.hidden.bits, copies=lanes, initialised=True)] if lanes else []
    kept = _kept(kernel)
    if kept is not None and np.ptp(kernel.initial[kept[0]]):
        name, form = kept
        copies = 1 + (kernel.peephole is not None)
        found.append(Memory("initial unit state", len(kernel.initial[name]), form.bits, copies, initialised=True))
    return tuple(found)


def _kept(kernel: Recurrent) -> tuple[str, FixedPoint] | None:
    """Return the state that is kept unit by unit beside the hidden ones that the lanes read, and its format."""
    if kernel.layer.op == "RNN":
        return None
    state = kernel.cell.state
    return ("h", kernel.cell.hidden) if state is None else ("c", state)


def _tables(kernel: Recurrent) -> tuple[int, ...]:
    """The memories of activations, each with the tables it holds: what one pipeline chooses of stands in one.

    An output gate that sees the new cell state has one of its own.
    """
    slots = {"RNN": ((0,),), "LSTM": ((0, 1), (2,)), "GRU": ((0,), (1,))}[kernel.layer.op]
    if kernel.resets_states:
        slots = ((0, 1),)
    if kernel.peephole is not None:
        slots = (*slots, (0,))
    found: list[int] = []
    for served in slots:
        curves = [slot for slot in served if kernel.layer.curves[slot] is not None]
        found += [len(curves)] if len(curves) == len(served) else [1] * len(curves)
    return tuple(found)


def multipliers(kernel: Recurrent) -> Mapping[str, tuple[int, int, int]]:
    """Return its multipliers, as `KernelSpec.multipliers` has them."""
    wide = max(interval.bits for interval in kernel.sums)
    form = max(f.bits for f in (*kernel.cell.activations, kernel.cell.hidden))
    curves = len(_tables(kernel)) if kernel.cell.interpolate else 0
    return {
        **kernel.mac_multipliers,
        "requantize": (2, wide, kernel.multiplier_bits),
        "element-wise": (_products(kernel), form + 1, form + 1),
        "tables": (curves, form + 1, kernel.cell.preactivation.bits - kernel.cell.index_bits + 1),
    }


def _products(kernel: Recurrent) -> int:
    """Return the element-wise products of a unit that its pipeline computes side by side."""
    return {"RNN": 0, "LSTM": 3, "GRU": 3}[kernel.layer.op] + 2 * (kernel.peephole is not None)


def blocks(kernel: Recurrent) -> Mapping[str, Logic]:
    """Return its logic, as `KernelSpec.blocks` has it."""
    simd, rows, cell = kernel.fold.simd, kernel.rows, kernel.cell
    ways = 1 if kernel.taps.fixed_channels is not None else kernel.in_lanes
    depth, hidden = kernel.tiles * kernel.fold.pe, cell.hidden.bits
    address = (2 * kernel.state_steps - 1).bit_length()
    element, total = kernel.element.bits, max(interval.bits for interval in kernel.totals)
    wide = max(interval.bits for interval in kernel.sums)
    form = cell.preactivation.bits
    return {
        "sequencer": logic.sequencer(kernel.schedule) + logic.table(len(kernel.positions.steps)),
        "queue": logic.queue(kernel.slots),
        "buffer": logic.window_buffer(
            kernel.in_lanes, logic.bits_of(kernel.input_range.low, kernel.input_range.high), kernel.capacity,
            groups=len(kernel.taps.groups), selected=[ways] * simd, masked=False, kernel=(1, 1),
            subtracts=kernel.input.zero_point != 0,
        ) + logic.table(kernel.input_steps),
        "phase": logic.table(kernel.tile_steps),
        "hidden state": Logic(adder=address, register=address + 2 * simd * hidden, muxes=((simd * hidden, 2),))
        + Logic(adder=address, gate=address, register=address)
        + logic.counter(kernel.state_steps) + logic.table(depth),
        "join": Logic(muxes=((simd * element, 2),), register=simd * element),
        "weights": logic.deep_rom(len(kernel.weights), rows * simd * kernel.stored_weight_bits),
        "macs": logic.macs(
            rows, simd, element + kernel.weight_bits, kernel.accumulator_bits, signed=kernel.element.low < 0,
            packed=kernel.fold.packed,
        ),
        "gates": Logic(
            muxes=((2 * (rows - 1) * kernel.accumulator_bits, 2),),
            adder=2 * total + total + 1 + form,
            gate=total,
            register=(3 * rows + 2) * kernel.accumulator_bits
            + 4 * total + total + 2 * form,
        ) + logic.wide_sum([wide], kernel.multiplier_bits, 2) + logic.table(len(kernel.row_units)),
        "cell": _cell(kernel),
        "given states": _given_states(kernel),
    }  # fmt: skip


def _given_states(kernel: Recurrent) -> Logic:
    """What takes initial states in that come with the input, one after another: their buffers and formats."""
    total = Logic()
    for port, (quantization, lanes) in enumerate(zip(kernel.given, kernel.given_lanes, strict=True), start=1):
        bits = quantization.bits
        total += logic.beat_buffer(lanes * bits, kernel.schedule.capacity[port])
        total += logic.table(kernel.tiles * kernel.fold.pe)
        total += Logic(constant_adder=2 * bits, muxes=((bits, lanes), (bits, 3)), register=3 * bits)
    return total


def _cell(kernel: Recurrent) -> Logic:
    """The element-wise pipeline: products with their sums, rounded and saturated, and interpolated tables."""
    cell = kernel.cell
    form = max(f.bits for f in (*cell.activations, cell.hidden))
    curves = max(1, len(_tables(kernel))) * form
    rounds = {"RNN": 2, "LSTM": 4, "GRU": 3}[kernel.layer.op] + 2 * (kernel.peephole is not None)
    products = _products(kernel)
    one = form + cell.hidden.bits
    return Logic(
        adder=2 * curves,
        constant_adder=rounds * one,
        muxes=((rounds * form, 3),),
        register=3 * curves + rounds * 2 * form,
        product_sums=((2 * form, products, True),) if products else (),
        delays=((form * kernel.gates, pipeline.CURVE), (form, pipeline.CURVE + pipeline.ROUND)),
    )
