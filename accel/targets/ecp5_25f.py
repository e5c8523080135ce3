"""Lattice ECP5 LFE5U-25F."""

from accel.targets.base import LutRam, Target

TARGET = Target(
    name="ecp5-25f",
    family="ecp5",
    part="LFE5U-25F-6BG381C",
    source="Lattice FPGA-DS-02012 ECP5 family data sheet, table 1.1; memory shapes: FPGA-TN-02204, table 1",
    lut=24_288,
    lut_inputs=4,
    ff=24_288,
    dsp=28,
    dsp_a_bits=18,
    dsp_b_bits=18,
    bram=56,
    bram_bits=18_432,
    bram_shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16_384, 1)),
    lut_ram=LutRam(16, 4, cost=4, lut=6),
    clock_hz=70e6,
)
