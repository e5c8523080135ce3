"""How many samples a second the integer reference runs, for every shipped quantised model.

Run it with ``python benchmarks/reference_rate.py``; each figure is the best of five runs of the model's test set.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import accel
from accel import reference, shipped
from accel.errors import InputError

REPEATS = 5


def best_rate(name: str, path: Path) -> tuple[int, float]:
    """Return how many test samples model ``name`` has, and how many a second its quantised form at ``path`` runs."""
    network = accel.load(path)
    with np.load(shipped.inputs_path(name)) as archive:
        inputs = {key: archive[key] for key in archive.files}
    samples = next(iter(inputs.values())).shape[0]
    best = 0.0
    for _ in range(REPEATS):
        start = time.perf_counter()
        reference.run(network, inputs)
        best = max(best, samples / (time.perf_counter() - start))
    return samples, best


def main() -> None:
    """Print one line per model."""
    for name in shipped.names():
        try:
            path = shipped.path(f"{name}_qdq")
        except InputError:  # a recurrent model is shipped in floating point only
            continue
        samples, rate = best_rate(name, path)
        print(f"{name:12} {samples:5} samples {rate:12,.0f} samples/s")


if __name__ == "__main__":
    main()
