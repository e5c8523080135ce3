"""Turns a trained float model into an integer one: ONNX in, ONNX with QuantizeLinear and DequantizeLinear pairs out.

The work is onnxruntime's static quantiser's; what accel decides is what it is told. Every choice favours a machine that
multiplies integers in order:

- **Activations are uint8, one scale and zero point per tensor.** What follows a ReLU starts at 0, so its zero point is
  0: the ReLU disappears into the requantiser's saturation, padding is a plain 0, and no bit is spent on a sign that
  never occurs. (int8 gives the same values with a zero point of -128 to subtract; symmetric int8 keeps the ReLU and
  loses a bit.) Signed tensors get the zero point their range asks for.
- **Weights are int8, symmetric, one scale per output channel**, in -127 to 127: no zero point reaches the multiplier.
- **Biases are int32** at the accumulator's scale: they are where it starts.
- **What only moves or selects values keeps its scale** (MaxPool, AveragePool, Flatten, Reshape, Transpose, Squeeze,
  Unsqueeze, Slice, Split, Pad, DepthToSpace, Resize to the nearest), so it costs no multiplier.
- **BatchNormalization is folded** into the convolution before it, a ReLU behind a MaxPool goes in front of it, and a
  division by a constant is a multiplication.
- **Ranges minimise the squared error** on what calibration saw, at the width asked for: at 8 bits that is nearly the
  largest range seen, at 4 it cuts rare outliers.

Narrower widths are written the QCDQ way, which any runtime executes: a ``Clip`` between QuantizeLinear and
DequantizeLinear (activations, 0 to 2^bits - 1) or between the int8 initializer and its DequantizeLinear (weights,
-(2^(bits-1) - 1) to 2^(bits-1) - 1) *is* the bit width. Graph inputs and outputs, and what shares their scale, stay at
8 bits: streams carry a byte a value anyway, and an argmax over four-bit logits ties.

**Recurrent nodes** (RNN, LSTM, GRU) keep their float operator between such pairs, and the formats inside their cells,
chosen by calibration, stand in the model's metadata: `docs/recurrent.md`.

Float ops that end the graph (ArgMax, Softmax, LogSoftmax) stay float, and so does a ReLU or Clip of a graph input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accel.cell import HIDDEN_BITS, METADATA_PREFIX
from accel.errors import InputError, shown
from accel.network import Network
from accel.onnx_import import load
from accel.quantize.accepted import RECURRENT
from accel.quantize.cells import chosen_formats, fixed_scales, traced_cells, with_smallest_table
from accel.quantize.emit import activation_scales, emit
from accel.quantize.graphs import real_inputs
from accel.quantize.observe import observe
from accel.quantize.prepare import prepare
from accel.quantize.runtime import ORT_VERSION, save

METADATA_KEY = "accel.quantize"
FORMAT_VERSION = 1
WIDTHS = range(2, 9)
LEAST_RECURRENT_BITS = 4


@dataclass(frozen=True, kw_only=True)
class QuantizeResult:
    """What `quantize` wrote.

    Attributes
    ----------
    path : Path
        The integer model.
    settings : dict
        What the model's metadata records under ``accel.quantize``.
    """

    path: Path
    settings: dict[str, object]


def quantize(
    model_path: str | Path,
    calibration: Mapping[str, npt.NDArray[Any]],
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
    hidden_bits: int = 8,
    output_path: str | Path,
    dims: Mapping[str, int] | None = None,
) -> QuantizeResult:
    """Quantise a float ONNX model, feed-forward or recurrent, and write it as a QDQ model.

    Parameters
    ----------
    model_path : path
        A float32 model, opset 7 or newer; one below 13 is raised to 13.
    calibration : mapping of str to ndarray
        One float32 array per graph input, under its name, any number of samples on its batch axis.
    weight_bits, activation_bits : int
        Widths from 2 to 8; inputs and outputs of the graph stay at 8, and recurrent cells take weights from 4.
    hidden_bits : int
        Width of the hidden state of recurrent cells, 8 or 16.
    output_path : path
        Where the integer model goes.
    dims : mapping of str to int, optional
        Sizes for dimensions the model leaves open, as `accel.load` takes them; the integer model has them fixed.

    Returns
    -------
    QuantizeResult
        The path written and the settings recorded in it.

    Raises
    ------
    ModelError
        If the model is not a float network made of operators that have an integer form.
    InputError
        If a width is out of range or a calibration array is missing, misnamed, misshapen or not finite.
    """
    _check_width("weight_bits", weight_bits)
    _check_width("activation_bits", activation_bits)
    if hidden_bits not in HIDDEN_BITS:
        raise InputError(f"hidden_bits must be {' or '.join(map(str, HIDDEN_BITS))}, not {hidden_bits!r}")
    model = prepare(Path(model_path), dims or {})
    recurrent = [node for node in model.graph.node if node.op_type in RECURRENT]
    if recurrent and weight_bits < LEAST_RECURRENT_BITS:
        raise InputError(f"weight_bits of a recurrent model must be {LEAST_RECURRENT_BITS} to 8, not {weight_bits}")
    network = load(model) if recurrent else None
    axes = {value.name: _batch_axis(network, value.name) for value in real_inputs(model.graph)}
    seen, samples = observe(model, calibration, axes)
    cells = traced_cells(network, calibration) if network is not None else {}
    formats = {name: chosen_formats(cell, hidden_bits) for name, cell in cells.items()}
    fixed = {k: v for node in recurrent for k, v in fixed_scales(node, formats[node.name], model.graph).items()}
    scales = activation_scales(model.graph, seen, activation_bits, fixed)
    for node in recurrent:
        x = scales[node.input[0]].quantization
        formats[node.name] = with_smallest_table(cells[node.name], formats[node.name], x, weight_bits)
    quantised = emit(model, seen, scales, weight_bits)
    settings: dict[str, object] = {
        "version": FORMAT_VERSION,
        "weight_bits": weight_bits,
        "activation_bits": activation_bits,
        "edge_bits": 8,
        "weights": "int8, symmetric, per output channel",
        "activations": "uint8, asymmetric, per tensor",
        "ranges": "least squared error",
        "calibration_samples": samples,
        "onnxruntime": ORT_VERSION,
    }
    if recurrent:
        settings["hidden_bits"] = hidden_bits
    metadata = {METADATA_KEY: json.dumps(settings)}
    metadata |= {f"{METADATA_PREFIX}{name}": chosen.to_json() for name, chosen in formats.items()}
    for key, value in metadata.items():
        quantised.metadata_props.add(key=key, value=value)
    try:
        save(quantised, Path(output_path))
    except OSError as error:
        raise InputError(f"output {shown(output_path)} cannot be written: {error.strerror}") from error
    return QuantizeResult(path=Path(output_path), settings=settings)


def accuracy(outputs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """Return the share of rows of `outputs`, shape (n, classes), whose largest value is at their label's index."""
    guesses = np.argmax(outputs.reshape(len(labels), -1), axis=1)
    return float(np.count_nonzero(guesses == labels) / len(labels))


def _batch_axis(network: Network | None, name: str) -> int:
    """Return where a graph input has its samples: first, but for recurrent models that put time there."""
    axis = network.tensors[name].batch_axis if network is not None else 0
    return 0 if axis is None else axis


def _check_width(name: str, bits: int) -> None:
    if bits not in WIDTHS:
        raise InputError(f"{name} must be {WIDTHS.start} to {WIDTHS.stop - 1}, not {bits!r}")
