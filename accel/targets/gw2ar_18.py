"""Gowin GW2AR-18."""

from accel.targets.base import LutRam, Target

TARGET = Target(
    name="gw2ar-18",
    family="gw2ar",
    part="GW2AR-LV18QN88C8/I7",
    source="Gowin DS226 GW2AR series data sheet, table 1-1; memory shapes: UG285, table 1-1",
    lut=20_736,
    lut_inputs=4,
    ff=15_552,
    dsp=48,
    dsp_a_bits=18,
    dsp_b_bits=18,
    bram=46,
    bram_bits=18_432,
    bram_shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16_384, 1)),
    lut_ram=LutRam(16, 4, cost=4, lut=4),
    clock_hz=50e6,
)
