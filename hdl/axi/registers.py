"""The register map of the AXI wrapper: one table, from which gateware, C header and documentation are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

WORD_BITS = 32
ADDRESS_BITS = 12
"""The wrapper takes the 4 KiB that an AXI interconnect gives to a device at the least."""
INTERFACE = (1, 0)
"""Version of the map: the first number changes when software written for the one before would go wrong."""
IDENTITY = int.from_bytes(b"accl", "big")


class Access(Enum):
    """What reading and writing a field means; the value is how documentation writes it."""

    CONSTANT = "constant"
    """Reads ``Field.value``."""
    STATUS = "read-only"
    """Reads what the gateware says."""
    SETTING = "read-write"
    """Keeps what is written; ``Field.value`` after reset."""
    COMMAND = "write 1"
    """Writing 1 does it, writing 0 nothing; reads what the gateware says."""
    STICKY = "write 1 to clear"
    """Set by the gateware, cleared by writing 1; an event in the cycle of the write is not lost."""

    @property
    def writable(self) -> bool:
        """Whether a write means anything."""
        return self in (Access.SETTING, Access.COMMAND, Access.STICKY)


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of a register.

    Attributes
    ----------
    name : str
        In upper case, as the C header has it.
    lsb, bits : int
    access : Access
    text : str
        What it means, in one sentence.
    value : int
        Of a constant; of a setting after reset.
    """

    name: str
    lsb: int
    bits: int
    access: Access
    text: str
    value: int = 0

    @property
    def mask(self) -> int:
        """Its bits within the register."""
        return ((1 << self.bits) - 1) << self.lsb

    @property
    def place(self) -> str:
        """``"3"`` or ``"31:16"``."""
        return str(self.lsb) if self.bits == 1 else f"{self.lsb + self.bits - 1}:{self.lsb}"


@dataclass(frozen=True, slots=True)
class Register:
    """A word of the map.

    Attributes
    ----------
    name : str
    offset : int
        In bytes.
    fields : tuple of Field
        Bits in none of them read 0 and ignore writes.
    """

    name: str
    offset: int
    fields: tuple[Field, ...]

    @property
    def writable(self) -> bool:
        """Whether a write is answered OKAY."""
        return any(field.access.writable for field in self.fields)


def signal(register: Register, field: Field) -> str:
    """Return the name under which gateware knows a field."""
    return "_".join(dict.fromkeys((register.name.lower(), field.name.lower())))


def signals(registers: tuple[Register, ...], access: Access) -> Iterator[tuple[Register, Field]]:
    """Yield every field of that access, with its register."""
    return ((register, field) for register in registers for field in register.fields if field.access is access)


def _flag(name: str, lsb: int, access: Access, text: str) -> Field:
    return Field(name, lsb, 1, access, text)


def _word(name: str, offset: int, access: Access, text: str, value: int = 0) -> Register:
    return Register(name, offset, (Field(name, 0, WORD_BITS, access, text, value),))


def table(design_hash: int) -> tuple[Register, ...]:
    """Return the register map of the wrapper around a core.

    Parameters
    ----------
    design_hash : int
        32 bits that tell this core from others.
    """
    major, minor = INTERFACE
    count = Access.STATUS
    return (
        _word("ID", 0x00, Access.CONSTANT, 'ASCII "accl".', IDENTITY),
        Register(
            "VERSION",
            0x04,
            (
                Field("MAJOR", 16, 16, Access.CONSTANT, "Version of this map; another one is not compatible.", major),
                Field("MINOR", 0, 16, Access.CONSTANT, "A higher one has more registers.", minor),
            ),
        ),
        _word("DESIGN", 0x08, Access.CONSTANT, "The first 32 bits of the SHA-256 of accel_core.v.", design_hash),
        Register(
            "CONTROL",
            0x0C,
            (
                _flag("ENABLE", 0, Access.SETTING, "Tensors are taken as they come; one begun is taken whole."),
                _flag("START", 1, Access.COMMAND, "One more tensor is taken at each input; 1 until all have begun."),
                _flag(
                    "RESET", 2, Access.COMMAND,
                    "Empties the core and forgets a pending START; the next beat at an input begins a tensor, and a "
                    "beat already offered at an output stays.",
                ),
                _flag("CLEAR", 3, Access.COMMAND, "Zeroes FRAMES_IN and every register behind it."),
            ),
        ),
        Register(
            "STATUS",
            0x10,
            (
                _flag("BUSY", 0, Access.STATUS, "A tensor has begun to enter and has not left whole."),
                _flag("INPUT_OPEN", 1, Access.STATUS, "At some input a tensor has been taken in part."),
                _flag("OUTPUT_OPEN", 2, Access.STATUS, "At some output a tensor has been given in part."),
            ),
        ),
        Register(
            "ERRORS",
            0x14,
            (
                _flag("LAST_EARLY", 0, Access.STICKY, "TLAST came with a beat that is not a tensor's last."),
                _flag("LAST_MISSING", 1, Access.STICKY, "A tensor's last beat came without TLAST."),
                _flag("ACCESS", 2, Access.STICKY, "A read or a write was answered SLVERR."),
            ),
        ),
        Register(
            "IRQ_ENABLE",
            0x18,
            (
                _flag("DONE", 0, Access.SETTING, "irq is high while IRQ_STATUS.DONE is."),
                _flag("ERROR", 1, Access.SETTING, "irq is high while IRQ_STATUS.ERROR is."),
            ),
        ),
        Register(
            "IRQ_STATUS",
            0x1C,
            (
                _flag("DONE", 0, Access.STICKY, "A tensor has left whole."),
                _flag("ERROR", 1, Access.STATUS, "A bit of ERRORS is set."),
            ),
        ),
        _word("FRAMES_IN", 0x20, count, "Tensors taken whole at every input."),
        _word("FRAMES_OUT", 0x24, count, "Tensors given whole at every output."),
        _word("BUSY_CYCLES", 0x28, count, "Cycles with STATUS.BUSY."),
        _word(
            "LATENCY", 0x2C, count,
            "Cycles from a tensor's first beat in to its last beat out, of the latest that was timed: one begins to be "
            "timed when none is.",
        ),
        _word("INPUT_STALLS", 0x30, count, "Cycles in which a beat waited at some input."),
        _word("OUTPUT_STALLS", 0x34, count, "Cycles in which a beat waited at some output."),
    )  # fmt: skip
