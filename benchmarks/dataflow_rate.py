"""The dataflow designs of the shipped networks against their bounds, and the stepper's speed.

``python -m benchmarks.dataflow_rate``. Cycles are the stepper's, which the emitted Verilog is held to.
"""

from __future__ import annotations

import time

import accel
from accel import plan, shipped, stepper

NNGEN_CYCLES = {25: 91_801, 50: 50_401}
"""Cycles a frame of NNgen on the same network, by its multipliers: quoted from the project's targets, not run here."""
BUDGETS = (7, 10, 15, 20, 27, 40, 60, 90, 120, 150)
TARGET = "ecp5-85f"


def main() -> None:
    """Print the figures."""
    lenet5 = accel.load(str(shipped.path("lenet5_qdq")))
    made = plan.make(lenet5, target=TARGET, budget={"multipliers": 27})
    used = made.resources["multipliers"]
    print(f"LeNet-5 with {used} multipliers: {made.interval_cycles:,.0f} cycles a frame; {lenet5.macs / used:,.0f} "
          "if every multiplier worked in every cycle")  # fmt: skip
    for multipliers, cycles in NNGEN_CYCLES.items():
        print(f"  NNgen with {multipliers} (quoted): {cycles:,}, {cycles / made.interval_cycles:.1f} times as many")

    for name in ("lenet5", "cnn_small", "mlp"):
        network = accel.load(str(shipped.path(f"{name}_qdq")))
        worst = 0.0
        for budget in BUDGETS:
            design = plan.make(network, target=TARGET, budget={"multipliers": budget}).design(network)
            run = stepper.step(design.graph, 2 * len(design.kernels) + 4)
            worst = max(worst, run.interval_cycles / design.graph.bound_cycles)
        print(f"{name}: at {len(BUDGETS)} budgets of {BUDGETS[0]} to {BUDGETS[-1]} multipliers, "
              f"cycles at most {worst:.3f} times the slowest kernel's")  # fmt: skip

    graph = made.design(lenet5).graph
    began = time.perf_counter()
    run = stepper.step(graph, 200)
    seconds = time.perf_counter() - began
    print(f"stepper: {run.cycles * len(graph.schedules) / seconds / 1e6:,.0f} million kernel-cycles a second")


if __name__ == "__main__":
    main()
