"""Clocks: what the PLLs of the FPGA families make of a board's oscillator, by a closed search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from accel.errors import InputError

MODULE = "accel_pll"
"""The Verilog module with ports ``oscillator``, ``clock`` and ``locked`` that holds a board's PLL."""
TOLERANCE = Fraction(1, 100)
"""How far from the clock asked for the one that is made may be."""
_HEADER = f"module {MODULE}(input wire oscillator, output wire clock, output wire locked);"


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to set a PLL.

    Attributes
    ----------
    hz : Fraction
        What comes out.
    dividers : dict of str to int
        By the primitive's parameters; none where the oscillator is the clock.
    """

    hz: Fraction
    dividers: dict[str, int] = field(default_factory=dict)


class Pll(ABC):
    """The PLL of an FPGA family."""

    @abstractmethod
    def settings(self, oscillator_hz: int) -> Iterator[Setting]:
        """Yield every setting within the primitive's limits, the best of equal frequencies first."""

    @abstractmethod
    def instance(self, oscillator_hz: int, setting: Setting) -> str:
        """Return the primitive in Verilog, between the ports of the module `MODULE`."""

    def nearest(self, oscillator_hz: int, wanted_hz: float) -> Setting:
        """Return the setting nearest to ``wanted_hz``.

        Raises
        ------
        InputError
            If it is further away than `TOLERANCE`; the message names the nearest on both sides.
        """
        wanted = Fraction(wanted_hz)
        found = [Setting(Fraction(oscillator_hz)), *self.settings(oscillator_hz)]
        best = min(found, key=lambda setting: abs(setting.hz - wanted))
        if abs(best.hz - wanted) > TOLERANCE * wanted:
            below = max((s.hz for s in found if s.hz < wanted), default=None)
            above = min((s.hz for s in found if s.hz > wanted), default=None)
            near = " and ".join(f"{float(hz) / 1e6:.6g}" for hz in (below, above) if hz is not None)
            raise InputError(
                f"clock must be within {float(100 * TOLERANCE):g} % of one that the PLL makes of "
                f"{oscillator_hz / 1e6:g} MHz, not {float(wanted) / 1e6:.6g} MHz; nearest: {near} MHz"
            )
        return best

    def verilog(self, oscillator_hz: int, setting: Setting) -> str:
        """Return the module `MODULE` that makes the clock of ``setting``."""
        body = (
            self.instance(oscillator_hz, setting)
            if setting.dividers
            else "  assign clock = oscillator;\n  assign locked = 1'b1;\n"
        )
        return f"// {float(setting.hz) / 1e6:.6f} MHz\n{_HEADER}\n{body}endmodule\n"


class Ehxplll(Pll):
    """The PLL of Lattice ECP5.

    Output CLKOP closes the loop at the phase detector's frequency, so that the oscillator of the PLL (VCO) may run at
    any multiple of it; output CLKOS divides the VCO down to the clock.

    References
    ----------
    Lattice FPGA-DS-02012 ECP5 family data sheet, sysCLOCK PLL timing; FPGA-TN-02200 ECP5 sysCLOCK PLL/DLL design and
    usage guide. The settings of the loop filter, which the guide leaves to Lattice's tool, are those that
    Project Trellis's ecppll gives every PLL.
    """

    DETECTOR_HZ = (10_000_000, 400_000_000)
    VCO_HZ = (400_000_000, 800_000_000)
    OUTPUT_HZ = (3_125_000, 400_000_000)
    MOST = 128
    """The largest divider."""

    def settings(self, oscillator_hz: int) -> Iterator[Setting]:
        for before in range(1, self.MOST + 1):
            detector = Fraction(oscillator_hz, before)
            if not _within(detector, self.DETECTOR_HZ):
                continue
            for loop in range(1, self.MOST + 1):
                vco = detector * loop
                if not _within(vco, self.VCO_HZ):
                    continue
                for after in range(1, self.MOST + 1):
                    if _within(vco / after, self.OUTPUT_HZ):
                        yield Setting(vco / after, {"CLKI_DIV": before, "CLKOP_DIV": loop, "CLKOS_DIV": after})

    def instance(self, oscillator_hz: int, setting: Setting) -> str:
        loop, after = setting.dividers["CLKOP_DIV"], setting.dividers["CLKOS_DIV"]
        return f"""  wire loop;
  (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
    .CLKI_DIV({setting.dividers["CLKI_DIV"]}), .CLKFB_DIV(1), .FEEDBK_PATH("CLKOP"),
    .CLKOP_ENABLE("ENABLED"), .CLKOP_DIV({loop}), .CLKOP_CPHASE({loop - 1}), .CLKOP_FPHASE(0),
    .CLKOS_ENABLE("ENABLED"), .CLKOS_DIV({after}), .CLKOS_CPHASE({after - 1}), .CLKOS_FPHASE(0),
    .OUTDIVIDER_MUXA("DIVA"), .OUTDIVIDER_MUXB("DIVB"), .OUTDIVIDER_MUXC("DIVC"), .OUTDIVIDER_MUXD("DIVD"),
    .PLLRST_ENA("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"), .INTFB_WAKE("DISABLED")
  ) pll (
    .CLKI(oscillator), .CLKFB(loop), .CLKOP(loop), .CLKOS(clock), .LOCK(locked),
    .RST(1'b0), .STDBY(1'b0), .ENCLKOP(1'b0), .ENCLKOS(1'b0), .PLLWAKESYNC(1'b0),
    .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0), .PHASELOADREG(1'b0)
  );
"""


class SbPll40Pad(Pll):
    """The PLL of Lattice iCE40, fed by its own pin.

    References
    ----------
    Lattice FPGA-TN-02052 iCE40 sysCLOCK PLL design and usage guide; FPGA-DS-02008 iCE40 UltraPlus family data sheet,
    sysCLOCK PLL timing. The bounds of the loop filter's ranges are those of Project IceStorm's icepll.
    """

    DETECTOR_HZ = (10_000_000, 133_000_000)
    VCO_HZ = (533_000_000, 1_066_000_000)
    OUTPUT_HZ = (16_000_000, 275_000_000)
    FILTER_HZ = (17_000_000, 26_000_000, 44_000_000, 66_000_000, 101_000_000)
    """Bounds between the ranges of the loop filter, which count from 1, by the detector's frequency."""

    def settings(self, oscillator_hz: int) -> Iterator[Setting]:
        for before in range(16):
            detector = Fraction(oscillator_hz, before + 1)
            if not _within(detector, self.DETECTOR_HZ):
                continue
            for loop in range(128):
                vco = detector * (loop + 1)
                if not _within(vco, self.VCO_HZ):
                    continue
                for power in range(1, 7):
                    if _within(vco / (1 << power), self.OUTPUT_HZ):
                        filter_range = 1 + sum(detector >= bound for bound in self.FILTER_HZ)
                        yield Setting(
                            vco / (1 << power),
                            {"DIVR": before, "DIVF": loop, "DIVQ": power, "FILTER_RANGE": filter_range},
                        )

    def instance(self, oscillator_hz: int, setting: Setting) -> str:
        dividers = ", ".join(f".{name}({value})" for name, value in setting.dividers.items())
        return f"""  SB_PLL40_PAD #(
    .FEEDBACK_PATH("SIMPLE"), {dividers}
  ) pll (
    .PACKAGEPIN(oscillator), .PLLOUTGLOBAL(clock), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0)
  );
"""


class Rpll(Pll):
    """The PLL of Gowin's GW1N and GW2A families.

    Parameters
    ----------
    device : str
        The part with its version, as Gowin's library names it.

    References
    ----------
    Gowin UG286 clock user guide, rPLL; DS226 GW2AR series data sheet, PLL switching characteristics at speed C8/I7.
    """

    DETECTOR_HZ = (3_000_000, 500_000_000)
    VCO_HZ = (500_000_000, 1_250_000_000)
    OUTPUT_HZ = (3_906_250, 625_000_000)
    VCO_DIVIDERS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)

    def __init__(self, device: str):
        self.device = device

    def settings(self, oscillator_hz: int) -> Iterator[Setting]:
        for before in range(64):
            detector = Fraction(oscillator_hz, before + 1)
            if not _within(detector, self.DETECTOR_HZ):
                continue
            for loop in range(64):
                hz = detector * (loop + 1)
                if not _within(hz, self.OUTPUT_HZ):
                    continue
                for after in self.VCO_DIVIDERS:
                    if _within(hz * after, self.VCO_HZ):
                        yield Setting(hz, {"IDIV_SEL": before, "FBDIV_SEL": loop, "ODIV_SEL": after})

    def instance(self, oscillator_hz: int, setting: Setting) -> str:
        dividers = ", ".join(f".{name}({value})" for name, value in setting.dividers.items())
        return f"""  rPLL #(
    .FCLKIN("{oscillator_hz / 1e6:g}"), .DEVICE("{self.device}"), {dividers}
  ) pll (
    .CLKIN(oscillator), .CLKOUT(clock), .LOCK(locked),
    .CLKFB(1'b0), .RESET(1'b0), .RESET_P(1'b0),
    .FBDSEL(6'b0), .IDSEL(6'b0), .ODSEL(6'b0), .PSDA(4'b0), .DUTYDA(4'b0), .FDLY(4'b0)
  );
"""


def _within(hz: Fraction, limits: tuple[int, int]) -> bool:
    return limits[0] <= hz <= limits[1]
