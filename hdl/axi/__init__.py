"""A core beside other people's blocks: AXI4-Stream and AXI4-Lite under their standard names."""

from hdl.axi.wrapper import ADDED_CYCLES, AxiWrapper

__all__ = ["ADDED_CYCLES", "AxiWrapper"]
