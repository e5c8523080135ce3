"""The loop nest of `sim.diannao` for CONV and CLASS layers, strip by strip (Chen et al., ASPLOS 2014, section 3).

Maps are stored (h, w, c), weights in the order of output blocks. The DMAs fetch what the next strip needs while the NFU
works on this one; results leave in the meantime.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.jit import ceil_div, jit
from sim.engine.lowering import INT16_BYTES as ELEMENT_BYTES
from sim.walks.channel import BUS_FREE, COMPUTE, LOAD, STORE, channel, log_slice, transfer


@jit
def walk_repeats(
    work: Any,
    m: Any,
    columns: float,
    slide_rows: bool,
    share_columns: bool,
    together: float,
    weight_loads: float,
    refetch_inputs: bool,
    repeats: int,
    log: Any,
) -> Any:
    """Walk one group of ``repeats`` samples or steps.

    Parameters
    ----------
    work, m : records
    columns : float
        Output columns of a strip.
    slide_rows, share_columns : bool
        Whether an input row serves several output rows, an input column several output columns, without a new fetch.
    together : float
        Blocks of Tn outputs whose partial sums NBout holds at once; a pass of them sees all samples.
    weight_loads : float
        How often each weight is loaded: 1 = once a pass; -1 = its part for every position (private kernels); else for
        every strip.
    refetch_inputs : bool
        Whether passes after the first fetch inputs again.
    repeats : int
    log : array
        Notes every strip's loads, computing and store, see `log_slice`.

    Returns
    -------
    float64 array
        Cycles, cycles of computing, wait for the first strip, MACs; bytes of inputs, weights and outputs.
    """
    p, q, out, channels = work["p"], work["q"], work["m"], work["c"]
    u, v = work["stride_h"], work["stride_w"]
    span_r = (work["r"] - 1) * work["dilation_h"] + 1
    span_s = (work["s"] - 1) * work["dilation_w"] + 1
    above = np.floor(max(0.0, (p - 1) * u + span_r - work["h"]) / 2)
    before = np.floor(max(0.0, (q - 1) * v + span_s - work["w"]) / 2)
    strips = ceil_div(q, columns)
    chunks = ceil_div(channels, m["ti"])
    kernel = work["r"] * work["s"]
    each_output = work["weight"] * ELEMENT_BYTES / (work["g"] * out)  # bytes of an output map's weights
    pixel = channels * ELEMENT_BYTES
    weights_at = work["ifmap"] * ELEMENT_BYTES
    outputs_at = weights_at + work["weight"] * ELEMENT_BYTES

    state = channel(m)
    started, computed, computing, first_wait, macs = 0.0, 0.0, 0.0, 0.0, 0.0
    input_bytes, weight_bytes, output_bytes, store_at, store_size = 0.0, 0.0, 0.0, 0.0, 0.0
    for block in range(int(ceil_div(ceil_div(out, m["tn"]), together))):
        first_out = block * together * m["tn"]
        outs = min(together * m["tn"], out - first_out)
        for repeat in range(repeats):
            for row in range(int(p)):
                for strip in range(int(strips)):
                    wide = min(columns, q - strip * columns)
                    arrived = started  # the strip before has left its half of the buffers when it starts computing
                    issue = started
                    loading = max(issue, state[0, BUS_FREE])
                    at = weights_at + first_out * each_output
                    if weight_loads == -1.0:
                        size = outs * each_output / (p * strips)
                        arrived = transfer(state, at + (row * strips + strip) * size, size, issue)
                        weight_bytes += size
                    elif weight_loads > 1.0 or (repeat == 0 and row == 0 and strip == 0):
                        arrived = transfer(state, at, outs * each_output, issue)
                        weight_bytes += outs * each_output
                    if block == 0 or refetch_inputs:
                        taps = work["r"]
                        if slide_rows:
                            taps = span_r if row == 0 else u
                        left = max(strip * columns * v - before, 0.0)
                        needed = wide * work["s"]
                        if share_columns:
                            needed = min(strip * columns * v - before + (wide - 1) * v + span_s, work["w"]) - left
                        for tap in range(int(taps)):
                            y = row * u - above + tap
                            if slide_rows and row > 0:
                                y += span_r - u
                            elif not slide_rows:
                                y = row * u - above + tap * work["dilation_h"]
                            if 0 <= y < work["h"] and needed > 0:
                                address = (y * work["w"] + left) * pixel
                                arrived = max(arrived, transfer(state, address, needed * pixel, issue))
                                input_bytes += needed * pixel
                    log_slice(log, LOAD, loading, state[0, BUS_FREE])
                    # the strip before stores when it is done, which is after the loads it overlaps with
                    storing = max(computed, state[0, BUS_FREE])
                    transfer(state, store_at, store_size, computed)
                    log_slice(log, STORE, storing, state[0, BUS_FREE])
                    started = max(arrived, computed)
                    if block == 0 and repeat == 0 and row == 0 and strip == 0:
                        first_wait = started
                    cycles = wide * kernel * chunks * ceil_div(outs, m["tn"])
                    computing += cycles
                    macs += wide * kernel * channels * outs
                    computed = started + cycles
                    log_slice(log, COMPUTE, started, computed)
                    store_at = outputs_at + ((row * q + strip * columns) * out + first_out) * ELEMENT_BYTES
                    store_size = wide * outs * ELEMENT_BYTES
                    output_bytes += store_size
    storing = max(computed, state[0, BUS_FREE])
    done = transfer(state, store_at, store_size, computed)
    log_slice(log, STORE, storing, state[0, BUS_FREE])
    return np.array([max(computed, done), computing, first_wait, macs, input_bytes, weight_bytes, output_bytes])
