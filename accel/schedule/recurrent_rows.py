"""The gate rows of a recurrent kernel: which are computed together, in which order, and the integers they need."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel.cell import BIAS_GUARD_BITS, CellFormats
from accel.fixedpoint import Ints, Quantization
from accel.intervals import Interval, accumulator_interval
from accel.layers.base import Layer, Shape
from accel.layers.gru import GRU
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.lstm import LSTM
from accel.schedule.mac import MacKernel

_UNIT_BY_UNIT: dict[str, tuple[int, ...]] = {"RNN": (0,), "LSTM": (0, 3, 2, 1), "GRU": (0, 1, 2)}
"""ONNX's gates in the order in which a unit's rows are served: the LSTM's output gate last, as it is used last."""
_COUPLED = (0, 3, 1)
"""An LSTM's whose forget gate is what the input gate leaves."""
_GATE_BY_GATE = ((1,), (0,), (2,))
"""A GRU's whose candidates read reset states: every unit's reset gate first, so that the update gates cover the time
until the last reset state stands."""


class RowKernel(MacKernel):
    """The rows of a recurrent kernel.

    A *tile* is the rows of one group of a unit's gates, for ``pe`` units, computed together over ``simd`` elements at a
    time: first of the input, then of the hidden state, both ragged if need be. Step ``k`` of a tile is padding below
    `padding_steps`, then reads the input, then the state. A *pass* is the tiles of all units for one group of gates.
    """

    layer: IntegerRecurrent
    input: Quantization

    @classmethod
    def reads_sequence(cls, layer: Layer, shape: Shape) -> bool | None:
        return True

    @property
    def cell(self) -> CellFormats:
        """The formats of the cell."""
        assert self.layer.cell is not None
        return self.layer.cell

    @property
    def resets_states(self) -> bool:
        """Whether the last pass of a time step reads hidden states that the first one's gates have reset."""
        return isinstance(self.layer, GRU) and not self.layer.linear_before_reset

    @property
    def passes(self) -> tuple[tuple[int, ...], ...]:
        """ONNX's gates whose rows are computed together, group by group in the order of the passes."""
        if self.resets_states:
            return _GATE_BY_GATE
        return (_COUPLED if self.couples_gates else _UNIT_BY_UNIT[self.layer.op],)

    @property
    def couples_gates(self) -> bool:
        """Whether an LSTM has no rows of a forget gate."""
        return isinstance(self.layer, LSTM) and self.layer.input_forget

    @property
    def gates(self) -> int:
        """Gate rows of a unit."""
        return sum(len(gates) for gates in self.passes)

    @property
    def peephole(self) -> Ints | None:
        """Peephole weights of an LSTM that has them, shape (3, units): of input, output and forget gate."""
        if not isinstance(self.layer, LSTM) or self.layer.peephole is None:
            return None
        return self.layer.peephole[0].reshape(3, self.units).astype(np.int64)

    @property
    def units(self) -> int:
        """Hidden units."""
        return self.layer.hidden_size

    @property
    def rows(self) -> int:
        """Rows computed at once."""
        return len(self.passes[0]) * self.fold.pe

    @property
    def tiles(self) -> int:
        """Groups of ``pe`` units; tiles of a pass."""
        return -(-self.units // self.fold.pe)

    @property
    def input_steps(self) -> int:
        """Steps of a tile that read the input."""
        return -(-self.layer.input_size // self.fold.simd)

    @property
    def state_steps(self) -> int:
        """Steps of a tile that read the hidden state."""
        return -(-self.units // self.fold.simd)

    @property
    def padding_steps(self) -> int:
        """Steps of a tile that do nothing, so that its rows can be served."""
        return max(0, self.rows - self.input_steps - self.state_steps)

    @property
    def tile_steps(self) -> int:
        """Steps of a tile; the result period."""
        return self.padding_steps + self.input_steps + self.state_steps

    @property
    def step_flags(self) -> Mapping[str, Ints]:
        """What each step of a tile does."""
        step = np.arange(self.tile_steps, dtype=np.int64) - self.padding_steps
        state = step - self.input_steps
        flags = {
            "reads_input": (step >= 0) & (state < 0),
            "reads_state": state >= 0,
            "starts": (step == 0) | (state == 0),
            "ends_input": state == -1,
            "ends_tile": state == self.state_steps - 1,
        }
        return {name: flag.astype(np.int64) for name, flag in flags.items()}

    @cached_property
    def row_order(self) -> Ints:
        """ONNX's row for every row as it is served, pass by pass, unit by unit; -1 past the last unit."""
        unit = np.arange(self.tiles * self.fold.pe)[:, None]
        order = [np.where(unit < self.units, np.array(gates)[None] * self.units + unit, -1) for gates in self.passes]
        return np.concatenate([rows.ravel() for rows in order]).astype(np.int64)

    def _served(self, values: Ints) -> Ints:
        """Return what there is for each row, in the order in which they are served; zeros past the last unit."""
        live = (self.row_order >= 0).reshape(-1, *[1] * (values.ndim - 1))
        return np.where(live, values[self.row_order], 0)

    @cached_property
    def weights(self) -> NDArray[np.int16]:
        """Contents of the weight memory: all tiles' steps that read, shape (steps, rows, simd); zeros past ends."""
        assert self.layer.weight is not None
        assert self.layer.recurrence is not None
        parts: list[NDArray[np.int16]] = []
        for matrix, steps in ((self.layer.weight[0], self.input_steps), (self.layer.recurrence[0], self.state_steps)):
            rows = self._served(matrix)
            padded = np.pad(rows, ((0, 0), (0, steps * self.fold.simd - rows.shape[1]))).astype(np.int16)
            parts.append(padded.reshape(-1, self.rows, steps, self.fold.simd).transpose(0, 2, 1, 3))
        return np.concatenate(parts, axis=1).reshape(-1, self.rows, self.fold.simd)

    @property
    def input_range(self) -> Interval:
        """What a lane holds of the input after its zero point is subtracted; zero included."""
        low, high = self.input.centered_range
        return Interval(min(low, 0), max(high, 0))

    @property
    def element(self) -> Interval:
        """What a multiplier is given: an element of the input or of the hidden state."""
        x, h = self.input_range, self.cell.hidden
        return Interval(min(x.low, h.low), max(x.high, h.high))

    @cached_property
    def sums(self) -> tuple[Interval, Interval]:
        """Every partial sum over the input, and over the hidden state."""
        assert self.layer.weight is not None
        assert self.layer.recurrence is not None
        x, h = self.input_range, self.cell.hidden
        return (
            accumulator_interval(self.layer.weight[0], None, x.low, x.high, partial=True),
            accumulator_interval(self.layer.recurrence[0], None, h.low, h.high, partial=True),
        )

    @property
    def accumulator_bits(self) -> int:
        """Signed width of an accumulator, which serves both sums in turn."""
        return max(interval.bits for interval in self.sums)

    @cached_property
    def row_multipliers(self) -> tuple[Ints, Ints]:
        """Multipliers of the two sums of every row, in the order of service."""
        of_input, of_state = self.layer.multipliers[0]
        return self._served(of_input), self._served(of_state)

    @cached_property
    def row_addends(self) -> tuple[Ints, Ints]:
        """Biases of the two sums of every row, in the order of service, without their `addend_shift` low zeros."""
        of_input, of_state = self.layer.addends[0] >> self.addend_shift
        return self._served(of_input), self._served(of_state)

    @property
    def addend_shift(self) -> int:
        """Low bits that are zero in every bias at the products' scale."""
        assert self.layer.requantize is not None
        return max(0, self.layer.requantize.shift - BIAS_GUARD_BITS)

    @cached_property
    def row_peepholes(self) -> Ints | None:
        """Peephole weights of every row that sees the old cell state, in the order of service; zero for the others."""
        if self.peephole is None:
            return None
        of_input, _, of_forget = self.peephole
        nothing = np.zeros_like(of_input)
        return self._served(np.concatenate([of_input, nothing, of_forget, nothing]))

    @property
    def output_peepholes(self) -> Ints | None:
        """Peephole weights of the output gates, unit by unit; zeros past the last one."""
        if self.peephole is None:
            return None
        return np.pad(self.peephole[1], (0, self.tiles * self.fold.pe - self.units))

    @property
    def row_units(self) -> Ints:
        """Unit of every row, in the order of service; rows past the last unit have further ones."""
        unit = np.arange(self.tiles * self.fold.pe, dtype=np.int64)
        return np.concatenate([np.repeat(unit, len(gates)) for gates in self.passes])

    @cached_property
    def initial(self) -> Mapping[str, Ints]:
        """What every state begins with, unit by unit, by the state's name; zeros past the last unit."""
        nothing = np.zeros((len(self.layer.states), self.units), np.int64)
        values = nothing if self.layer.initial is None else self.layer.initial[0].astype(np.int64)
        padded = np.pad(values, ((0, 0), (0, self.tiles * self.fold.pe - self.units)))
        return dict(zip(self.layer.states, padded, strict=True))

    @property
    def initial_words(self) -> Ints:
        """What the hidden states begin with as the lanes read them, shape (state_steps, simd); zeros past the end."""
        hidden = self.initial["h"][: self.units]
        return np.pad(hidden, (0, self.state_steps * self.fold.simd - self.units)).reshape(-1, self.fold.simd)

    @property
    def peephole_fraction(self) -> int:
        """Bits behind the point of a peephole's product."""
        assert self.cell.peephole is not None
        assert self.cell.state is not None
        return self.cell.peephole.fraction + self.cell.state.fraction

    @property
    def sum_fraction(self) -> int:
        """Bits behind the point of what is rounded to a pre-activation."""
        fraction = self.layer.product_fraction
        return fraction if self.peephole is None else max(fraction, self.peephole_fraction)

    @property
    def multiplier_bits(self) -> int:
        """Unsigned width of the multipliers."""
        return max(1, int(self.layer.multipliers.max()).bit_length())

    @cached_property
    def totals(self) -> tuple[Interval, Interval]:
        """Every multiplied sum with its bias: over the input, and over the hidden state, there with the peephole."""
        found: list[Interval] = []
        for interval, multipliers, addends in zip(
            self.sums, self.layer.multipliers[0], self.layer.addends[0], strict=True
        ):
            largest = int(multipliers.max())
            low = min(interval.low * largest, 0) + min(int(addends.min()), 0)
            high = max(interval.high * largest, 0) + max(int(addends.max()), 0)
            more = self.sum_fraction - self.layer.product_fraction
            found.append(Interval(low << more, high << more))
        if self.row_peepholes is not None:
            assert self.cell.state is not None
            seen = int(np.abs(self.row_peepholes).max()) << self.cell.state.bits - 1
            seen <<= self.sum_fraction - self.peephole_fraction
            found[1] = Interval(found[1].low - seen, found[1].high + seen)
        return found[0], found[1]
