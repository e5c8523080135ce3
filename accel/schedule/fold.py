"""How a kernel's work is spread over time: its fold, and how its requantiser is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accel.errors import InputError
from accel.schedule import pipeline


@dataclass(frozen=True, slots=True)
class Fold:
    """The parallel units of a kernel, in FINN's terms.

    Attributes
    ----------
    pe : int
        Output channels computed at once; also the lanes of the output stream.
    simd : int
        Elements of the flattened reduction read at once.
    packed : bool
        Whether one multiplier computes the products of two output channels, as `accel.packing.Packing` says.

    References
    ----------
    Umuroglu et al., "FINN: A Framework for Fast, Scalable Binarized Neural Network Inference", FPGA 2017, section 4.
    """

    pe: int = 1
    simd: int = 1
    packed: bool = False

    def check(self, what: str, channels: int, reduction: int) -> None:
        """Refuse folds wider than the work: ``pe`` over ``channels``, ``simd`` over ``reduction``."""
        for name, value, most in (("pe", self.pe, channels), ("simd", self.simd, reduction)):
            if not 1 <= value <= most:
                raise InputError(f"{what} {name} must be 1 to {most}, not {value}")


@dataclass(frozen=True, slots=True)
class Requantizer:
    """How the accumulators of a result are multiplied: by digits in logic, or by DSP-built multipliers.

    A result's ``pe`` accumulators are held and served ``units`` at a time: accumulator ``j`` in round ``j // units``.

    Attributes
    ----------
    form : str
        "serial": ``digit_bits`` of the multiplier a cycle, least significant first, in logic; "dsp": one product a
        cycle and unit, `pipeline.DSP_STAGES` deep.
    units : int
        Multipliers side by side.
    digit_bits : int
        Digit of the serial form; 0 for "dsp".
    """

    form: Literal["serial", "dsp"]
    units: int
    digit_bits: int = 0

    def __post_init__(self) -> None:
        if self.units < 1:
            raise InputError(f"requantiser units must be positive, not {self.units}")
        if (self.form == "serial") != (self.digit_bits > 0):
            raise InputError(f"requantiser digits must be given for the serial form alone, not {self.digit_bits} bits")

    def rounds(self, pe: int) -> int:
        """Groups of accumulators served one after another."""
        return -(-pe // self.units)

    def cycles(self, bits: int) -> int:
        """Cycles a unit is busy with one accumulator, for multipliers of ``bits`` bits."""
        return -(-bits // self.digit_bits) if self.form == "serial" else 1

    def occupancy(self, pe: int, bits: int) -> int:
        """Cycles from accepting a result's accumulators until the next can be accepted."""
        return self.rounds(pe) * self.cycles(bits)

    def latency(self, pe: int, bits: int) -> int:
        """Cycles from the held accumulators to the register with the last product."""
        busy = self.occupancy(pe, bits)
        return busy if self.form == "serial" else busy - 1 + pipeline.DSP_STAGES

    def stages(self, pe: int, bits: int) -> dict[str, int]:
        """Cycles of each pipeline stage from the finished accumulators to the saturated outputs, in order."""
        return {
            "capture": pipeline.CAPTURE,
            "bias": pipeline.BIAS,
            "requantize": self.latency(pe, bits),
            "round": pipeline.ROUND,
            "saturate": pipeline.SATURATE,
        }

    def check(self, kind: str, pe: int, bits: int, period: int) -> None:
        """Refuse a requantiser that cannot serve ``pe`` accumulators every ``period`` cycles."""
        busy = self.occupancy(pe, bits)
        if busy > period:
            raise InputError(f"{kind} requantiser must serve {pe} accumulators every {period} cycles, not every {busy}")

    @classmethod
    def serial(cls, pe: int, bits: int, period: int) -> Requantizer:
        """Return the cheapest serial form that serves ``pe`` accumulators every ``period`` cycles.

        Logic grows with ``units * digit_bits`` (rows of adders); of equals the fewest units.
        """
        choices: list[tuple[int, int, int]] = []
        for units in range(1, pe + 1):
            cycles = period // -(-pe // units)
            if cycles:
                digit = -(-bits // cycles)
                choices.append((units * digit, units, digit))
        _, units, digit = min(choices)
        return cls("serial", units, digit)

    @classmethod
    def dsp(cls, pe: int, period: int) -> Requantizer:
        """Return the DSP-built form with the fewest units that serve ``pe`` accumulators every ``period`` cycles."""
        return cls("dsp", -(-pe // period))
