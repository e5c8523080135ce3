"""Work records: what a layer asks of a machine, in five kinds and one flat dtype.

Machines price Work, never layers. Letters as in Sze et al.: N batch, G groups, M output channels per group, C input
channels per group, P x Q output positions (rows, columns), R x S kernel positions, T dependent time steps.

References
----------
Sze, Chen, Yang, Emer, "Efficient Processing of Deep Neural Networks", Proc. IEEE 2017, section III.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """The five kinds of Work."""

    CONTRACT = 0
    """Multiply-accumulate over C x R x S for every M x P x Q: convolution, dense, transposed convolution."""
    WINDOW = 1
    """A reduction over R x S for every channel and P x Q, without weights: pooling."""
    POINTWISE = 2
    """``ops_per_element`` operations on every output element: add, activation, normalisation, softmax."""
    RECURRENT = 3
    """T dependent steps, each a contraction of C inputs (state included) to M gate rows and pointwise work."""
    MOVE = 4
    """Elements moved, nothing computed: concat, reshape, transpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One record of work; every count is for ``n`` samples unless it says per sample.

    Attributes
    ----------
    kind : Kind
        What is asked.
    n, g, m, c, p, q, r, s, t : int
        Loop bounds; m and c are per group.
    stride_h, stride_w, dilation_h, dilation_w : int
        Steps of the window (of the output window for a transposed convolution).
    h, w : int
        Input rows and columns, without padding.
    macs : int
        Multiply-accumulates a machine must do for one sample; the product of the loop bounds, except where zeros
        inserted by a transposed convolution are not counted.
    ifmap, weight, ofmap : int
        Elements read, of parameters read (bias included), and written, for one sample.
    ops : int
        Operations that are not MACs for one sample: comparisons, additions, table reads.
    """

    kind: Kind
    n: int = 1
    g: int = 1
    m: int = 1
    c: int = 1
    p: int = 1
    q: int = 1
    r: int = 1
    s: int = 1
    t: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    h: int = 1
    w: int = 1
    macs: int = 0
    ifmap: int = 0
    weight: int = 0
    ofmap: int = 0
    ops: int = 0


_NAMES = tuple(f.name for f in fields(Work))
WORK_DTYPE = np.dtype([(name, np.int64) for name in _NAMES])
"""The flat record that jitted cost functions read; field names are those of `Work`."""


def to_records(works: Iterable[Work]) -> NDArray[Any]:
    """Return Work as a structured array of `WORK_DTYPE`, shape (number of records,)."""
    return np.array([tuple(int(getattr(w, name)) for name in _NAMES) for w in works], dtype=WORK_DTYPE)
