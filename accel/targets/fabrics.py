"""The logic and memories of the families, as Yosys maps to them: the constants behind the resource estimates.

References
----------
Memory cells: the library files of Yosys 0.70 (lattice/brams_16kd.txt, lattice/lutrams_trellis.txt, gowin/brams.txt,
gowin/lutrams.txt, ice40/brams.txt, xilinx/lutrams_xc5v.txt), and memory_libmap's own account of its candidates.
Fabrics: docs/resources.md says what each figure stands for and how it was found.
"""

from __future__ import annotations

from accel.targets.base import Fabric, MemoryCell

_18_KBIT = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16_384, 1))
_36_KBIT = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16_384, 2), (32_768, 1))

BLOCK_18K = MemoryCell(_18_KBIT, cost=128, byte=9, bram=1, reads_first=False)
"""DP16KD and PDPW16KD of ECP5, DP and SDP of GW2AR; the widest shape is the latter ones'."""
TRELLIS_DPR16X4 = MemoryCell(((16, 4),), cost=4, byte=4, lut=4)
RAM16SDP4 = MemoryCell(((16, 4),), cost=4, scale=4, byte=4, lut=4)
SB_RAM40_4K = MemoryCell(((256, 16), (512, 8), (1024, 4), (2048, 2)), cost=64, bram=1, reads_first=False)
"""Every bit has a write enable."""
RAMB18 = MemoryCell(_18_KBIT, cost=129, byte=9, bram=1)
RAMB36 = MemoryCell(_36_KBIT, cost=257, byte=9, bram=2)
RAM64M = MemoryCell(((32, 6), (64, 3)), cost=8, scale=7, byte=6, lut=4)
"""RAM32M and RAM64M, one port to write and one to read."""

LUT4_JOINED = Fabric(
    inputs=4, joined=7, ways=2, constant_adder=1, gate=1, compressor=2.6, digit=2.4, further_digit=6.3, margin=4,
    timer=3, counter=1.6,
)  # fmt: skip
"""ECP5 and GW2AR: PFUMX and L6MUX21, or their like, join tables; a carry chain leaves its tables no input to spare."""
LUT4_ALONE = Fabric(
    inputs=4, joined=4, ways=2, constant_adder=1, gate=1, compressor=2, digit=1.2, further_digit=4, margin=3,
    timer=2, counter=1.6, product_register=True, post_adder="signed",
)  # fmt: skip
"""iCE40."""
LUT6 = Fabric(
    inputs=6, joined=8, ways=4, constant_adder=0.3, gate=0, compressor=2, digit=2, further_digit=2, margin=1.6,
    timer=1.4, counter=1, shift_register=32, product_register=True, post_adder="any",
)  # fmt: skip
"""7 series: MUXF7 and MUXF8 join tables, which have inputs to spare in front of a carry chain."""
