"""The integer form of RNN, LSTM and GRU, as far as they share it; no layer type lives here.

A gate row's two sums, over the input and over the hidden state, have scales of their own: each is multiplied by a
multiplier of its row, and their sum with the bias is rounded once, to the pre-activation format. Every product of gates
and states is rounded once, to the format of what it makes. ``docs/recurrent.md`` gives the formats and why.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self, TypeVar

import numpy as np

from accel.cell import BIAS_GUARD_BITS, CellFormats
from accel.curves import Curve
from accel.errors import ModelError, UnsupportedError
from accel.fixedpoint import FixedPoint, Ints, Quantization, Requantize, align, saturate
from accel.intervals import accumulator_interval
from accel.layers.arithmetic import exact_matmul
from accel.layers.base import Array, Part, Shape
from accel.layers.recurrent import DIRECTIONS, Recurrent
from accel.layers.recurrent_parts import parts_of
from accel.work import Work

_T = TypeVar("_T")

MAX_SUM_BITS = 60
"""Of the widest sum, so that no int64 of the reference overflows."""


class Term(NamedTuple):
    """The width of one term of a sum and its bits behind the point."""

    bits: int
    fraction: int

    @classmethod
    def of(cls, *factors: FixedPoint, more_bits: int = 0) -> Term:
        """Return the product of numbers in some formats."""
        return cls(sum(f.bits for f in factors) + more_bits, sum(f.fraction for f in factors))


def sum_bits(terms: Sequence[Term]) -> int:
    """Return the width of the exact sum of some terms."""
    fraction = max(term.fraction for term in terms)
    return max(term.bits + fraction - term.fraction for term in terms) + len(terms) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerRecurrent(Recurrent):
    """A recurrent layer that has an integer form.

    Attributes
    ----------
    cell : CellFormats, optional
        The formats of the integer form. In it ``requantize.scales`` has shape (directions * 2 * gates * hidden,): for
        each direction one per row of the weights, then one per row of the recurrence; and ``bias`` has
        `BIAS_GUARD_BITS` more bits behind the point than the pre-activation.
    outputs : tuple of FixedPoint
        Of every output, in the integer form.
    weight_bits : int
        Of both matrices, in the integer form.
    output : int, optional
        The one output it gives, counted as ONNX counts them; ``None`` for all: in a network whose other layers read
        one of them only.
    with_cell : bool
        Whether, in the integer form, the one output is followed by the cell states of the same steps.
    keeps_state : bool
        Whether, in the integer form, a sample begins with the last states of the sample before it.
    """

    cell: CellFormats | None = None
    outputs: tuple[FixedPoint, ...] = ()
    weight_bits: int = 8
    output: int | None = None
    with_cell: bool = False
    keeps_state: bool = False

    @property
    def is_stateful(self) -> bool:
        return self.keeps_state

    def keeping_state(self, shapes: Sequence[Shape]) -> Self:
        if self.cell is None:
            return self
        if self.direction != "forward":
            raise UnsupportedError(f"{self.op} keeps its state forward in time, not {self.direction}", op=self.op)
        if len(shapes) > 1:
            raise UnsupportedError(f"{self.op} keeps its state only where none is given with the input", op=self.op)
        return replace(self, keeps_state=True)

    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        every = super().infer(shapes)
        return self._given(every, every[0])

    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        works = super().work(shapes)
        return works if not self.output else tuple(replace(work, ofmap=self.hidden_size) for work in works)

    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        every = super().forward(inputs)
        return self._given(every, every[0])

    def _given(self, every: tuple[_T, ...], cells: _T) -> tuple[_T, ...]:
        """Return what the layer gives of ``every`` output and of the last state of every step, ``cells``."""
        if self.output is None:
            return every
        beside = (every[-1] if self.output else cells,) if self.with_cell else ()
        return (every[self.output], *beside)

    def parts(self, shapes: Sequence[Shape], read: Sequence[int]) -> tuple[Part, ...]:
        return parts_of(self, shapes, read)

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        raise self._without_formats()

    def in_formats(
        self,
        cell: CellFormats,
        inputs: Sequence[Quantization],
        outputs: Sequence[FixedPoint] | None,
        weight: tuple[Ints, Array],
        recurrence: tuple[Ints, Array],
        weight_bits: int = 8,
    ) -> Self:
        """Return the integer form of this layer, whose biases, initial states and peepholes are real numbers.

        Parameters
        ----------
        cell : CellFormats
        inputs : sequence of Quantization
            Of the sequence, then of the initial states that are given: powers of two without zero point.
        outputs : sequence of FixedPoint, optional
            Of every output; by default those of the states.
        weight, recurrence : (integers, scales)
            The matrices' integers, zero point subtracted, and float64 scales of shape (directions, gates * hidden).
        weight_bits : int

        Raises
        ------
        ModelError
            If the formats do not fit the layer, or a sum could overflow 63 bits.
        """
        self.check_formats(cell)
        for quantization in inputs[1:]:
            FixedPoint.of(quantization)
        scales = np.stack([weight[1] * inputs[0].scale, recurrence[1] * cell.hidden.scale], axis=1)
        low, high = cell.preactivation.low, cell.preactivation.high
        if self.clip is not None:
            high = min(high, int(cell.preactivation.nearest(np.array(self.clip))))
            low = max(low, -high)
        layer = replace(
            self,
            weight=weight[0].astype(np.int16),
            recurrence=recurrence[0].astype(np.int16),
            bias=None if self.bias is None else _integer_bias(self.bias, cell.preactivation),
            initial=None if self.initial is None else self._integer_states(self.initial, cell),
            cell=cell,
            outputs=tuple(outputs) if outputs is not None else self.state_formats(cell),
            weight_bits=weight_bits,
            requantize=Requantize(scales.reshape(-1) / cell.preactivation.scale, 0, low, high),
            **self.more_integers(cell),
        )
        layer._check_widths(inputs[0])
        return layer

    def _without_formats(self) -> UnsupportedError:
        return UnsupportedError(f"{self.op} has no integer form without the formats of its cell: run accel quantize")

    def check_formats(self, cell: CellFormats) -> None:
        """Refuse the formats of another kind of cell."""
        if len(cell.activations) != len(self.default_activations):
            raise ModelError(
                f"{self.op} formats must have {len(self.default_activations)} activations, not {len(cell.activations)}"
            )
        if ("c" in self.states) != (cell.state is not None):
            raise ModelError(f"{self.op} formats must {'' if 'c' in self.states else 'not '}have a cell state")

    def state_formats(self, cell: CellFormats) -> tuple[FixedPoint, ...]:
        """Return the formats of the sequence of hidden states and of the last states."""
        return (cell.hidden, cell.hidden)

    def _integer_states(self, real: Array, cell: CellFormats) -> Ints:
        """Return initial states, shape (directions, states, hidden), in the formats of the states."""
        forms = self.state_formats(cell)[1:]
        return np.stack([form.nearest(real[:, i]) for i, form in enumerate(forms)], axis=1)

    def more_integers(self, cell: CellFormats) -> dict[str, Ints]:
        """Return the integers of parameters besides weights, recurrence and bias, by field name."""
        return {}

    def _check_widths(self, x: Quantization) -> None:
        """Refuse sums that 63 bits do not hold."""
        cell, requantize = self.cell, self.requantize
        assert cell is not None
        assert requantize is not None
        assert self.weight is not None
        assert self.recurrence is not None
        driven = accumulator_interval(self.weight.reshape(-1, self.input_size), None, *x.centered_range)
        hidden = cell.hidden.low, cell.hidden.high
        fed_back = accumulator_interval(self.recurrence.reshape(-1, self.hidden_size), None, *hidden)
        bits = requantize.product_bits(driven.low + fed_back.low, driven.high + fed_back.high)
        if self.bias is not None:
            largest = int(np.abs(self.bias).max(initial=0)).bit_length()
            bits = max(bits, largest + requantize.shift - BIAS_GUARD_BITS) + 1
        product = Term(bits, self.product_fraction)
        widest = max([bits, *(sum_bits(terms) for terms in self.sums(cell, product))])
        if widest > MAX_SUM_BITS:
            raise ModelError(f"{self.op} sums must fit {MAX_SUM_BITS} bits, not {widest}")

    @abstractmethod
    def sums(self, cell: CellFormats, product: Term) -> tuple[tuple[Term, ...], ...]:
        """Return the terms of every sum of a step whose terms differ in their bits behind the point.

        Parameters
        ----------
        cell : CellFormats
        product : Term
            A multiplied sum of a gate row.
        """

    @cached_property
    def multipliers(self) -> Ints:
        """The integer multipliers, shape (directions, 2, gates * hidden): of the weights' and the recurrence's sums."""
        assert self.requantize is not None
        return self.requantize.multipliers.reshape(self.directions, 2, -1)

    @cached_property
    def addends(self) -> Ints:
        """The biases at the products' scale, shape (directions, 2, gates * hidden)."""
        assert self.cell is not None
        fraction = self.cell.preactivation.fraction
        bias = self.bias if self.bias is not None else np.zeros((self.directions, 2 * self.multipliers.shape[2]), int)
        return align(bias, fraction + BIAS_GUARD_BITS, self.product_fraction).reshape(self.multipliers.shape)

    @property
    def product_fraction(self) -> int:
        """Bits behind the point of a multiplied sum."""
        assert self.cell is not None
        assert self.requantize is not None
        return self.cell.preactivation.fraction + self.requantize.shift

    @cached_property
    def curves(self) -> tuple[Curve | None, ...]:
        """The table of every activation; ``None`` for a Relu, which needs none."""
        cell = self.cell
        assert cell is not None
        forms = cell.activations * self.directions
        return tuple(
            None
            if activation.name == "Relu"
            else Curve(activation, cell.preactivation, form, cell.index_bits, cell.interpolate)
            for activation, form in zip(self.activations, forms, strict=True)
        )

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        if self.cell is None:
            raise self._without_formats()
        x = inputs[0].astype(np.int64) - quantizations[0].zero_point
        formats = self.state_formats(self.cell)
        states = self.first_states(1 if self.keeps_state else len(x), np.int64)
        given = zip(inputs[1:], quantizations[1:], formats[1:], states, strict=False)
        for array, quantization, form, state in given:
            state[...] = form.fit(array.astype(np.int64), FixedPoint.of(quantization).fraction)
        if self.keeps_state:
            runs: list[list[Ints]] = []
            for sample in x[:, None]:
                runs.append(self._run(sample, states))
                states = runs[-1][1:-1]
            found = [np.concatenate(arrays) for arrays in zip(*runs, strict=True)]
        else:
            found = self._run(x, states)
        fitted = [
            output.fit(value, form.fraction)
            for value, form, output in zip(
                found, (*formats, formats[-1]), (*self.outputs, self.outputs[-1]), strict=True
            )
        ]
        return self._given(tuple(fitted[:-1]), fitted[-1])

    def _run(self, x: Ints, states: Sequence[Ints]) -> list[Ints]:
        """Return what comes of sequences ``x``, zero point subtracted, in the formats of the states.

        The hidden state of every step, the last of every state, and the last one of the states at every step.
        """
        assert self.weight is not None
        n, steps = x.shape[:2]
        every = np.empty((n, steps, self.directions, self.hidden_size), np.int64)
        cells = np.empty_like(every) if self.with_cell else every
        last = [np.empty((n, self.directions, self.hidden_size), np.int64) for _ in states]
        for d, step in enumerate(DIRECTIONS[self.direction]):
            driven = exact_matmul(x, self.weight[d].T) * self.multipliers[d, 0] + self.addends[d, 0]
            now = [state[:, d] for state in states]
            for t in range(steps)[::step]:
                now = self.integer_step(d, driven[:, t], now)
                cells[:, t, d] = now[-1]
                every[:, t, d] = now[0]
            for state, value in zip(last, now, strict=True):
                state[:, d] = value
        return [every, *last, cells]

    @abstractmethod
    def integer_step(self, d: int, driven: Ints, states: list[Ints]) -> list[Ints]:
        """Return the states, in their formats, after one step.

        Parameters
        ----------
        d : int
            Direction.
        driven : int64 array, shape (n, gates * hidden)
            What the input adds to each gate, multiplied, its bias included.
        states : list of int64 arrays, shape (n, hidden)
            Before the step.
        """

    def fed_back(self, d: int, hidden: Ints, rows: slice = slice(None)) -> Ints:
        """Return what the hidden state adds to some gate rows, multiplied, its bias included."""
        assert self.recurrence is not None
        acc = exact_matmul(hidden, self.recurrence[d, rows].T)
        return acc * self.multipliers[d, 1, rows] + self.addends[d, 1, rows]

    def activated(self, d: int, which: int, preactivation: Ints) -> Ints:
        """Return activation ``which`` of pre-activations, in its output's format."""
        assert self.cell is not None
        curve = self.curves[d * len(self.default_activations) + which]
        if curve is not None:
            return curve(preactivation)
        return self.cell.activations[which].fit(np.maximum(preactivation, 0), self.cell.preactivation.fraction)

    def rounded(self, value: Ints, fraction: int) -> Ints:
        """Return the pre-activation of a sum with ``fraction`` bits behind the point, clipped if the layer says so."""
        assert self.cell is not None
        assert self.requantize is not None
        rounded = align(value, fraction, self.cell.preactivation.fraction)
        return saturate(rounded, self.requantize.low, self.requantize.high)


def _integer_bias(real: Array, preactivation: FixedPoint) -> Ints:
    scaled = np.rint(np.ldexp(real.astype(np.float64), preactivation.fraction + BIAS_GUARD_BITS))
    if not np.abs(scaled).max(initial=0) < 1 << MAX_SUM_BITS:
        raise ModelError(f"biases must be finite and fit the pre-activation, not be {np.abs(real).max():.3g}")
    return scaled.astype(np.int64)


def exact_sum(*terms: tuple[Ints, int]) -> tuple[Ints, int]:
    """Return the sum of integers with different numbers of bits behind the point, and the number it has itself."""
    fraction = max(f for _, f in terms)
    total = sum((align(value, f, fraction) for value, f in terms), np.int64(0))
    return np.asarray(total), fraction
