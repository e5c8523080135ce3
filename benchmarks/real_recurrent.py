"""A recurrent model made by others, from its file to its price in gateware.

``python -m benchmarks.real_recurrent FOLDER``, where FOLDER holds the unpacked package ddddocr (docs/real_models.md).
Its text recogniser, convolutions and a bidirectional LSTM, is quantised and read beside the float model on lines of
two of the shipped handwritten digits; then it is priced on every machine, and asked of every part.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import accel
from accel import reference, shipped, targets
from accel.display import si
from accel.errors import AccelError
from accel.network import Network
from accel.plan import make
from accel.quantize import quantize

FILE = "ddddocr/common.onnx"
WIDTH = 128
DIMS = {"image_width": WIDTH}
CALIBRATION_LINES, LINES = 16, 40
BLANK = 0


def lines(first: int, count: int) -> NDArray[np.float32]:
    """Return ``count`` lines of two digits each, black on white, in [0, 1], shape (count, 1, 64, 128)."""
    with np.load(shipped.inputs_path("lenet5")) as data:
        digits = data[data.files[0]][2 * first : 2 * (first + count)]
    large = digits.repeat(2, axis=2).repeat(2, axis=3)
    pairs = large.reshape(count, 2, *large.shape[1:])
    return (1 - np.concatenate([pairs[:, 0], pairs[:, 1]], axis=3)).astype(np.float32)


def steps(network: Network, images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the most likely class in every time step of every image, shape (images, steps)."""
    found: list[NDArray[np.int64]] = []
    for image in images:
        (scores,) = reference.run(network, image[None]).values()
        found.append(scores.reshape(-1, scores.shape[-1]).argmax(axis=1))
    return np.array(found)


def text(classes: NDArray[np.int64]) -> tuple[int, ...]:
    """Return what the classes of an image's steps spell: repeats and blanks dropped."""
    row = classes.tolist()
    return tuple(c for c, before in zip(row, [BLANK, *row], strict=False) if c not in (BLANK, before))


def report(folder: Path) -> bool:
    """Print what becomes of the model; return whether integers and floats agree in 95 of 100 time steps."""
    path = folder / FILE
    of_float = accel.load(path, dims=DIMS)
    with tempfile.TemporaryDirectory() as scratch:
        quantised = Path(scratch) / "common_qdq.onnx"
        quantize(path, {of_float.inputs[0]: lines(0, CALIBRATION_LINES)}, output_path=quantised, dims=DIMS)
        of_integer = accel.load(quantised)
    images = lines(CALIBRATION_LINES, LINES)
    floats, integers = steps(of_float, images), steps(of_integer, images)
    equal = float(np.mean(floats == integers))
    read = [text(row) for row in floats]
    alike = sum(a == text(b) for a, b in zip(read, integers, strict=True))
    print(
        f"{of_integer}: {equal:.2%} of {floats.size} time steps have the same class in floats and in integers; "
        f"{alike} of {LINES} lines read alike, {sum(map(bool, read))} of them not empty"
    )
    for row in accel.compare(of_integer).reports:
        print(f"{row.machine}: {si(row.seconds, 's')}, {si(row.joules, 'J')}")
    for name in targets.registry():
        try:
            print(make(of_integer, target=name))
        except AccelError as error:
            print(f"{name}: {error}")
    return equal >= 0.95


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    return 0 if report(parser.parse_args().folder) else 1


if __name__ == "__main__":
    sys.exit(main())
