"""The stages behind a sequencer, in cycles: the one place that both the schedules and the gateware read.

A stage of ``n`` cycles is ``n`` registers in a row. A kernel's latency is the sum of its stages: a step issued in cycle
``t`` has its address registered at ``t + ADDRESS``, its operands at ``t + ADDRESS + READ``, and so on; the result can
be offered at the output port when the sum is reached.
"""

from __future__ import annotations

from accel.errors import InputError

ADDRESS = 1
"""Window origin plus the tap's offset, registered; the weight address alike."""
READ = 2
"""A synchronous memory read and a register behind it: block RAM clock-to-output is several nanoseconds."""
SELECT = 1
"""Lane select and padding mask; the zero point is subtracted where a beat is written to the input buffer."""
MULTIPLY = 1
"""The product register of a DSP block."""
TREE_LEVELS_PER_STAGE = 2
"""Levels of two-input adders between registers of an adder tree."""
ACCUMULATE = 1
"""Adder and accumulator register; the first step of a tile adds to nothing."""
CAPTURE = 1
"""The finished accumulators, held while the requantiser serves them."""
BIAS = 1
"""A held accumulator plus its channel's bias, one adder per requantiser unit."""
DSP_STAGES = 3
"""A wide multiplier built of DSP blocks: partial products, two registers of summing."""
ROUND = 1
"""Rounding addition and shift."""
SATURATE = 1
"""Zero-point addition and saturation."""
ADD = 1
"""The sum of two products."""
CURVE = 4
"""An interpolated table: its memory's register and one behind it, the product of rise and place, the sum."""
COMPARE = 1
"""The running maximum of a pool."""
QUEUE = 1
"""Write into the output queue."""

RELEASE = ADDRESS + 1
"""Cycles from issue until the buffer beats a step read may be overwritten: its read edge ends cycle t + ADDRESS."""

BEATS_IN_FLIGHT = 4
"""Input buffer of a kernel that reads each beat once: a beat is held for `RELEASE` cycles, so one more takes a beat
every cycle; a power of two."""


def tree_stages(inputs: int) -> int:
    """Return the registers of an adder or comparator tree of ``inputs`` operands."""
    levels = max(inputs - 1, 0).bit_length()
    return -(-levels // TREE_LEVELS_PER_STAGE)


def queue_slots(latency: int, spacing: int) -> int:
    """Return the result slots that sustain a result every ``spacing`` cycles, rounded up to a power of two.

    A slot is held for ``latency`` cycles at least (docs/adr/0001, rules 2, 4 and 5), so ``latency // spacing + 1`` are
    taken when results leave at once; one more lets the next kernel hesitate.
    """
    return power_of_two(latency // spacing + 2)


def power_of_two(n: int) -> int:
    """Return the least power of two that is not below ``n``, for ``n >= 1``."""
    return 1 << (n - 1).bit_length()


def check_capacity(kind: str, beats: int) -> None:
    """Refuse an input buffer whose addresses would not wrap for free."""
    if beats != power_of_two(beats):
        raise InputError(f"{kind} capacity must be a power of two, not {beats}")
