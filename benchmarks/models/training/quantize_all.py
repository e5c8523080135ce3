"""Writes NAME_qdq.onnx, eight bits throughout, for every shipped feed-forward model, and prints what it cost."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from accel import shipped
from accel.quantize import accuracy, quantize

RECURRENT = ("gru", "lstm", "rnn")


def measured(name: str) -> float:
    """Return the accuracy of a shipped model's file on its test set."""
    session = ort.InferenceSession(shipped.path(name), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, dict(np.load(shipped.inputs_path(name))))
    return accuracy(logits, np.load(shipped.labels_path(name))["labels"])


def main() -> None:
    """Quantise all of them."""
    for name in shipped.names():
        if name in RECURRENT:
            continue
        calibration = dict(np.load(shipped.calibration_path(name)))
        quantize(shipped.path(name), calibration, output_path=shipped.folder() / f"{name}_qdq.onnx")
        print(f"{name}: float {measured(name):.2%}, integer {measured(f'{name}_qdq'):.2%}")


if __name__ == "__main__":
    main()
