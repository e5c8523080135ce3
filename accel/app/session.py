"""A host's side of the host link: tensors go to a board, results come back, and whatever is lost is sent again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from accel.errors import CheckError
from accel.link import FLAG, RESULT_HEADER, VERSION, Decoder, Fault, ToBoard, ToHost, encode, frame_bytes

TIMEOUT_SECONDS = 2.0
"""How long nothing may come before something is taken for lost."""
ATTEMPTS = 5
"""How often the link is reset, one time after another, before it is given up."""


class Line(Protocol):
    """A serial line."""

    def read(self) -> bytes:
        """Return what has come, after a short wait if nothing has."""
        ...

    def write(self, data: bytes) -> None:
        """Send ``data``."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """A port of the board's core: bytes of a beat and of a tensor."""

    beat_bytes: int
    tensor_bytes: int


@dataclass(slots=True)
class Answer:
    """What came back for one tensor.

    Attributes
    ----------
    outputs : list of bytes
        One per output port.
    cycles : int
        From the tensor's first beat in to its last beat out, counted by the board; 0 if it was not alone in the core.
    """

    outputs: list[bytes]
    cycles: int = 0


class _LostError(Exception):
    """Something on the line was lost or damaged; the link has to be reset."""


@dataclass(slots=True)
class Session:
    """A conversation with one board.

    Attributes
    ----------
    line : Line
    inputs, outputs : sequence of Lane
    window : int
        Tensors that may be sent before the first of them is answered.
    timeout_seconds : float
        As `TIMEOUT_SECONDS`.
    recoveries : list of str
        Why the link was reset, each time it was, in words.
    """

    line: Line
    inputs: Sequence[Lane]
    outputs: Sequence[Lane]
    window: int
    timeout_seconds: float = TIMEOUT_SECONDS
    recoveries: list[str] = field(default_factory=list[str])
    _decoder: Decoder = field(default_factory=Decoder)
    _arrived: deque[bytes] = field(default_factory=deque[bytes])
    _epoch: int = 0
    _sequence: int = 0

    def identify(self) -> bytes:
        """Reset the link and return the identity of the design in the board.

        Raises
        ------
        CheckError
            If nothing answers, or something that speaks another protocol.
        """
        for _ in range(ATTEMPTS):
            self._reset()
            try:
                self.line.write(encode(bytes([ToBoard.IDENTIFY])))
                body = self._await(ToHost.IDENTITY)
            except _LostError:
                continue
            if len(body) < 2 or body[1] != VERSION:
                raise CheckError(f"the board must speak version {VERSION} of the host link, not {body[1:2].hex()}")
            return body[2:]
        raise CheckError("the board answers a reset, but not when it is asked which design it holds")

    def run(self, tensors: Sequence[Sequence[bytes]]) -> list[Answer]:
        """Send ``tensors``, each one's bytes for every input port, and return the answers in the same order.

        Raises
        ------
        CheckError
            If the link fails again and again.
        """
        answers: list[Answer] = []
        failures = 0
        while len(answers) < len(tensors):
            before = len(answers)
            try:
                self._exchange(tensors, answers)
            except _LostError as lost:
                failures = 1 if len(answers) > before else failures + 1
                self.recoveries.append(str(lost))
                if failures > ATTEMPTS:
                    raise CheckError(
                        f"tensor {len(answers)} did not get through in {failures} attempts; the last time {lost}"
                    ) from None
                self._reset()
        return answers

    def _exchange(self, tensors: Sequence[Sequence[bytes]], answers: list[Answer]) -> None:
        """Send and receive from the first tensor without an answer on, until all have theirs."""
        base = sent = len(answers)
        parts = [[bytearray() for _ in self.outputs] for _ in tensors[base:]]
        done = [0 for _ in self.outputs]
        cycles: dict[int, int] = {}
        while len(answers) < len(tensors):
            while sent < len(tensors) and sent - len(answers) < self.window:
                self._send(tensors[sent])
                sent += 1
            body = self._next()
            if body[0] != ToHost.RESULT or len(body) <= RESULT_HEADER or body[1] >= len(self.outputs):
                continue
            port, counted, data = body[1], int.from_bytes(body[3:RESULT_HEADER], "little"), body[RESULT_HEADER:]
            number = done[port]
            wanted = self.outputs[port].tensor_bytes
            if body[2] != number % 256 or base + number >= sent or len(parts[number][port]) + len(data) > wanted:
                raise _LostError("a result was lost")
            parts[number][port] += data
            if counted:
                cycles[number] = counted
            if len(parts[number][port]) == wanted:
                done[port] += 1
            while base + min(done) > len(answers):
                ready = len(answers) - base
                answers.append(Answer([bytes(part) for part in parts[ready]], cycles.get(ready, 0)))

    def _send(self, tensor: Sequence[bytes]) -> None:
        for port, (lane, data) in enumerate(zip(self.inputs, tensor, strict=True)):
            size = frame_bytes(lane.beat_bytes)
            for start in range(0, len(data), size):
                header = bytes([ToBoard.DATA, self._sequence, port])
                self.line.write(encode(header + data[start : start + size]))
                self._sequence = (self._sequence + 1) % 256

    def _reset(self) -> None:
        """Have the board forget everything."""
        for _ in range(ATTEMPTS):
            self._epoch = (self._epoch + 1) % 256
            self._sequence = 0
            # The flag ends whatever the board was in the middle of.
            self.line.write(bytes([FLAG]) + encode(bytes([ToBoard.RESET, self._epoch])))
            try:
                self._await(ToHost.READY, lambda body: len(body) == 2 and body[1] == self._epoch)
            except _LostError:
                continue
            return
        raise CheckError(
            f"nothing answers on the serial line: {ATTEMPTS} resets, {self.timeout_seconds:g} s each; "
            "is the board programmed with this design, and its clock running?"
        )

    def _await(self, kind: ToHost, fits: Callable[[bytes], bool] = lambda body: True) -> bytes:
        """Return the next body of a kind, dropping all others: they are from before."""
        self._arrived.clear()
        deadline = time.monotonic() + self.timeout_seconds
        while time.monotonic() < deadline:
            self._read()
            while self._arrived:
                body = self._arrived.popleft()
                if body[0] == kind and fits(body):
                    return body
        raise _LostError("no answer came")

    def _next(self) -> bytes:
        """Return the next body, which is no error."""
        deadline = time.monotonic() + self.timeout_seconds
        while not self._arrived:
            damaged = self._decoder.damaged
            self._read()
            if self._decoder.damaged > damaged:
                raise _LostError("a frame from the board was damaged")
            if not self._arrived and time.monotonic() >= deadline:
                raise _LostError(f"nothing came from the board for {self.timeout_seconds:g} s")
        body = self._arrived.popleft()
        if body[0] == ToHost.ERROR:
            known = {fault.value: fault.name.lower() for fault in Fault}
            raise _LostError(f"the board refused a frame: {known.get(body[1] if len(body) > 1 else 0, 'unknown')}")
        return body

    def _read(self) -> None:
        self._arrived.extend(self._decoder.feed(self.line.read()))
