"""Gowin GW2AR-18."""

from accel.targets.base import Target
from accel.targets.fabrics import BLOCK_18K, LUT4_JOINED, RAM16SDP4

TARGET = Target(
    name="gw2ar-18",
    family="gw2ar",
    part="GW2AR-LV18QN88C8/I7",
    source="Gowin DS226 GW2AR series data sheet, table 1-1; memory shapes: UG285, table 1-1",
    lut=20_736,
    ff=15_552,
    dsp=48,
    dsp_a_bits=18,
    dsp_b_bits=18,
    bram=46,
    bram_bits=18_432,
    memory_cells=(BLOCK_18K, RAM16SDP4),
    fabric=LUT4_JOINED,
    clock_hz=50e6,
)
