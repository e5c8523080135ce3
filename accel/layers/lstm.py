"""LSTM: long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from accel.cell import CellFormats
from accel.errors import ModelError
from accel.fixedpoint import FixedPoint, Ints
from accel.layers.arithmetic import INT4, float_example
from accel.layers.base import Array, Example, Shape
from accel.layers.integer_recurrent import IntegerRecurrent, Term, exact_sum
from accel.layers.recurrent import Activation
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, STATE, WIDE_HIDDEN, recurrent_example


@dataclass(frozen=True, kw_only=True, eq=False)
class LSTM(IntegerRecurrent):
    """Gates in ONNX's order: input i, output o, forget f, cell g; ``c' = f * c + i * g``, ``h' = o * tanh(c')``.

    Attributes
    ----------
    has_peepholes : bool
        Whether the gates see the cell state.
    input_forget : bool
        Whether the forget gate is one less the input gate.
    peephole : array, shape (directions, 3 * hidden), optional
        Of input, output and forget gate.

    References
    ----------
    ONNX operator LSTM. Gers, Schraudolph, Schmidhuber, "Learning Precise Timing with LSTM Recurrent Networks", JMLR
    2002, for peepholes.
    """

    op: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    default_activations: ClassVar[tuple[str, ...]] = ("Sigmoid", "Tanh", "Tanh")
    pointwise_ops: ClassVar[int] = 9  # 5 activations, 3 products, a sum

    has_peepholes: bool = False
    input_forget: bool = False
    peephole: Array | None = None

    def weight_shapes(self) -> Mapping[str, Shape]:
        peephole = {"peephole": (self.directions, 3 * self.hidden_size)} if self.has_peepholes else {}
        return {**super().weight_shapes(), **peephole}

    def step(self, d: int, driven: Array, states: list[Array], recurrence: Array, bias: Array) -> list[Array]:
        hidden, cell = states
        i, o, f, g = np.split(driven + hidden @ recurrence + bias, 4, axis=1)
        if self.peephole is not None:
            of_input, of_output, of_forget = np.split(self.peephole[d], 3)
        else:
            of_input = of_output = of_forget = np.zeros((), driven.dtype)
        enter = self.activate(d, 0, i + of_input * cell)
        keep = 1 - enter if self.input_forget else self.activate(d, 0, f + of_forget * cell)
        cell = keep * cell + enter * self.activate(d, 1, g)
        leave = self.activate(d, 0, o + of_output * cell)
        return [leave * self.activate(d, 2, cell), cell]

    def state_formats(self, cell: CellFormats) -> tuple[FixedPoint, ...]:
        assert cell.state is not None
        return (cell.hidden, cell.hidden, cell.state)

    def more_integers(self, cell: CellFormats) -> dict[str, Ints]:
        if self.peephole is None:
            return {}
        if cell.peephole is None:
            raise ModelError("LSTM formats must have one for the peepholes")
        return {"peephole": cell.peephole.nearest(self.peephole)}

    def sums(self, cell: CellFormats, product: Term) -> tuple[tuple[Term, ...], ...]:
        assert cell.state is not None
        gate, entering, _ = cell.activations
        states = Term.of(gate, cell.state, more_bits=1), Term.of(gate, entering)
        return (states, (product, Term.of(cell.peephole, cell.state))) if cell.peephole is not None else (states,)

    def integer_step(self, d: int, driven: Ints, states: list[Ints]) -> list[Ints]:
        cell = self.cell
        assert cell is not None
        assert cell.state is not None
        hidden, state = states
        i, o, f, g = np.split(driven + self.fed_back(d, hidden), 4, axis=1)
        gate, entering, leaving = (form.fraction for form in cell.activations)
        enter = self.activated(d, 0, self._seeing(d, 0, i, state))
        keep = (1 << gate) - enter if self.input_forget else self.activated(d, 0, self._seeing(d, 2, f, state))
        candidate = self.activated(d, 1, self.rounded(g, self.product_fraction))
        state = cell.state.fit(
            *exact_sum((keep * state, gate + cell.state.fraction), (enter * candidate, gate + entering))
        )
        leave = self.activated(d, 0, self._seeing(d, 1, o, state))
        squashed = self.activated(d, 2, self.rounded(state, cell.state.fraction))
        return [cell.hidden.fit(leave * squashed, gate + leaving), state]

    def _seeing(self, d: int, which: int, product: Ints, state: Ints) -> Ints:
        """Return the pre-activation of a gate, which sees the cell state if there are peepholes."""
        cell = self.cell
        assert cell is not None
        if self.peephole is None:
            return self.rounded(product, self.product_fraction)
        assert cell.peephole is not None
        assert cell.state is not None
        weight = np.split(self.peephole[d], 3)[which]
        seen = weight * state, cell.peephole.fraction + cell.state.fraction
        return self.rounded(*exact_sum((product, self.product_fraction), seen))

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        both = cls(input_size=2, hidden_size=3, direction="bidirectional", has_peepholes=True)
        hard = cls(
            input_size=2, hidden_size=3, activations=(Activation("HardSigmoid"), Activation("Tanh"), Activation("Relu"))
        )
        narrow = CellFormats(
            preactivation=PREACTIVATION, activations=(GATE,) * 3, hidden=HIDDEN, state=STATE, index_bits=8
        )
        wide = replace(narrow, hidden=WIDE_HIDDEN, state=FixedPoint(16, 13), index_bits=7)
        peeping = replace(narrow, peephole=FixedPoint(16, 13))
        seeing = cls(input_size=2, hidden_size=3, has_peepholes=True)
        rectifying = cls(
            input_size=3, hidden_size=2, activations=(Activation("Sigmoid"), Activation("Relu"), Activation("Tanh"))
        )
        clipped = cls(input_size=3, hidden_size=3, clip=1.5, has_bias=False)
        return (
            float_example("forward", cls(input_size=3, hidden_size=4), ((5, 3),)),
            float_example("both ways, peepholes", both, ((4, 2), (2, 3), (2, 3))),
            float_example("one step", cls(input_size=1, hidden_size=1, direction="reverse"), ((1, 1),)),
            float_example("clipped", cls(input_size=3, hidden_size=2, clip=0.3, has_bias=False), ((4, 3),)),
            float_example("coupled gates", cls(input_size=2, hidden_size=2, input_forget=True), ((3, 2), (1, 2))),
            float_example("hard activations", hard, ((4, 2),)),
            float_example("initial states", replace(both, has_initial=True), ((3, 2),)),
            recurrent_example("integers", cls(input_size=3, hidden_size=4), 4, narrow),
            recurrent_example("integers, last state", cls(input_size=2, hidden_size=5), 3, narrow, output=1),
            recurrent_example("integers, wide state", cls(input_size=4, hidden_size=2), 5, wide),
            recurrent_example("integers, one unit", cls(input_size=1, hidden_size=1), 1, narrow, input=INT4),
            recurrent_example("integers, clipped", clipped, 3, narrow, weight_bits=4),
            recurrent_example("integers, peepholes", replace(seeing, clip=1.5), 4, peeping),
            recurrent_example(
                "integers, coupled gates", replace(seeing, has_peepholes=False, input_forget=True), 3, wide
            ),
            recurrent_example("integers, coupled, peepholes", replace(seeing, input_forget=True), 3, peeping, output=1),
            recurrent_example("integers, initial states", replace(seeing, has_initial=True), 3, peeping),
            recurrent_example(
                "integers, state kept", replace(seeing, has_initial=True, keeps_state=True), 3, peeping, output=1
            ),
            recurrent_example("integers, states given", seeing, 2, peeping, given=(HIDDEN, FixedPoint(16, 13))),
            recurrent_example("integers, cell states", replace(seeing, with_cell=True), 3, peeping),
            recurrent_example("integers, last cell states", replace(seeing, with_cell=True), 3, peeping, output=1),
            recurrent_example("integers, last cell state only", cls(input_size=2, hidden_size=3), 2, wide, output=2),
            recurrent_example("integers, ReLU", rectifying, 3, replace(narrow, activations=(GATE, STATE, GATE))),
        )
