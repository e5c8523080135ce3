"""The ranges that quantisation chooses: properties of the scales for any values."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accel.quantize.ranges import Observation, activation_scale, weight_scales

VALUES = hnp.arrays(
    np.float32, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32, allow_nan=False, allow_infinity=False)
)


@given(VALUES, st.integers(2, 8))
def test_activation_scale_is_no_worse_than_the_whole_range(values, bits):
    seen = Observation()
    seen.add(values)
    scale = activation_scale(seen, bits)
    levels = 2**bits - 1
    assert 0 <= scale.zero_point <= levels
    assert scale.scale > 0
    assert math.isfinite(scale.scale)
    span = max(values.max(), 0) - min(values.min(), 0)
    assert scale.scale <= span / levels * 1.001 or scale.scale == 1
    if values.min() >= 0:
        assert scale.zero_point == 0, "what follows a ReLU pads with 0"


@given(VALUES, st.integers(2, 8))
def test_weight_scale_keeps_weights_in_range(values, bits):
    limit = 2 ** (bits - 1) - 1
    scale = weight_scales(values.reshape(1, -1), 0, bits)[0]
    assert scale > 0
    rounded = np.clip(np.rint(values / scale), -limit, limit) * scale
    whole = np.float32(max(np.abs(values).max() / limit, 1e-30))
    coarse = np.clip(np.rint(values / whole), -limit, limit) * whole
    assert (
        np.square(rounded - values, dtype=float).mean() <= np.square(coarse - values, dtype=float).mean() * 1.001 + 1e-9
    )
