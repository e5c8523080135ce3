"""Proofs on the emitted Verilog: the stream rules of every block, for all stalls and all data (docs/formal.md).

Every proof begins in an arbitrary state with one cycle of ``rst``, so what is proven holds after a reset at any moment.
"""
