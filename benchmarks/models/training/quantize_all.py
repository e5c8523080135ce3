"""Writes NAME_qdq.onnx, eight bits throughout, for every shipped model, and prints what it cost."""

from __future__ import annotations

import numpy as np

from accel import reference, shipped
from accel.onnx_import import load
from accel.quantize import accuracy, quantize


def measured(name: str) -> float:
    """Return the accuracy of a shipped model's file on its test set, in exact integers if it is an integer model."""
    (logits,) = reference.run(load(shipped.path(name)), dict(np.load(shipped.inputs_path(name)))).values()
    return accuracy(logits, np.load(shipped.labels_path(name))["labels"])


def main() -> None:
    """Quantise all of them."""
    for name in shipped.names():
        calibration = dict(np.load(shipped.calibration_path(name)))
        quantize(shipped.path(name), calibration, output_path=shipped.folder() / f"{name}_qdq.onnx")
        print(f"{name}: float {measured(name):.2%}, integer {measured(f'{name}_qdq'):.2%}")


if __name__ == "__main__":
    main()
