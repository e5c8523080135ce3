"""Tile-level walks: a machine's loop nest, tile by tile, against double buffers and a main memory with rows and banks.

A walk prices the same work record as the machine's closed form and returns the same ``Cost``. It counts bytes and
cycles tile by tile instead of in sums, leaves padding out of transfers, and lets main memory open rows.
"""
