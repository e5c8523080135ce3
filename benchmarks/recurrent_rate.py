"""Cycles a time step of every recurrent cell, beside the bound: ``python -m benchmarks.recurrent_rate``.

What a time step more adds to the interval of tensors, by the stepper, at the best fold of so many multipliers. The
bound is the larger of the products' cycles and the critical path; the ratio is to it. All gate rows one by one through
the one gate pipeline are another bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from accel import stepper
from accel.cell import CellFormats
from accel.layers.arithmetic import UINT8
from accel.layers.gru import GRU
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.lstm import LSTM
from accel.layers.recurrent_examples import GATE, HIDDEN, PREACTIVATION, STATE, recurrent_example
from accel.layers.rnn import RNN
from accel.schedule.fold import Fold
from accel.schedule.graph import TOP, Link, ScheduleGraph
from accel.schedule.recurrent import Recurrent

STEPS = 12
UNITS = (32, 64, 128, 256)
MULTIPLIERS = (8, 64)


def cells(inputs: int, units: int) -> dict[str, IntegerRecurrent]:
    """Return every cell of a size, by name."""
    sizes = {"input_size": inputs, "hidden_size": units}
    return {
        "LSTM": LSTM(**sizes),
        "GRU, `linear_before_reset` 1": GRU(**sizes, linear_before_reset=True),
        "GRU, `linear_before_reset` 0": GRU(**sizes),
        "RNN": RNN(**sizes),
    }


def placed(layer: IntegerRecurrent, fold: Fold) -> Recurrent:
    """Return the kernel of a cell with random integers."""
    gates = {"LSTM": (GATE,) * 3, "GRU": (GATE,) * 2, "RNN": (HIDDEN,)}[layer.op]
    formats = CellFormats(
        preactivation=PREACTIVATION, activations=gates, hidden=HIDDEN, index_bits=8,
        state=STATE if layer.op == "LSTM" else None,
    )  # fmt: skip
    example = recurrent_example("placed", layer, STEPS, formats)
    return Recurrent.of(example.layer, example.shapes, (UINT8,), HIDDEN.quantization, (1,), fold=fold)


def best(layer: IntegerRecurrent, multipliers: int) -> Recurrent:
    """Return the kernel that takes the fewest steps on at most so many multipliers."""
    rows = placed(layer, Fold(1, 1)).rows
    folds = [Fold(pe, multipliers // (rows * pe)) for pe in range(1, multipliers // rows + 1)]
    kernels = [placed(layer, fold) for fold in folds if fold.pe <= layer.hidden_size]
    return min(kernels, key=lambda k: k.total_steps)


def interval_cycles(kernel: Recurrent) -> int:
    """Return the cycles from one tensor to the next."""
    links = (Link((TOP, 0), (0, 0)), Link((0, 0), (TOP, 0)))
    return stepper.step(ScheduleGraph(("k",), (kernel.schedule,), links), 8).interval_cycles


def step_cycles(kernel: Recurrent) -> float:
    """Return the cycles a time step more takes; the first of a tensor reads constants and waits for nothing."""
    longer = replace(kernel, time_steps=2 * kernel.time_steps)
    return (interval_cycles(longer) - interval_cycles(kernel)) / kernel.time_steps


@dataclass(frozen=True, slots=True)
class Rate:
    """What a time step takes.

    Attributes
    ----------
    kernel : Recurrent
        Best folded.
    multipliers : int
        MAC multipliers it has.
    products : float
        Cycles of its products.
    cycles : float
        Of a time step more.
    """

    kernel: Recurrent
    multipliers: int
    products: float
    cycles: float

    @property
    def bound(self) -> float:
        """The larger of the products' cycles and the critical path."""
        return max(self.products, self.kernel.critical_cycles)


def rate(layer: IntegerRecurrent, multipliers: int) -> Rate:
    """Return what a time step of a cell takes on at most so many multipliers."""
    kernel = best(layer, multipliers)
    used = kernel.multipliers["mac"][0]
    products = layer.gates * layer.hidden_size * (layer.input_size + layer.hidden_size) / used
    return Rate(kernel, used, products, step_cycles(kernel))


def row(name: str, inputs: int, units: int, multipliers: int) -> str:
    """Return a row of the table."""
    found = rate(cells(inputs, units)[name], multipliers)
    kernel = found.kernel
    return (
        f"| {name} | {inputs}, {units} | {found.multipliers} | {kernel.fold.pe} x {kernel.fold.simd} "
        f"| {found.products:,.0f} | {kernel.critical_cycles:,} | {kernel.gate_cycles:,} | {found.cycles:,.0f} "
        f"| {found.cycles / found.bound:.2f} |"
    )


def main() -> None:
    """Print the table."""
    print("| cell | inputs, units | MAC multipliers | pe x simd | products | critical path | gates | cycles | ratio |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    print(row("LSTM", 6, 20, 8))
    for name in cells(1, 1):
        for multipliers in MULTIPLIERS:
            for units in UNITS:
                print(row(name, units, units, multipliers))


if __name__ == "__main__":
    main()
