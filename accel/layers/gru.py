"""GRU: the gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from accel.cell import CellFormats
from accel.fixedpoint import FixedPoint, Ints
from accel.layers.arithmetic import INT4, float_example
from accel.layers.base import Array, Example
from accel.layers.integer_recurrent import IntegerRecurrent, Term, exact_sum
from accel.layers.recurrent import Activation
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, WIDE_HIDDEN, recurrent_example


@dataclass(frozen=True, kw_only=True, eq=False)
class GRU(IntegerRecurrent):
    """Gates in ONNX's order: update z, reset r, candidate h; ``h' = (1 - z) * candidate + z * h``.

    Attributes
    ----------
    linear_before_reset : bool
        Whether the reset gate multiplies the hidden state after its matrix (as PyTorch does) or before.

    References
    ----------
    ONNX operator GRU. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014.
    """

    op: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3
    states: ClassVar[tuple[str, ...]] = ("h",)
    default_activations: ClassVar[tuple[str, ...]] = ("Sigmoid", "Tanh")
    pointwise_ops: ClassVar[int] = 8  # 3 activations, 3 products, a difference, a sum

    linear_before_reset: bool = False

    def step(self, d: int, driven: Array, states: list[Array], recurrence: Array, bias: Array) -> list[Array]:
        (hidden,) = states
        size = 2 * self.hidden_size
        gates = self.activate(d, 0, driven[:, :size] + hidden @ recurrence[:, :size] + bias[:size])
        update, reset = np.split(gates, 2, axis=1)
        if self.linear_before_reset:
            recurrent = reset * (hidden @ recurrence[:, size:] + bias[size:])
        else:
            recurrent = (reset * hidden) @ recurrence[:, size:] + bias[size:]
        candidate = self.activate(d, 1, driven[:, size:] + recurrent)
        return [(1 - update) * candidate + update * hidden]

    def sums(self, cell: CellFormats, product: Term) -> tuple[tuple[Term, ...], ...]:
        gate, candidate = cell.activations
        mixed = Term.of(gate, candidate, more_bits=1), Term.of(gate, cell.hidden)
        return (mixed, (product, Term.of(gate, cell.preactivation))) if self.linear_before_reset else (mixed,)

    def integer_step(self, d: int, driven: Ints, states: list[Ints]) -> list[Ints]:
        cell = self.cell
        assert cell is not None
        (hidden,) = states
        size, fraction = self.hidden_size, self.product_fraction
        gates, candidates = slice(0, 2 * size), slice(2 * size, None)
        both = self.rounded(driven[:, gates] + self.fed_back(d, hidden, gates), fraction)
        update, reset = np.split(self.activated(d, 0, both), 2, axis=1)
        gate_fraction, candidate_fraction = (f.fraction for f in cell.activations)
        if self.linear_before_reset:
            recurrent = cell.preactivation.fit(self.fed_back(d, hidden, candidates), fraction)
            kept = reset * recurrent, gate_fraction + cell.preactivation.fraction
            preactivation = self.rounded(*exact_sum((driven[:, candidates], fraction), kept))
        else:
            kept = cell.hidden.fit(reset * hidden, gate_fraction + cell.hidden.fraction)
            preactivation = self.rounded(driven[:, candidates] + self.fed_back(d, kept, candidates), fraction)
        candidate = self.activated(d, 1, preactivation)
        mixed = exact_sum(
            (((1 << gate_fraction) - update) * candidate, gate_fraction + candidate_fraction),
            (update * hidden, gate_fraction + cell.hidden.fraction),
        )
        return [cell.hidden.fit(*mixed)]

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        both = cls(input_size=2, hidden_size=3, direction="bidirectional", linear_before_reset=True)
        narrow = CellFormats(preactivation=PREACTIVATION, activations=(GATE,) * 2, hidden=HIDDEN, index_bits=8)
        wide = replace(narrow, hidden=WIDE_HIDDEN, index_bits=7)
        few_bits = replace(narrow, activations=(FixedPoint(8, 8, signed=False), FixedPoint(8, 7)))
        after = replace(cls(input_size=3, hidden_size=4), linear_before_reset=True)
        few = FixedPoint(12, 8)
        rectifying = replace(after, activations=(Activation("Sigmoid"), Activation("Relu")))
        before = replace(rectifying, linear_before_reset=False, hidden_size=3)
        resetting = cls(input_size=2, hidden_size=5)
        small = cls(input_size=1, hidden_size=1, linear_before_reset=True, has_bias=False)
        return (
            float_example("forward", cls(input_size=3, hidden_size=4), ((5, 3),)),
            float_example("both ways", both, ((4, 2), (2, 3))),
            float_example("one step", cls(input_size=1, hidden_size=1, direction="reverse"), ((1, 1),)),
            float_example("clipped", cls(input_size=3, hidden_size=2, clip=0.3, has_bias=False), ((4, 3),)),
            recurrent_example("integers", after, 4, narrow),
            recurrent_example("integers, reset before", cls(input_size=3, hidden_size=4), 4, narrow),
            recurrent_example("integers, last state", replace(after, hidden_size=5), 3, narrow, output=1),
            recurrent_example("integers, wide state", replace(after, input_size=4), 5, wide),
            recurrent_example("integers, one unit", small, 2, narrow, input=INT4),
            recurrent_example("integers, ReLU", rectifying, 3, replace(narrow, activations=(GATE, few))),
            recurrent_example("integers, reset before, ReLU", before, 3, replace(narrow, activations=(GATE, few))),
            recurrent_example("integers, initial state", replace(after, has_initial=True), 3, wide),
            recurrent_example("integers, reset before, initial state", replace(resetting, has_initial=True), 3, wide),
            recurrent_example("integers, state kept", replace(after, keeps_state=True), 3, wide),
            recurrent_example("integers, reset before, state kept", replace(resetting, keeps_state=True), 2, wide),
            recurrent_example("integers, state given", after, 2, wide, given=(FixedPoint(8, 6),)),
            recurrent_example("integers, reset before, state given", resetting, 2, wide, given=(WIDE_HIDDEN,)),
            recurrent_example("integers, narrow gates, clipped", replace(after, clip=1.5), 3, few_bits, weight_bits=4),
        )
