"""The AXI wrapper of a design: its Verilog, its registers as a C header, and what the README says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from accel.app import files
from accel.app.folders import sha256
from accel.schedule.base import Stream
from hdl import verilog
from hdl.axi import ADDED_CYCLES, AxiWrapper
from hdl.axi.registers import ADDRESS_BITS, Access, Field, Register, table
from hdl.stream import tdata_bits

MODULE = "accel_axi"
HEADER = f"{MODULE}.h"
_HASH_DIGITS = 8
_PREFIX = MODULE.upper()

Ports = Sequence[tuple[str, Stream]]


def write(folder: Path, core: str, inputs: Ports, outputs: Ports) -> None:
    """Write the wrapper of a core, whose Verilog lies in ``folder``, and its C header.

    Parameters
    ----------
    folder : Path
    core : str
        The core's module.
    inputs, outputs : sequence of (str, Stream)
        `hdl.top.Top.inputs` and ``outputs``.
    """
    number = design_hash(sha256(folder / f"{core}.v"))
    files.write(folder / f"{MODULE}.v", verilog.emit(AxiWrapper(core, inputs, outputs, number), MODULE))
    files.write(folder / HEADER, header(table(number), inputs, outputs))


def design_hash(digest: str) -> int:
    """Return what the DESIGN register reads: the first 32 bits of the core's SHA-256."""
    return int(digest[:_HASH_DIGITS], 16)


def header(registers: Sequence[Register], inputs: Ports, outputs: Ports) -> str:
    """Return a C header with every register's offset, every field's place and the size of every stream."""
    lines = [
        "/* Registers and streams of accel_axi.v, made by accel with it. */",
        f"#ifndef {_PREFIX}_H",
        f"#define {_PREFIX}_H",
        "",
        "/* Offsets in bytes; masks and shifts within the 32-bit word. */",
        f"#define {_PREFIX}_SIZE 0x{1 << ADDRESS_BITS:X}u",
    ]
    for register in registers:
        lines += ["", f"#define {_PREFIX}_{register.name} 0x{register.offset:02X}u"]
        for field in register.fields:
            lines += _field(register, field)
    lines += ["", "/* A beat of TDATA in bytes, and a tensor in beats. */"]
    for prefix, stream in (*inputs, *outputs):
        name = f"{_PREFIX}_{prefix.upper()}"
        lines += [
            f"#define {name}_BEAT_BYTES {tdata_bits(stream) // 8}u",
            f"#define {name}_TENSOR_BEATS {stream.beats}u",
        ]
    return "\n".join([*lines, "", "#endif", ""])


def _field(register: Register, field: Field) -> Iterator[str]:
    name = f"{_PREFIX}_{register.name}"
    whole = field.name == register.name
    if not whole:
        name += f"_{field.name}"
        yield f"#define {name}_MASK 0x{field.mask:X}u /* {field.access.value}: {field.text} */"
        yield f"#define {name}_SHIFT {field.lsb}"
    else:
        yield f"/* {field.access.value}: {field.text} */"
    if field.access is Access.CONSTANT:
        yield f"#define {name}_VALUE 0x{field.value:X}u"


def section(digest: str) -> str:
    """Return what the README says of the wrapper around the core with that SHA-256."""
    rows = [
        f"| 0x{register.offset:02X} | `{register.name}` | {field.place} | {_own_name(register, field)} | "
        f"{field.access.value} | {_reads(field)}{field.text} |"
        for register in table(design_hash(digest))
        for field in register.fields
    ]
    return "\n\n".join(
        [
            f"`{MODULE}` puts the core behind AXI's own names: a clock `aclk`, a synchronous reset `aresetn`, streams "
            "`PORT_axis_tdata`, `_tvalid`, `_tready` and `_tlast`, registers at `s_axi_...` (AXI4-Lite, 32 bits, "
            f"{1 << ADDRESS_BITS:,} bytes) and an interrupt `irq`. It adds {ADDED_CYCLES} cycle of latency and "
            "takes no rate. No output depends on an input within a cycle.",
            "After reset no tensor is taken until software sets ENABLE, or START for one tensor. One that has begun is "
            "always taken whole. TLAST steers nothing: a wrong one is noted in ERRORS, and since the core counts "
            "beats, what follows a tensor cut short is out of step until RESET. Before RESET halt whatever feeds the "
            "inputs. Counters count modulo 2^32.",
            "\n".join(["| offset | register | bits | field | access | meaning |", "|---|---|---|---|---|---|", *rows]),
            "Bits in no field read 0. An address in no register, and a write where nothing can be written, are "
            f"answered SLVERR. `{HEADER}` has the same for C.",
        ]
    )


def _own_name(register: Register, field: Field) -> str:
    return "" if field.name == register.name else f"`{field.name}`"


def _reads(field: Field) -> str:
    return f"0x{field.value:X}. " if field.access is Access.CONSTANT else ""
