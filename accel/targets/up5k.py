"""Lattice iCE40 UltraPlus UP5K."""

from accel.targets.base import Target

TARGET = Target(
    name="up5k",
    family="ice40",
    part="iCE40UP5K-SG48I",
    source="Lattice FPGA-DS-02008 iCE40 UltraPlus family data sheet, tables 1.1 and 3.3",
    lut=5280,
    lut_inputs=4,
    ff=5280,
    dsp=8,
    dsp_a_bits=16,
    dsp_b_bits=16,
    dsp_least_product_bits=11,
    bram=30,
    bram_bits=4096,
    bram_shapes=((256, 16), (512, 8), (1024, 4), (2048, 2)),
    bram_cost=64,
    clock_hz=24e6,
    significand_bits=16,
)
