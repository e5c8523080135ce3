"""Mutation fuzzer of the importer: ``python -m benchmarks.fuzz_import --mutants 100000 --seed 7 --save failures``.

Each mutant of an accepted model is imported and, where it still imports and is small, run on one sample, in a worker
process with a limit on memory and an alarm. Anything but an answer or a one-line refusal is a failure.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import resource
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 2.0
BYTES = 1 << 30
RUN_MACS, RUN_ELEMENTS = 10**7, 10**6
"""Larger networks are imported but not run: how long a user's network takes is no fault of the importer."""
_HEADER = struct.Struct("<I")


@dataclass(slots=True)
class Outcome:
    """What a fuzzing run found.

    Attributes
    ----------
    counts : Counter of str
        ``ran``, ``imported`` (too large to run), ``refused`` and ``failed``.
    failures : list of (bytes, str)
        Mutants and what happened.
    slowest_seconds : float
    """

    counts: Counter[str] = field(default_factory=Counter[str])
    failures: list[tuple[bytes, str]] = field(default_factory=list[tuple[bytes, str]])
    slowest_seconds: float = 0.0


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` mutants of the samples and of the shipped models, the same for the same ``seed``."""
    import onnx

    from accel import shipped
    from benchmarks.import_samples import models
    from benchmarks.import_samples.mutations import spoiled, spoiled_bytes

    seeds = list(models().values())
    seeds += [onnx.load(file) for file in sorted(shipped.folder().glob("*.onnx"))]
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        model = seeds[rng.integers(len(seeds))]
        if rng.random() < 0.3:
            yield spoiled_bytes(model.SerializeToString(), rng)
        else:
            yield spoiled(model, rng).SerializeToString()


def fuzz(count: int, seed: int) -> Outcome:
    """Import ``count`` mutants in a worker that is started again whenever one kills it."""
    outcome = Outcome()
    worker = _start()
    try:
        for data in mutants(count, seed):
            begin = time.perf_counter()
            answer = _ask(worker, data)
            outcome.slowest_seconds = max(outcome.slowest_seconds, time.perf_counter() - begin)
            if answer is None:
                code = _stop(worker)
                name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                answer = f"failed: the worker died of {name}"
                worker = _start()
            kind, _, detail = answer.partition(": ")
            outcome.counts[kind] += 1
            if kind == "failed":
                outcome.failures.append((data, detail))
    finally:
        _stop(worker)
    return outcome


def _start() -> subprocess.Popen[bytes]:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.fuzz_import", "--worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.read(1)  # it has imported everything
    return worker


def _stop(worker: subprocess.Popen[bytes]) -> int:
    """Close the worker's pipes and return its exit code."""
    with contextlib.suppress(BrokenPipeError):  # what it did not live to read
        worker.communicate()
    return worker.wait()


def _ask(worker: subprocess.Popen[bytes], data: bytes) -> str | None:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(_HEADER.pack(len(data)) + data)
        worker.stdin.flush()
        return _received(worker.stdout)
    except BrokenPipeError:
        return None


def _received(stream: BinaryIO) -> str | None:
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    return stream.read(_HEADER.unpack(header)[0]).decode()


def work() -> None:
    """Import mutants from standard input until it ends; answer on standard output."""
    from accel.onnx_import.site import handlers

    for module in ("accel.onnx_import.importer", "accel.reference"):
        importlib.import_module(module)  # before memory is limited
    handlers()
    np.ones((2, 2)) @ np.ones((2, 2))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES,) * 2)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(b".")
    answers.flush()
    while len(header := requests.read(_HEADER.size)) == _HEADER.size:
        data = requests.read(_HEADER.unpack(header)[0])
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        answer = _tried(data)
        signal.setitimer(signal.ITIMER_REAL, 0)
        encoded = answer.encode(errors="replace")
        answers.write(_HEADER.pack(len(encoded)) + encoded)
        answers.flush()


def _tried(data: bytes) -> str:
    import warnings

    from accel.errors import AccelError
    from accel.onnx_import import load

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        try:
            return _run(load(data))
        except AccelError as error:
            message = str(error)
            return "refused" if message.isprintable() and len(message) < 1500 else f"failed: message {message!r}"
        except Exception:  # finding what escapes is what this program is for
            return "failed: " + traceback.format_exc()


def _run(network) -> str:
    from accel import reference

    elements = sum(int(np.prod(t.shape, dtype=object)) for t in network.tensors.values())
    if network.macs > RUN_MACS or elements > RUN_ELEMENTS:
        return "imported"
    inputs = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        shape = list(tensor.shape)
        if tensor.batch_axis is not None:
            shape.insert(tensor.batch_axis, 1)
        q = tensor.quantization
        inputs[name] = np.full(shape, 0.5, np.float32) if q is None else np.full(shape, q.high, q.dtype)
    reference.run(network, inputs)
    return "ran"


def main() -> None:
    """Fuzz from the command line; exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for mutants that failed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work()
        return
    outcome = fuzz(given.mutants, given.seed)
    for index, (data, what) in enumerate(outcome.failures):
        print(f"--- failure {index}\n{what}")
        if given.save is not None:
            given.save.mkdir(parents=True, exist_ok=True)
            (given.save / f"{given.seed}_{index}.onnx").write_bytes(data)
    print(f"seed {given.seed}: {dict(outcome.counts)}; slowest {outcome.slowest_seconds:.2f} s")
    sys.exit(1 if outcome.failures else 0)


if __name__ == "__main__":
    main()
