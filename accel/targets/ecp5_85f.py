"""Lattice ECP5 LFE5U-85F."""

from accel.targets.base import LutRam, Target

TARGET = Target(
    name="ecp5-85f",
    family="ecp5",
    part="LFE5U-85F-6BG381C",
    source="Lattice FPGA-DS-02012 ECP5 family data sheet, table 1.1; memory shapes: FPGA-TN-02204, table 1",
    lut=83_640,
    lut_inputs=4,
    ff=83_640,
    dsp=156,
    dsp_a_bits=18,
    dsp_b_bits=18,
    bram=208,
    bram_bits=18_432,
    bram_shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16_384, 1)),
    lut_ram=LutRam(16, 4, cost=4, lut=6),
    clock_hz=70e6,
)
