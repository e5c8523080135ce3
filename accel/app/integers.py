"""``accel run`` and ``accel quantize``: a float model becomes an integer one, and an integer one gives its answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel import reference
from accel.app import files, models, tensors
from accel.errors import InputError, ModelError, shown
from accel.layers.arg_max import ArgMax
from accel.network import Network
from accel.onnx_import import load


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many of the samples have their largest output at their label's index."""

    correct: int
    samples: int

    @property
    def share(self) -> float:
        """Correct samples over all samples."""
        return self.correct / self.samples

    def __str__(self) -> str:
        return f"{100 * self.share:.2f} % ({self.correct:,} of {self.samples:,})"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What `run` did.

    Attributes
    ----------
    samples : int
    seconds : float
        Of the reference alone.
    accuracy : Accuracy or None
        ``None`` without labels.
    output : Path
    """

    samples: int
    seconds: float
    accuracy: Accuracy | None
    output: Path

    def __str__(self) -> str:
        accuracy = f"accuracy {self.accuracy}, " if self.accuracy else ""
        return f"{self.samples:,} samples in {self.seconds:.2f} s, {accuracy}outputs in {self.output}"


@dataclass(frozen=True, slots=True)
class QuantizeResult:
    """What `quantize` did: the model it wrote, and accuracies if there were labels."""

    output: Path
    weight_bits: int
    activation_bits: int
    float_accuracy: Accuracy | None
    integer_accuracy: Accuracy | None

    @property
    def widths(self) -> str:
        """Both widths, in words."""
        return f"{self.weight_bits}-bit weights, {self.activation_bits}-bit activations"

    def __str__(self) -> str:
        accuracy = (
            f"accuracy float {self.float_accuracy}, integer {self.integer_accuracy}, "
            if self.float_accuracy and self.integer_accuracy
            else ""
        )
        return f"{self.widths}, {accuracy}integer model in {self.output}"


def run(
    model: str | Path,
    input_path: Path,
    output_path: Path,
    labels_path: Path | None = None,
    dims: Mapping[str, int] | None = None,
) -> RunResult:
    """Run an integer model on a data file and write its outputs, one array per graph output.

    Raises
    ------
    AccelError
        If the model or a file cannot be used.
    """
    files.check_writable(output_path)
    network = load_integer(models.find(model, integer=True).path, dims)
    inputs = tensors.read_inputs(network, input_path)
    count = tensors.samples(network, inputs)
    labels = tensors.read_labels(labels_path, count) if labels_path is not None else None
    start = time.perf_counter()
    outputs = reference.run(network, inputs)
    seconds = time.perf_counter() - start
    tensors.write_npz(output_path, outputs)
    measured = accuracy(network, outputs, labels) if labels is not None else None
    return RunResult(count, seconds, measured, output_path)


def quantize(
    model: str | Path,
    calibration_path: Path,
    output_path: Path,
    *,
    labels_path: Path | None = None,
    input_path: Path | None = None,
    weight_bits: int = 8,
    activation_bits: int = 8,
    hidden_bits: int = 8,
    dims: Mapping[str, int] | None = None,
) -> QuantizeResult:
    """Quantise a float model; with labels, measure both models on the inputs that belong to them.

    Raises
    ------
    AccelError
        If the model or a file cannot be used.
    """
    from accel.quantize import quantize as quantize_model

    files.check_writable(output_path)
    source = models.find(model, integer=False).path
    calibration = tensors.read_npz(calibration_path)
    inputs, labels = {}, None
    if labels_path is not None:
        network = load(source, dims=dims)
        inputs = tensors.read_inputs(network, calibration_path if input_path is None else input_path)
        labels = tensors.read_labels(labels_path, tensors.samples(network, inputs))
    quantize_model(
        source,
        calibration,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        hidden_bits=hidden_bits,
        output_path=output_path,
        dims=dims,
    )
    of_float, of_integer = None, None
    if labels is not None:
        of_float = measure(load(source, dims=dims), inputs, labels)
        of_integer = measure(load(output_path), inputs, labels)
    return QuantizeResult(output_path, weight_bits, activation_bits, of_float, of_integer)


def load_integer(path: Path, dims: Mapping[str, int] | None = None) -> Network:
    """Return the network of an integer model.

    Raises
    ------
    ModelError
        If it cannot be imported or is a float model.
    """
    network = load(path, dims=dims)
    if not network.is_integer:
        raise ModelError(f"model {shown(path)} is a float model; make an integer one: accel quantize")
    return network


def measure(network: Network, inputs: Mapping[str, NDArray[Any]], labels: NDArray[np.int64]) -> Accuracy:
    """Run ``network`` and count the samples it classifies as labelled."""
    return accuracy(network, reference.run(network, inputs), labels)


def accuracy(network: Network, outputs: Mapping[str, NDArray[Any]], labels: NDArray[np.int64]) -> Accuracy:
    """Count the samples whose largest output is at their label's index, or whose ArgMax is their label.

    Raises
    ------
    InputError
        If the network has several outputs, so that none of them is *the* classification, or a label is no class.
    """
    if len(network.outputs) != 1:
        raise InputError(f"accuracy needs a network of one output, not {', '.join(map(shown, network.outputs))}")
    name = network.outputs[0]
    axis = network.tensors[name].batch_axis
    values = outputs[name] if axis is None else np.moveaxis(outputs[name], axis, 0)
    scores = values.reshape(len(labels), -1)
    (writer,) = (node for node in network if name in node.outputs)
    chosen = isinstance(writer.layer, ArgMax) and scores.shape[1] == 1
    classes = network.shapes(writer)[0][writer.layer.axis] if isinstance(writer.layer, ArgMax) else scores.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise InputError(f"labels must lie in [0, {classes - 1}], not be {wrong}")
    guesses = scores[:, 0] if chosen else np.argmax(scores, axis=1)
    return Accuracy(int(np.count_nonzero(guesses == labels)), len(labels))
