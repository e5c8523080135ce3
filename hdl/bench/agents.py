"""What the stream agents are given and what they note: designs, drives and recordings, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel.errors import CheckError
from accel.schedule.base import Stream
from hdl.stream import lane_bits, tdata_bits

RESET_CYCLES = 3
"""Cycles with ``rst`` before cycle 0."""


@dataclass(frozen=True, slots=True)
class Port:
    """A stream port of an emitted module: ``<prefix>_valid``, ``_ready``, ``_data`` and ``_last``."""

    prefix: str
    stream: Stream


@dataclass(frozen=True, slots=True)
class Design:
    """An emitted module and its stream ports, in the order of its schedule graph's sources and sinks.

    Attributes
    ----------
    module : str
    inputs, outputs : tuple of Port
    probes : tuple of Port
        Streams inside the module that are watched: wires ``<prefix>_valid``, ``_ready`` and ``_payload``, whose lanes
        are not padded to bytes. A prefix is a path: ``k0_conv2d.output_0_``.
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    probes: tuple[Port, ...] = ()


@dataclass(frozen=True, eq=False)
class Drive:
    """What is done to a design in one run.

    Attributes
    ----------
    tensors : int
        Sent back to back.
    inputs : sequence of integer arrays, shape (tensors, beats, lanes)
        Stored integers, one array per input port.
    source_stalls, sink_stalls : sequence of bool arrays
        A pattern of `accel.stalls` per port.
    """

    tensors: int
    inputs: Sequence[NDArray[np.integer]]
    source_stalls: Sequence[NDArray[np.bool_]]
    sink_stalls: Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class PortRecord:
    """The transfers seen at a port, in order; fewer than expected if the run was cut off.

    Attributes
    ----------
    cycles : int64 array, shape (transfers,)
        Cycle 0 is the first after reset.
    values : int64 array, shape (transfers, lanes)
        At an output; at an input of shape (0, lanes), they are what was sent.
    last : bool array, shape (transfers,)
        At an output.
    """

    cycles: NDArray[np.int64]
    values: NDArray[np.int64]
    last: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Recording:
    """What happened at the ports of a design.

    Attributes
    ----------
    complete : bool
        Whether every expected output beat came before the limit.
    inputs, outputs, probes : tuple of PortRecord
    """

    complete: bool
    inputs: tuple[PortRecord, ...]
    outputs: tuple[PortRecord, ...]
    probes: tuple[PortRecord, ...] = ()

    def save(self, path: Path) -> None:
        """Write every port's arrays to an .npz file: ``input0_cycles``, ``output0_values`` and so on."""
        arrays = {"complete": np.array(self.complete)}
        for side, ports in (("input", self.inputs), ("output", self.outputs)):
            for i, port in enumerate(ports):
                arrays[f"{side}{i}_cycles"] = port.cycles
                arrays[f"{side}{i}_values"] = port.values
                arrays[f"{side}{i}_last"] = port.last
        np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]


def agent_name(design: int, side: str, port: int) -> str:
    """Return the name of an agent, of its instance and of its files."""
    return f"design{design}_{side}{port}"


def bench_verilog(designs: Sequence[Design]) -> str:
    """Return the module ``bench``: every design with a source or sink at each port; ``done`` when all sinks are."""
    lines = ["module bench(input wire clk, input wire rst, output wire done);"]
    finished: list[str] = []
    for d, design in enumerate(designs):
        pins = [".clk(clk)", ".rst(rst)"]
        agents: list[str] = []
        for side, kind, ports in (("source", "stream_source", design.inputs), ("sink", "stream_sink", design.outputs)):
            for p, port in enumerate(ports):
                name, bits = agent_name(d, side, p), tdata_bits(port.stream)
                lines.append(f"  wire {name}_valid, {name}_ready, {name}_last; wire [{bits - 1}:0] {name}_data;")
                pins += [f".{port.prefix}_{signal}({name}_{signal})" for signal in ("valid", "ready", "data", "last")]
                done = ""
                if side == "sink":
                    lines.append(f"  wire {name}_done;")
                    done = f", .done({name}_done)"
                    finished.append(f"{name}_done")
                agents.append(
                    f'  {kind} #(.NAME("{name}"), .BITS({bits})) {name} (.clk(clk), .rst(rst), .valid({name}_valid), '
                    f".ready({name}_ready), .data({name}_data), .last({name}_last){done});"
                )
        for p, probe in enumerate(design.probes):
            name, bits = agent_name(d, "probe", p), probe.stream.lanes * probe.stream.bits
            inside = f"design{d}.{probe.prefix}"
            wires = f".valid({inside}_valid), .ready({inside}_ready), .data({inside}_payload)"
            agents.append(f'  stream_probe #(.NAME("{name}"), .BITS({bits})) {name} (.clk(clk), .rst(rst), {wires});')
        lines += [*agents, f"  {design.module} design{d} ({', '.join(pins)});"]
    lines += [f"  assign done = {' & '.join(finished)};", "endmodule", ""]
    return "\n".join(lines)


def write_drive(folder: Path, number: int, design: Design, drive: Drive) -> None:
    """Write the files that the agents of design ``number`` read."""
    for p, (port, beats) in enumerate(zip(design.inputs, drive.inputs, strict=True)):
        name = agent_name(number, "source", p)
        stream = port.stream
        if beats.shape != (drive.tensors, stream.beats, stream.lanes):
            raise ValueError(f"beats must be of shape {(drive.tensors, stream.beats, stream.lanes)}, not {beats.shape}")
        _write_stalls(folder / f"{name}.stalls", drive.source_stalls[p])
        words = beats.reshape(-1, stream.lanes)[:, ::-1].astype(f">i{lane_bits(stream) // 8}", casting="unsafe")
        digits = words.tobytes().hex()
        per_beat = tdata_bits(stream) // 4
        (folder / f"{name}.beats").write_text(
            "".join(
                f"{digits[i * per_beat : (i + 1) * per_beat]} {int((i + 1) % stream.beats == 0)}\n"
                for i in range(drive.tensors * stream.beats)
            )
        )
    for p, port in enumerate(design.outputs):
        name = agent_name(number, "sink", p)
        _write_stalls(folder / f"{name}.stalls", drive.sink_stalls[p])
        (folder / f"{name}.expected").write_text(f"{drive.tensors * port.stream.beats}\n")


def _write_stalls(path: Path, pattern: NDArray[np.bool_]) -> None:
    path.write_text(f"{len(pattern)}\n" + "\n".join("1" if holds else "0" for holds in pattern) + "\n")


def read_recording(folder: Path, number: int, design: Design, drive: Drive) -> Recording:
    """Read what the agents of design ``number`` noted.

    Raises
    ------
    CheckError
        If an input's ready, an output's valid or a bit of what that offered was undefined, which Icarus knows.
    """
    inputs = tuple(
        _read_source(folder / f"{agent_name(number, 'source', p)}.log", port) for p, port in enumerate(design.inputs)
    )
    outputs = tuple(
        _read_sink(folder / f"{agent_name(number, 'sink', p)}.log", o) for p, o in enumerate(design.outputs)
    )
    probes = tuple(
        _read_probe(folder / f"{agent_name(number, 'probe', p)}.log", port) for p, port in enumerate(design.probes)
    )
    complete = all(
        len(record.cycles) == drive.tensors * port.stream.beats
        for record, port in zip(outputs, design.outputs, strict=True)
    )
    return Recording(complete, inputs, outputs, probes)


def _read_source(path: Path, port: Port) -> PortRecord:
    fields = path.read_text().split()
    if "x" in fields:
        raise CheckError(f"input {port.prefix} leaves ready undefined before its transfer {fields.index('x')}")
    return PortRecord(np.array(fields, np.int64), np.zeros((0, port.stream.lanes), np.int64), np.zeros(0, np.bool_))


def _read_sink(path: Path, port: Port) -> PortRecord:
    stream = port.stream
    fields = path.read_text().split()
    fields = fields[: len(fields) // 3 * 3]
    if "x" in fields[2::3]:
        first = fields[2::3].index("x")
        raise CheckError(f"output {port.prefix} carries undefined bits in its transfer {first}")
    raw = bytes.fromhex("".join(fields[1::3]))
    kind = f">{'i' if stream.signed else 'u'}{lane_bits(stream) // 8}"
    values = np.frombuffer(raw, kind).reshape(-1, stream.lanes)[:, ::-1].astype(np.int64)
    return PortRecord(np.array(fields[::3], np.int64), values, np.array([bit == "1" for bit in fields[2::3]], np.bool_))


def _read_probe(path: Path, port: Port) -> PortRecord:
    stream = port.stream
    fields = path.read_text().split()
    fields = fields[: len(fields) // 2 * 2]
    half, mask = 1 << (stream.bits - 1), (1 << stream.bits) - 1
    values = np.zeros((len(fields) // 2, stream.lanes), np.int64)
    for i, word in enumerate(fields[1::2]):
        try:
            beat = int(word, 16)
        except ValueError:
            raise CheckError(f"stream {port.prefix} carries undefined bits in its transfer {i}") from None
        for lane in range(stream.lanes):
            raw = (beat >> (lane * stream.bits)) & mask
            values[i, lane] = (raw ^ half) - half if stream.signed else raw
    return PortRecord(np.array(fields[::2], np.int64), values, np.zeros(0, np.bool_))
