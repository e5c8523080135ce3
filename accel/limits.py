"""The limits on what is accepted, in one place; every refusal that comes from one names it."""

MAX_ELEMENTS = 2**31
"""Elements of one tensor."""
MAX_NODES = 100_000
"""Nodes of one graph."""
MAX_MODEL_BYTES = 2 * 10**9
"""Bytes of a model file with its external data."""
MAX_DEPTH = 100
"""Nesting of subgraphs, functions and protobuf messages."""
MAX_RANK = 8
"""Axes of one tensor."""
MAX_DATA_BYTES = 4 * 10**9
"""Bytes of the arrays of one .npz file, unpacked."""
MAX_NAME_CHARACTERS = 1024
"""Characters of one name in a model."""
MAX_FOLDED_ELEMENTS = 2**24
"""Elements that folding a constant may produce, unless its operands together have more."""
