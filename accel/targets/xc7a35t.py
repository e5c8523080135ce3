"""AMD Artix-7 XC7A35T; block RAM counted in halves of 18 Kbit."""

from accel.targets.base import Target
from accel.targets.fabrics import LUT6, RAM64M, RAMB18, RAMB36

TARGET = Target(
    name="xc7a35t",
    family="artix7",
    part="xc7a35tcpg236-1",
    source="AMD DS180 7 series overview, table 4; memory shapes: UG473, table 1-12",
    lut=20_800,
    ff=41_600,
    dsp=90,
    dsp_a_bits=25,
    dsp_b_bits=18,
    dsp_least_product_bits=9,
    dsp_signed_only=True,
    bram=100,
    bram_bits=18_432,
    memory_cells=(RAMB18, RAMB36, RAM64M),
    fabric=LUT6,
    rom_bit_cost=1 / 64,
    clock_hz=100e6,
)
