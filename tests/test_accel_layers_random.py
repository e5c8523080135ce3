"""Contractions, pools and additions of random shapes, values and scales against short loops."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.fixedpoint import Quantization
from accel.layers.add import Add
from accel.layers.average_pool import AveragePool
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.max_pool import MaxPool

seeds = st.integers(0, 2**32 - 1)
RUNS = settings(max_examples=300, deadline=None, derandomize=True)


@st.composite
def quantizations(draw):
    bits = draw(st.integers(2, 8))
    signed = draw(st.booleans())
    q = Quantization(draw(st.sampled_from([2.0**-7, 0.013, 0.5, 3.7])), bits=bits, signed=signed)
    zero_point = draw(st.integers(*q.type_range))
    return Quantization(q.scale, zero_point, bits, signed)


def numbers(rng: np.random.Generator, q: Quantization, shape, extreme: bool):
    """Stored integers; only the ends of the range if ``extreme``."""
    ends = np.array([q.low, q.high])
    return (rng.choice(ends, shape) if extreme else rng.integers(q.low, q.high + 1, shape)).astype(q.dtype)


def rounded(real: Fraction, q: Quantization) -> int:
    return min(max(round(real) + q.zero_point, q.low), q.high)


def factors(requantize) -> list[Fraction]:
    return [Fraction(int(m), 2**requantize.shift) for m in requantize.multipliers]


def close(factor: Fraction, scale: float, largest: float) -> bool:
    """Whether a multiplier is its scale to the last of 24 bits of the largest."""
    return abs(factor - Fraction(scale)) <= Fraction(largest) / 2**23 / 2


@st.composite
def windows(draw):
    """Kernel, stride, dilation, padding and image size that leave at least one output."""
    axes = []
    for _ in range(2):
        k, stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
        span = (k - 1) * dilation + 1
        size = draw(st.integers(1, 6))
        before, after = draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))
        after += max(0, span - size - before - after)
        axes.append((k, stride, dilation, before, after, size))
    k, stride, dilation, before, after, size = zip(*axes, strict=True)
    return {"kernel": k, "stride": stride, "dilation": dilation, "padding": (*before, *after)}, size


def positions(geometry, size, p, q):
    """Kernel positions and image positions of the taps of output ``p, q`` that lie on the image."""
    (kr, ks), (u, v), (dr, ds) = geometry["kernel"], geometry["stride"], geometry["dilation"]
    top, left = geometry["padding"][:2]
    for r in range(kr):
        for s in range(ks):
            y, x = p * u + r * dr - top, q * v + s * ds - left
            if 0 <= y < size[0] and 0 <= x < size[1]:
                yield r, s, y, x


@RUNS
@given(windows(), quantizations(), quantizations(), st.integers(1, 2), st.integers(1, 3), seeds, st.booleans())
def test_convolution(window, source, output, groups, c, seed, extreme):
    geometry, size = window
    rng = np.random.default_rng(seed)
    m = 2
    weight = rng.choice([-128, 127], (groups * m, c, *geometry["kernel"])) if extreme else None
    if weight is None:
        weight = rng.integers(-128, 128, (groups * m, c, *geometry["kernel"]))
    bias = rng.integers(-(2**20), 2**20, groups * m)
    scale = rng.uniform(1e-4, 1e-2, groups * m)
    layer = Conv(
        in_channels=groups * c, out_channels=groups * m, groups=groups, weight=weight.astype(np.int16), bias=bias,
        **geometry,
    ).quantized([(groups * c, *size)], [source], output, scale)  # fmt: skip
    x = numbers(rng, source, (1, groups * c, *size), extreme)
    (y,) = layer.integer([x], [source])
    a = x[0].astype(int) - source.zero_point
    reals = source.scale * scale / output.scale
    multipliers = factors(layer.requantize)
    assert all(close(f, s, reals.max()) for f, s in zip(multipliers, reals, strict=True))
    for o, p, q in np.ndindex(*y.shape[1:]):
        first = o // m * c
        taps = [(r, s, i, j) for r, s, i, j in positions(geometry, size, p, q)]
        acc = int(bias[o]) + sum(int(a[first + n, i, j] * weight[o, n, r, s]) for r, s, i, j in taps for n in range(c))
        assert y[0, o, p, q] == rounded(acc * multipliers[o], output)


@RUNS
@given(windows(), st.integers(1, 2), st.integers(1, 2), seeds)
def test_transposed_convolution_is_the_adjoint_of_convolution(window, groups, c, seed):
    """<conv(x), y> == <x, conv_transpose(y)> for every x and y, in exact integers, with the same weights."""
    geometry, size = window
    rng = np.random.default_rng(seed)
    m = 2
    weight = rng.integers(-128, 128, (groups * m, c, *geometry["kernel"])).astype(np.int16)
    conv = Conv(
        in_channels=groups * c, out_channels=groups * m, groups=groups, has_bias=False, weight=weight, **geometry
    )
    x = rng.integers(-128, 128, (1, groups * c, *size))
    (cx,) = conv.forward([x])
    y = rng.integers(-128, 128, cx.shape)
    uncut = [
        (cx.shape[2 + i] - 1) * geometry["stride"][i] + (geometry["kernel"][i] - 1) * geometry["dilation"][i] + 1
        for i in range(2)
    ]
    rest = [size[i] + geometry["padding"][i] + geometry["padding"][2 + i] - uncut[i] for i in range(2)]
    back = ConvTranspose(
        in_channels=groups * m, out_channels=groups * c, groups=groups, has_bias=False, weight=weight,
        output_padding=tuple(rest), **geometry,
    )  # fmt: skip
    (ty,) = back.forward([y])
    assert ty.shape == x.shape
    assert (cx * y).sum() == (x * ty).sum()


@RUNS
@given(st.integers(1, 40), st.integers(1, 4), quantizations(), quantizations(), seeds, st.booleans())
def test_dense(features, outputs, source, output, seed, extreme):
    rng = np.random.default_rng(seed)
    weight = np.full((outputs, features), -128) if extreme else rng.integers(-128, 128, (outputs, features))
    layer = Dense(in_features=features, out_features=outputs, has_bias=False, weight=weight.astype(np.int16))
    layer = layer.quantized([(features,)], [source], output, 0.004)
    x = numbers(rng, source, (3, features), extreme)
    (y,) = layer.integer([x], [source])
    (factor,) = factors(layer.requantize)
    for n, o in np.ndindex(3, outputs):
        acc = sum((int(x[n, i]) - source.zero_point) * int(weight[o, i]) for i in range(features))
        assert y[n, o] == rounded(acc * factor, output)


@RUNS
@given(windows(), quantizations(), quantizations(), st.booleans(), st.booleans(), seeds)
def test_pools(window, source, output, ceil, include, seed):
    geometry, size = window
    rng = np.random.default_rng(seed)
    x = numbers(rng, source, (1, 1, *size), extreme=False)
    a = x[0, 0].astype(int) - source.zero_point
    average = AveragePool(**geometry, ceil_mode=ceil, count_include_pad=include)
    largest = MaxPool(**geometry, ceil_mode=ceil)
    shape = (1, *size)
    rows, columns = (len(window_starts(geometry, size, axis, ceil)) for axis in range(2))
    taps = {(p, q): list(positions(geometry, size, p, q)) for p, q in np.ndindex(rows, columns)}
    if not all(taps.values()):
        return  # a window of padding alone is refused: test_accel_layers_shapes
    average = average.quantized([shape], [source], output)
    largest = largest.quantized([shape], [source], output)
    (averages,) = average.integer([x], [source])
    (maxima,) = largest.integer([x], [source])
    assert averages.shape == maxima.shape == (1, 1, rows, columns)
    counts = {at: divisor(geometry, size, *at) if include else len(found) for at, found in taps.items()}
    by_count = dict(zip(sorted(set(counts.values())), factors(average.requantize), strict=True))
    ratio = source.scale / output.scale
    assert all(close(f, ratio / n, ratio / min(by_count)) for n, f in by_count.items())
    unchanged = largest.requantize is None
    same = (source.scale, source.zero_point) == (output.scale, output.zero_point)
    assert unchanged == (same and output.low <= source.low and source.high <= output.high)
    for (p, q), found in taps.items():
        values = [int(a[y, x]) for _, _, y, x in found]
        assert averages[0, 0, p, q] == rounded(sum(values) * by_count[counts[p, q]], output)
        factor = Fraction(1) if unchanged else factors(largest.requantize)[0]
        assert maxima[0, 0, p, q] == rounded(max(values) * factor, output)


def window_starts(geometry, size, axis, ceil):
    """Where windows start: as long as they fit, and in ceil mode one more if it starts on the image."""
    stride, before, after = (geometry["stride"][axis], geometry["padding"][axis], geometry["padding"][2 + axis])
    span = (geometry["kernel"][axis] - 1) * geometry["dilation"][axis] + 1
    starts = list(range(-before, size[axis] + after - span + 1, stride))
    if ceil and starts[-1] + span < size[axis] + after and starts[-1] + stride < size[axis]:
        starts.append(starts[-1] + stride)
    return starts


def divisor(geometry, size, p, q):
    """Taps on the image or its padding."""
    counts = []
    for i, place in enumerate((p, q)):
        start = place * geometry["stride"][i] - geometry["padding"][i]
        taps = [start + k * geometry["dilation"][i] for k in range(geometry["kernel"][i])]
        counts.append(sum(t < size[i] + geometry["padding"][2 + i] for t in taps))
    return counts[0] * counts[1]


@RUNS
@given(st.lists(quantizations(), min_size=2, max_size=4), quantizations(), seeds, st.booleans())
def test_add(sources, output, seed, extreme):
    rng = np.random.default_rng(seed)
    shapes = [(3,)] * len(sources)
    layer = Add().quantized(shapes, sources, output)
    xs = [numbers(rng, q, (2, 3), extreme) for q in sources]
    (y,) = layer.integer(xs, sources)
    multipliers = factors(layer.requantize)
    scales = [q.scale / output.scale for q in sources]
    assert all(close(f, s, max(scales)) for f, s in zip(multipliers, scales, strict=True))
    for at in np.ndindex(2, 3):
        total = sum((int(x[at]) - q.zero_point) * f for x, q, f in zip(xs, sources, multipliers, strict=True))
        assert y[at] == rounded(total, output)
