"""The use cases: the only code that sees the machines and the gateware."""
