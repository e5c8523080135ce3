"""FPGA parts, one a file."""
