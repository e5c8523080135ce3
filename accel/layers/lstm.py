"""LSTM: long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.arithmetic import float_example
from accel.layers.base import Array, Example, Shape
from accel.layers.recurrent import Activation, Recurrent


@dataclass(frozen=True, kw_only=True, eq=False)
class LSTM(Recurrent):
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

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        both = cls(input_size=2, hidden_size=3, direction="bidirectional", has_peepholes=True)
        hard = cls(
            input_size=2, hidden_size=3, activations=(Activation("HardSigmoid"), Activation("Tanh"), Activation("Relu"))
        )
        return (
            float_example("forward", cls(input_size=3, hidden_size=4), ((5, 3),)),
            float_example("both ways, peepholes", both, ((4, 2), (2, 3), (2, 3))),
            float_example("one step", cls(input_size=1, hidden_size=1, direction="reverse"), ((1, 1),)),
            float_example("clipped", cls(input_size=3, hidden_size=2, clip=0.3, has_bias=False), ((4, 3),)),
            float_example("coupled gates", cls(input_size=2, hidden_size=2, input_forget=True), ((3, 2), (1, 2))),
            float_example("hard activations", hard, ((4, 2),)),
        )
