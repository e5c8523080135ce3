"""``accel host``: tensors go to a programmed board, and what comes back is held to the integer reference."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel import beats, reference
from accel.app import files, manifest, session
from accel.app import tensors as data
from accel.app.manifest import Manifest
from accel.app.session import Answer, Line, Session
from accel.app.simulation import packed
from accel.app.tensors import Arrays
from accel.app.verify import MOST_SAMPLES
from accel.display import si
from accel.errors import CheckError, InputError, ToolError, shown
from accel.network import Network
from accel.onnx_import import load
from accel.plan import Plan
from accel.plan.design import Design

_POLL_SECONDS = 0.02
_LINE_BITS = 20
"""Of a byte, at most: every one escaped, ten bits each."""


@dataclass(frozen=True, slots=True)
class HostResult:
    """What a board did.

    Attributes
    ----------
    board, port : str
    tensors : int
    values, mismatches : int
        Integers of the core's outputs compared with the reference, and those that differ.
    first : str or None
        The first that differs, in words.
    cycles : tuple of int
        Of every tensor that had the core to itself, from its first beat in to its last beat out, counted by the board.
    predicted_cycles : int
        Of such a tensor.
    clock_hz : float
    seconds : float
        From the first byte sent to the last result.
    recoveries : tuple of str
        Why the link was reset, each time it was.
    output : Path or None
        Where the outputs are.
    """

    board: str
    port: str
    tensors: int
    values: int
    mismatches: int
    first: str | None
    cycles: tuple[int, ...]
    predicted_cycles: int
    clock_hz: float
    seconds: float
    recoveries: tuple[str, ...]
    output: Path | None

    def __str__(self) -> str:
        if self.cycles:
            least, most = min(self.cycles), max(self.cycles)
            span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            latency = (
                f"latency {span} cycles ({si(most / self.clock_hz, 's')}), {self.predicted_cycles:,} predicted, "
                f"counted {len(self.cycles):,} times"
            )
        else:
            latency = "latency not counted"
        rate = f"{self.tensors / self.seconds:,.1f} tensors a second through the link"
        resets = f"; the link was reset {len(self.recoveries):,} times" if self.recoveries else ""
        where = f"; outputs in {self.output}" if self.output else ""
        return (
            f"{self.tensors:,} tensors through {self.board} at {self.port}: {self.values:,} values compared, "
            f"{self.mismatches:,} mismatches; {latency}; {rate}{resets}{where}"
        )

    def check(self) -> None:
        """Raise `accel.errors.CheckError` with the first difference if there is one."""
        if self.first is not None:
            raise CheckError(f"the board differs from the reference: {self.first}")


def host(
    folder: Path,
    port: str,
    inputs: Path,
    *,
    samples: int | None = None,
    output: Path | None = None,
    timeout_seconds: float = session.TIMEOUT_SECONDS,
) -> HostResult:
    """Run a data file on a board and compare every integer with the reference.

    The host's part of the network runs in float before and after, so what is written to ``output`` is what
    ``accel run`` writes.

    Parameters
    ----------
    folder : Path
        A design made for a board, which the board must hold.
    port : str
        The serial port: a device, or a URL that pyserial knows.
    inputs : Path
    samples : int, optional
        Tensors to send; default: as for `accel.app.verify.verify`.
    output : Path, optional
        Gets the network's outputs.
    timeout_seconds : float
        How long nothing may come from the board, besides what the line and the core take.

    Returns
    -------
    HostResult
        Also when something differs.

    Raises
    ------
    InputError
        If the folder is no design for a board, or the data or the port cannot be used.
    ToolError
        If pyserial is missing.
    CheckError
        If the board holds another design, or the link fails.
    """
    described = manifest.read(folder)
    if described.board is None:
        raise InputError(f"design {shown(folder)} must be made for a board: accel generate --board")
    if described.state == "keep":
        raise InputError(
            f"design {shown(folder)} keeps its states, which this host's link clears whenever it has to be reset; "
            "generate it with --state clear"
        )
    if not 0 < timeout_seconds < math.inf:
        raise InputError(f"timeout must be a positive number of seconds, not {timeout_seconds:g}")
    if samples is not None and samples < 1:
        raise InputError(f"samples must be positive, not {samples}")
    if output is not None:
        files.check_writable(output)
    plan = Plan.from_json((folder / manifest.PLAN).read_text())
    network = plan.integers(load(folder / manifest.MODEL))
    design = plan.design(network)
    arrays = data.read_inputs(network, inputs)
    count = samples or min(data.samples(network, arrays), MOST_SAMPLES)
    tensors = reference.trace(network, data.take(network, arrays, count))
    with closing(_opened(port, described.board.baud)) as line:
        talk = _session(described, line, timeout_seconds)
        _check_identity(described, talk, port)
        began = time.perf_counter()
        answers = talk.run(list(zip(*_sent(described, design, tensors), strict=True)))
        seconds = time.perf_counter() - began
    got = _received(described, design, answers, tensors)
    wrong = {name: np.argwhere(got[name] != tensors[name]) for name in got}
    if output is not None:
        data.write_npz(output, _outputs(network, design, tensors, got))
    return HostResult(
        board=described.board.name,
        port=port,
        tensors=count,
        values=sum(array.size for array in got.values()),
        mismatches=sum(len(places) for places in wrong.values()),
        first=_first(wrong, got, tensors),
        cycles=tuple(answer.cycles for answer in answers if answer.cycles),
        predicted_cycles=described.latency_cycles,
        clock_hz=described.clock_hz,
        seconds=seconds,
        recoveries=tuple(talk.recoveries),
        output=output,
    )


def _session(described: Manifest, line: Line, timeout_seconds: float) -> Session:
    """Return a session that allows for the time the line and the core take."""
    assert described.board is not None
    inputs, outputs = (
        [session.Lane(entry.tdata_bits // 8, entry.tdata_bits // 8 * entry.beats) for entry in entries]
        for entries in (described.inputs, described.outputs)
    )
    line_bits = _LINE_BITS * sum(lane.tensor_bytes for lane in (*inputs, *outputs))
    work_seconds = line_bits / described.board.baud + described.latency_seconds + described.interval_seconds
    window = described.board.window
    return Session(line, inputs, outputs, window, timeout_seconds + window * work_seconds)


def _check_identity(described: Manifest, talk: Session, port: str) -> None:
    assert described.board is not None
    identity = talk.identify().hex()
    if identity != described.board.identity:
        raise CheckError(
            f"the board at {port} holds another design: it says {identity}, and {described.name} is "
            f"{described.board.identity}; program it with the bitstream of accel build"
        )


def _sent(described: Manifest, design: Design, tensors: Arrays) -> list[list[bytes]]:
    """Return, for every input of the core, the bytes of every tensor in the order in which they travel."""
    sent: list[list[bytes]] = []
    for name, stream, entry in zip(design.region.inputs, design.inputs, described.inputs, strict=True):
        words = packed(design, name, stream, tensors[name])
        sent.append([tensor.tobytes() for tensor in words.astype(f"<i{entry.lane_bits // 8}", casting="unsafe")])
    return sent


def _received(described: Manifest, design: Design, answers: Sequence[Answer], tensors: Arrays) -> Arrays:
    """Return, for every output of the core, the tensors that came back, shaped as those of the reference."""
    received: Arrays = {}
    for port, (name, stream, entry) in enumerate(
        zip(design.region.outputs, design.outputs, described.outputs, strict=True)
    ):
        expected = tensors[name]
        kind = f"<{'i' if entry.signed else 'u'}{entry.lane_bits // 8}"
        words = np.frombuffer(b"".join(answer.outputs[port] for answer in answers), kind)
        words = words.reshape(len(answers), stream.beats, stream.lanes)
        sequence = name in design.region.sequences
        received[name] = beats.unpack(words, stream, expected.shape[1:], sequence=sequence).astype(expected.dtype)
    return received


def _first(wrong: Mapping[str, NDArray[np.int64]], got: Arrays, expected: Arrays) -> str | None:
    """Return the first difference in words."""
    for name, places in wrong.items():
        if len(places):
            at = tuple(int(i) for i in places[0])
            return (
                f"output {shown(name)}, tensor {at[0]}, index {at[1:]}: "
                f"expected {int(expected[name][at])}, got {int(got[name][at])}"
            )
    return None


def _outputs(network: Network, design: Design, tensors: Arrays, got: Arrays) -> Arrays:
    """Return the network's outputs: what the host computes of what the board gave."""
    after = tuple(node for node in network if node.name in design.region.after)
    written = {name for node in after for name in node.outputs}
    read = dict.fromkeys(name for node in after for name in node.inputs if name not in written)
    inputs = tuple(dict.fromkeys((*got, *read)))
    first = {name: replace(tensor, batch_axis=0) for name, tensor in network.tensors.items()}
    found = reference.run(
        Network(network.name, first, after, inputs, network.outputs), {name: (tensors | got)[name] for name in inputs}
    )
    return {
        name: array[0] if (axis := network.tensors[name].batch_axis) is None else np.moveaxis(array, 0, axis)
        for name, array in found.items()
    }


class _SerialLine:
    """A port of pyserial as a `Line`."""

    def __init__(self, port: Any):
        self._port = port

    def read(self) -> bytes:
        with _told(self._port.port):
            return self._port.read(self._port.in_waiting or 1)

    def write(self, data: bytes) -> None:
        with _told(self._port.port):
            self._port.write(data)

    def close(self) -> None:
        self._port.close()


@contextmanager
def _told(port: str) -> Generator[None]:
    """Turn what a serial port raises into one clear line."""
    try:
        yield
    except (OSError, ValueError) as error:  # pyserial's own error is an OSError
        raise InputError(f"serial port {shown(port)} cannot be used: {shown(error)}") from None


def _opened(port: str, baud: int) -> _SerialLine:
    """Open a serial port."""
    try:
        import serial
    except ImportError:
        raise ToolError("pyserial is missing; install it: pip install 'accel-codesign[host]'") from None
    with _told(port):
        return _SerialLine(serial.serial_for_url(port, baudrate=baud, timeout=_POLL_SECONDS))
