"""RNN: the plain recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from accel.cell import CellFormats
from accel.fixedpoint import FixedPoint, Ints
from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example
from accel.layers.integer_recurrent import IntegerRecurrent, Term
from accel.layers.recurrent import Activation
from accel.layers.recurrent_examples import HIDDEN, PREACTIVATION, WIDE_HIDDEN, recurrent_example


@dataclass(frozen=True, kw_only=True, eq=False)
class RNN(IntegerRecurrent):
    """``h = f(x W' + h R' + biases)``.

    References
    ----------
    ONNX operator RNN. Elman, "Finding Structure in Time", Cognitive Science 1990.
    """

    op: ClassVar[str] = "RNN"
    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    default_activations: ClassVar[tuple[str, ...]] = ("Tanh",)
    pointwise_ops: ClassVar[int] = 1

    def step(self, d: int, driven: Array, states: list[Array], recurrence: Array, bias: Array) -> list[Array]:
        return [self.activate(d, 0, driven + states[0] @ recurrence + bias)]

    def sums(self, cell: CellFormats, product: Term) -> tuple[tuple[Term, ...], ...]:
        return ()

    def integer_step(self, d: int, driven: Ints, states: list[Ints]) -> list[Ints]:
        assert self.cell is not None
        preactivation = self.rounded(driven + self.fed_back(d, states[0]), self.product_fraction)
        activated = self.activated(d, 0, preactivation)
        return [self.cell.hidden.fit(activated, self.cell.activations[0].fraction)]

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        both = cls(
            input_size=2, hidden_size=3, direction="bidirectional", activations=(Activation("Relu"), Activation("Tanh"))
        )
        tanh = CellFormats(preactivation=PREACTIVATION, activations=(HIDDEN,), hidden=HIDDEN, index_bits=7)
        positive = FixedPoint(8, 6, signed=False)
        relu = CellFormats(preactivation=PREACTIVATION, activations=(positive,), hidden=positive, index_bits=7)
        steps = replace(tanh, activations=(WIDE_HIDDEN,), hidden=WIDE_HIDDEN, interpolate=False)
        rectifying = cls(input_size=2, hidden_size=4, activations=(Activation("Relu"),))
        return (
            float_example("forward", cls(input_size=3, hidden_size=4), ((5, 3),)),
            float_example("both ways", both, ((4, 2), (2, 3))),
            float_example("one step", cls(input_size=1, hidden_size=1, direction="reverse"), ((1, 1),)),
            float_example("clipped", cls(input_size=3, hidden_size=2, clip=0.3, has_bias=False), ((4, 3),)),
            recurrent_example("integers", cls(input_size=3, hidden_size=4), 4, tanh),
            recurrent_example("integers, last state", cls(input_size=2, hidden_size=5), 3, tanh, output=1),
            recurrent_example("integers, ReLU", rectifying, 3, relu, result=positive),
            recurrent_example("integers, initial state", cls(input_size=3, hidden_size=4, has_initial=True), 3, tanh),
            recurrent_example("integers, state kept", cls(input_size=3, hidden_size=4, keeps_state=True), 1, tanh),
            recurrent_example("integers, state given", cls(input_size=3, hidden_size=4), 1, tanh, given=(HIDDEN,)),
            recurrent_example("integers, one unit", cls(input_size=1, hidden_size=1, has_bias=False), 3, tanh),
            recurrent_example("integers, table in steps", cls(input_size=3, hidden_size=3, clip=0.8), 3, steps),
        )
