"""Lattice ECP5 LFE5U-25F."""

from accel.targets.base import Target
from accel.targets.fabrics import BLOCK_18K, LUT4_JOINED, TRELLIS_DPR16X4

TARGET = Target(
    name="ecp5-25f",
    family="ecp5",
    part="LFE5U-25F-6BG381C",
    source="Lattice FPGA-DS-02012 ECP5 family data sheet, table 1.1, look-up tables exact from nextpnr-ecp5; "
    "memory shapes: FPGA-TN-02204, table 1",
    lut=24_288,
    ff=24_288,
    dsp=28,
    dsp_a_bits=18,
    dsp_b_bits=18,
    bram=56,
    bram_bits=18_432,
    memory_cells=(BLOCK_18K, TRELLIS_DPR16X4),
    fabric=LUT4_JOINED,
    clock_hz=70e6,
)
