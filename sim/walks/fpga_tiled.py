"""The loop nest of `sim.fpga_tiled`, tile by tile (Zhang et al., FPGA 2015, figure 9).

Maps are stored (c, h, w), weights in the order of tiles. For every output tile: load the first input tile and weights;
then compute on one half of the buffers while the next tile loads into the other; store. The next output tile's first
load waits for that store on the bus.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import FLOAT32_BYTES as ELEMENT_BYTES
from sim.walks.channel import BUS_FREE, BYTES, COMPUTE, LOAD, STORE, channel, log_slice, transfer


@jit
def _load_map(
    state: Any,
    work: Any,
    base: float,
    first: float,
    last: float,
    top: float,
    rows: float,
    left: float,
    columns: float,
    earliest: float,
) -> float:
    """Load a block of the input map, stored (c, h, w), padding left out; return when it is there."""
    h, w = work["h"], work["w"]
    low, high = max(top, 0.0), min(top + rows, h)
    start, stop = max(left, 0.0), min(left + columns, w)
    done = earliest
    if high <= low or stop <= start:
        return done
    if stop - start == w and high - low == h:  # whole maps follow each other in memory
        return transfer(state, base + first * h * w * ELEMENT_BYTES, (last - first) * h * w * ELEMENT_BYTES, earliest)
    for c in range(int(first), int(last)):
        if stop - start == w:  # so do whole rows
            address = base + (c * h + low) * w * ELEMENT_BYTES
            done = transfer(state, address, (high - low) * w * ELEMENT_BYTES, earliest)
        else:
            for y in range(int(low), int(high)):
                address = base + ((c * h + y) * w + start) * ELEMENT_BYTES
                done = transfer(state, address, (stop - start) * ELEMENT_BYTES, earliest)
    return done


@jit
def walk_sample(work: Any, m: Any, rows: float, columns: float, repeats: int, sums: Any, log: Any) -> None:
    """Walk one group of one sample ``repeats`` times.

    Row r of ``sums`` is left with what the first r + 1 repeats took: cycles, cycles of computing, waits for first loads
    and stores, MACs, bytes. ``log`` notes every tile's load, computing and store, see `log_slice`.
    """
    p, q, m_all, c_all = work["p"], work["q"], work["m"], work["c"]
    kernel = work["r"] * work["s"]
    u, v = work["stride_h"], work["stride_w"]
    span_r = (work["r"] - 1) * work["dilation_h"] + 1
    span_s = (work["s"] - 1) * work["dilation_w"] + 1
    above = np.floor(max(0.0, (p - 1) * u + span_r - work["h"]) / 2)
    before = np.floor(max(0.0, (q - 1) * v + span_s - work["w"]) / 2)
    resident = work["weight"] * ELEMENT_BYTES <= m["weight_buffer_bytes"]
    each_weight = work["weight"] * ELEMENT_BYTES / (work["g"] * m_all * c_all)  # of a channel pair, with its bias

    state = channel(m)
    weights_at = work["ifmap"] * ELEMENT_BYTES
    outputs_at = weights_at + work["weight"] * ELEMENT_BYTES
    computed, computing, first_waits, macs = 0.0, 0.0, 0.0, 0.0
    half_free = np.zeros(2)
    for repeat in range(repeats):
        for row in range(int(ceil_div(p, rows))):
            tile_rows = min(rows, p - row * rows)
            for column in range(int(ceil_div(q, columns))):
                tile_columns = min(columns, q - column * columns)
                for om in range(int(ceil_div(m_all, m["tm"]))):
                    m_first = om * m["tm"]
                    m_last = min(m_first + m["tm"], m_all)
                    tile_start = computed
                    half_free[:] = tile_start
                    for ic in range(int(ceil_div(c_all, m["tn"]))):
                        c_first = ic * m["tn"]
                        c_last = min(c_first + m["tn"], c_all)
                        issue = half_free[ic % 2]
                        loading = max(issue, state[0, BUS_FREE])
                        arrived = _load_map(
                            state, work, 0.0, c_first, c_last,
                            row * rows * u - above, (tile_rows - 1) * u + span_r,
                            column * columns * v - before, (tile_columns - 1) * v + span_s, issue,
                        )  # fmt: skip
                        if not resident or (repeat == 0 and row == 0 and column == 0):
                            before_it = m_first * c_all + (m_last - m_first) * c_first
                            address = weights_at + before_it * each_weight
                            size = (m_last - m_first) * (c_last - c_first) * each_weight
                            arrived = max(arrived, transfer(state, address, size, issue))
                        log_slice(log, LOAD, loading, state[0, BUS_FREE])
                        start = max(arrived, computed)
                        if ic == 0:
                            first_waits += start - computed
                        cycles = tile_rows * tile_columns * kernel + m["pipeline_cycles"]
                        computing += cycles
                        macs += tile_rows * tile_columns * kernel * (m_last - m_first) * (c_last - c_first)
                        computed = start + cycles
                        log_slice(log, COMPUTE, start, computed)
                        half_free[ic % 2] = computed
                    stored = computed
                    storing = max(computed, state[0, BUS_FREE])
                    for o in range(int(m_first), int(m_last)):
                        for y in range(int(tile_rows)):
                            address = outputs_at + ((o * p + row * rows + y) * q + column * columns) * ELEMENT_BYTES
                            stored = transfer(state, address, tile_columns * ELEMENT_BYTES, computed)
                    log_slice(log, STORE, storing, state[0, BUS_FREE])
                    first_waits += stored - computed
                    computed = stored
        sums[repeat, 0], sums[repeat, 1], sums[repeat, 2] = computed, computing, first_waits
        sums[repeat, 3], sums[repeat, 4] = macs, state[0, BYTES]
