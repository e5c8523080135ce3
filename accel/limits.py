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
"""Elements that folding one constant may make, unless its operands together have more; of all of them, see below."""
MAX_FOLDED_SHARE = 8
"""All folded constants together may have `MAX_FOLDED_ELEMENTS` and so many times the elements that the model stores."""
MAX_POSITIONS = 2**22
"""Positions of a pooling window along one axis."""
MAX_STEP = 2**31 - 1
"""The largest kernel, stride, dilation or padding of a window."""
MAX_SHAPES_BYTES = 10**7
"""Bytes of a table of layer shapes."""
MAX_BATCH = 2**20
"""Samples priced at once."""
MAX_DESIGNS = 10**11
"""Designs of one exploration; a day's work."""
