"""Lattice iCE40 UltraPlus UP5K."""

from accel.targets.base import Target
from accel.targets.fabrics import LUT4_ALONE, SB_RAM40_4K

TARGET = Target(
    name="up5k",
    family="ice40",
    part="iCE40UP5K-SG48I",
    source="Lattice FPGA-DS-02008 iCE40 UltraPlus family data sheet, tables 1.1 and 3.3",
    lut=5280,
    ff=5280,
    dsp=8,
    dsp_a_bits=16,
    dsp_b_bits=16,
    dsp_least_product_bits=11,
    bram=30,
    bram_bits=4096,
    memory_cells=(SB_RAM40_4K,),
    fabric=LUT4_ALONE,
    clock_hz=24e6,
    significand_bits=16,
)
