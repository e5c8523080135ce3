"""AMD Artix-7 XC7A35T; block RAM counted in halves of 18 Kbit."""

from accel.targets.base import LutRam, Target

TARGET = Target(
    name="xc7a35t",
    family="artix7",
    part="xc7a35tcpg236-1",
    source="AMD DS180 7 series overview, table 4; memory shapes: UG473, table 1-12",
    lut=20_800,
    lut_inputs=6,
    ff=41_600,
    dsp=90,
    dsp_a_bits=25,
    dsp_b_bits=18,
    dsp_least_product_bits=9,
    bram=100,
    bram_bits=18_432,
    bram_shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16_384, 1)),
    lut_ram=LutRam(64, 3, cost=8, lut=4),
    rom_bit_cost=1 / 64,
    clock_hz=100e6,
)
