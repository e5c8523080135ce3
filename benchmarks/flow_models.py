"""Float models of the shapes that the shipped ones have not, with random weights, and data to quantise them by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from benchmarks.import_samples.sketch import Sketch


def _conv(s: Sketch, x: str, channels: int, outputs: int, kernel: int, stride: int = 1) -> str:
    """Add a convolution that keeps the size of an image, but for its stride."""
    weights = s.weights(outputs, channels, kernel, kernel, scale=(channels * kernel * kernel) ** -0.5)
    bias = s.weights(outputs, scale=0.1)
    return s.op("Conv", x, weights, bias, strides=[stride] * 2, pads=[kernel // 2] * 4)


def nested_resnet() -> onnx.ModelProto:
    """Return a stem, a block with a 1x1 shortcut of stride 2, and a residual block with another in its branch.

    Its input has shape (n, 3, 12, 10), its output (n, 5).
    """
    s = Sketch(seed=8)
    x = s.op("Relu", _conv(s, s.input("x", "n", 3, 12, 10), 3, 6, 3))
    y = s.op("Relu", _conv(s, x, 6, 8, 3, stride=2))
    y = s.op("Add", _conv(s, y, 8, 8, 3), _conv(s, x, 6, 8, 1, stride=2))
    y = s.op("Relu", y)
    z = s.op("Relu", _conv(s, y, 8, 8, 3))
    z = s.op("Relu", s.op("Add", _conv(s, z, 8, 8, 3), y))
    z = s.op("Relu", s.op("Add", _conv(s, z, 8, 8, 3), y))
    z = s.op("Flatten", s.op("GlobalAveragePool", z))
    return s.model(s.op("Gemm", z, s.weights(5, 8), s.weights(5), transB=1))


def large_lstm() -> onnx.ModelProto:
    """Return an LSTM of 64 inputs and 128 units.

    Its input has shape (6, n, 64), its output, the last hidden state, (n, 128).
    """
    s = Sketch(seed=9)
    inputs, units = 64, 128
    y = s.op(
        "LSTM",
        s.input("x", 6, "n", inputs),
        s.weights(1, 4 * units, inputs, scale=1.5 * inputs**-0.5),
        s.weights(1, 4 * units, units, scale=1.5 * units**-0.5),
        s.weights(1, 8 * units),
        outputs=2,
        hidden_size=units,
    )
    return s.model(s.op("Squeeze", f"{y}_1", s.const([0], "int64")))


def save(model: onnx.ModelProto, folder: Path, name: str, samples: int = 32) -> tuple[Path, Path]:
    """Write a model and normally distributed random calibration data, and return both files.

    Parameters
    ----------
    model : onnx.ModelProto
        An open dimension of an input is that of the samples.
    folder : Path
    name : str
        Of the model.
    samples : int
        Of calibration data.
    """
    rng = np.random.default_rng(7)
    data = {
        value.name: rng.standard_normal([d.dim_value or samples for d in value.type.tensor_type.shape.dim])
        for value in model.graph.input
    }
    path, calibration = folder / f"{name}.onnx", folder / f"{name}_calibration.npz"
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    np.savez(calibration, **{name: array.astype(np.float32) for name, array in data.items()})
    return path, calibration
