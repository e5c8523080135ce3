"""Every layer type against loops written from its mathematical definition: exact in integers, close in float."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from accel.errors import UnsupportedError
from accel.fixedpoint import Quantization
from accel.layers import registry
from accel.layers.base import Example, Layer

SAMPLES = 4
CASES = [(op, e) for op, layer in registry().items() for e in layer.examples()]


def ids(cases):
    return [f"{op}: {e.name}" for op, e in cases]


# --- definitions: the terms of one output element -----------------------------------------------------------------
# A definition yields (value, which, divisor): the real output is the sum of value / divisor, the integer output rounds
# the sum of value * multiplier[which].


def window_taps(layer, shape, position, ceil=False):
    """The input positions under a window and whether each is real, padding or beyond; last axes are spatial."""
    axes = len(layer.kernel)
    sizes = shape[-axes:]
    for offset in np.ndindex(*layer.kernel):
        at = [position[i] * layer.stride[i] + offset[i] * layer.dilation[i] - layer.padding[i] for i in range(axes)]
        inside = all(0 <= a < s for a, s in zip(at, sizes, strict=True))
        padded = all(-layer.padding[i] <= at[i] < sizes[i] + layer.padding[axes + i] for i in range(axes))
        yield offset, tuple(at), inside, padded


def conv(layer, xs, index):
    (x,) = xs
    m, *position = index
    per_group = layer.in_channels // layer.groups
    group = m // (layer.out_channels // layer.groups)
    acc = 0 if layer.bias is None else layer.bias[m].item()
    for offset, at, inside, _ in window_taps(layer, x.shape, position):
        for c in range(per_group):
            if inside:
                acc += x[(group * per_group + c, *at)].item() * layer.weight[(m, c, *offset)].item()
    return [(acc, m, 1)]


def conv_transpose(layer, xs, index):
    (x,) = xs
    m, *position = index
    per_group = layer.out_channels // layer.groups
    channels = layer.in_channels // layer.groups
    group = m // per_group
    acc = 0 if layer.bias is None else layer.bias[m].item()
    for at in np.ndindex(*x.shape[1:]):
        for offset in np.ndindex(*layer.kernel):
            lands = [at[i] * layer.stride[i] + offset[i] * layer.dilation[i] - layer.padding[i] for i in range(len(at))]
            if lands == list(position):
                for c in range(group * channels, (group + 1) * channels):
                    acc += x[(c, *at)].item() * layer.weight[(c, m % per_group, *offset)].item()
    return [(acc, m, 1)]


def dense(layer, xs, index):
    (x,) = xs
    *row, m = index
    acc = 0 if layer.bias is None else layer.bias[m].item()
    return [(acc + sum(x[(*row, c)].item() * layer.weight[m, c].item() for c in range(layer.in_features)), m, 1)]


def max_pool(layer, xs, index):
    (x,) = xs
    c, *position = index
    return [(max(x[(c, *at)].item() for _, at, inside, _ in window_taps(layer, x.shape, position) if inside), 0, 1)]


def average_pool(layer, xs, index):
    (x,) = xs

    def divisor(position):
        return sum(
            padded if layer.count_include_pad else inside
            for _, _, inside, padded in window_taps(layer, x.shape, position)
        )

    every = sorted({divisor(p) for p in np.ndindex(*layer.infer([x.shape])[0][1:])})
    c, *position = index
    total = sum(x[(c, *at)].item() for _, at, inside, _ in window_taps(layer, x.shape, position) if inside)
    return [(total, every.index(divisor(position)), divisor(position))]


def matching(index, out_shape, x, axes):
    """The elements of ``x`` that a reduction over ``axes`` brings together at ``index``."""
    keeps = len(out_shape) == x.ndim
    kept = [index[a] for a in range(x.ndim) if a not in axes] if keeps else list(index)
    for at in np.ndindex(*x.shape):
        rest = [at[a] for a in range(x.ndim) if a not in axes]
        if not rest or rest == kept:
            yield x[at].item()


def mean(layer, xs, index):
    (x,) = xs
    axes = getattr(layer, "axes", range(1, x.ndim))
    values = list(matching(index, layer.infer([x.shape])[0], x, axes))
    return [(sum(values), 0, len(values))]


def global_max(layer, xs, index):
    (x,) = xs
    return [(max(matching(index, layer.infer([x.shape])[0], x, range(1, x.ndim))), 0, 1)]


def spread(x, index):
    """The element of ``x`` that repetition along axes of length one puts at ``index``."""
    at = index[len(index) - x.ndim :]
    return x[tuple(0 if size == 1 else i for i, size in zip(at, x.shape, strict=True))].item()


def operands(layer, xs, index):
    return [spread(x, index) for x in (*xs, *([] if layer.constant is None else [layer.constant]))]


def add(layer, xs, index):
    return [(value, i, 1) for i, value in enumerate(operands(layer, xs, index))]


def sub(layer, xs, index):
    a, b = operands(layer, xs, index)
    return [(a, 0, 1), (-b, 1, 1)]


def mul(layer, xs, index):
    a, b = operands(layer, xs, index)
    return [(a * b, 0, 1)]


def prelu(layer, xs, index):
    a = xs[0][index].item()
    return [(a, 0, 1)] if a >= 0 else [(a * spread(layer.slope, index), 1, 1)]


def concat(layer, xs, index):
    at = list(index)
    for i, x in enumerate(xs):
        if at[layer.axis] < x.shape[layer.axis]:
            return [(x[tuple(at)].item(), i, 1)]
        at[layer.axis] -= x.shape[layer.axis]
    raise AssertionError(index)


def in_order(layer, xs, index):
    (x,) = xs
    place = 0
    for i, size in zip(index, layer.infer([x.shape])[0], strict=True):
        place = place * size + i
    for at, _ in zip(np.ndindex(*x.shape), range(place + 1), strict=False):
        found = at
    return [(x[found].item(), 0, 1)]


def transpose(layer, xs, index):
    at = [0] * len(index)
    for i, axis in enumerate(layer.axes):
        at[axis] = index[i]
    return [(xs[0][tuple(at)].item(), 0, 1)]


def pad(layer, xs, index):
    at = [i - layer.padding[axis] for axis, i in enumerate(index)]
    inside = all(0 <= a < size for a, size in zip(at, xs[0].shape, strict=True))
    return [(xs[0][tuple(at)].item() if inside else 0, 0, 1)]


def reflect_pad(layer, xs, index):
    at = []
    for axis, (i, size) in enumerate(zip(index, xs[0].shape, strict=True)):
        place = abs(i - layer.padding[axis])
        at.append(2 * (size - 1) - place if place >= size else place)
    return [(xs[0][tuple(at)].item(), 0, 1)]


def cut(layer, xs, index):
    at = tuple(s + i * d for s, i, d in zip(layer.start, index, layer.step, strict=True))
    return [(xs[0][at].item(), 0, 1)]


def resize(layer, xs, index):
    channel, *position = index
    return [(xs[0][(channel, *(s[i] for s, i in zip(layer.sources, position, strict=True)))].item(), 0, 1)]


def depth_to_space(layer, xs, index):
    c, y, x = index
    b, channels = layer.block, len(xs[0]) // layer.block**2
    place = y % b * b + x % b
    source = c * b * b + place if layer.channels_first else place * channels + c
    return [(xs[0][source, y // b, x // b].item(), 0, 1)]


def in_turn(layer, xs, index):
    (x,) = xs
    for move in layer.moves:
        (shape,) = move.infer([x.shape])
        x = np.array([TERMS[move.op](move, [x], at)[0][0] for at in np.ndindex(*shape)]).reshape(shape)
    return [(x[index].item(), 0, 1)]


def matmul(layer, xs, index):
    a, b = xs
    *head, row, column = index
    return [(sum(a[(*head, row, k)].item() * b[(*head, k, column)].item() for k in range(a.shape[-1])), 0, 1)]


TERMS = {
    "Conv": conv, "ConvTranspose": conv_transpose, "Dense": dense,
    "MaxPool": max_pool, "AveragePool": average_pool,
    "GlobalAveragePool": mean, "ReduceMean": mean, "GlobalMaxPool": global_max,
    "Add": add, "Sub": sub, "Mul": mul, "PRelu": prelu, "Concat": concat,
    "Flatten": in_order, "Reshape": in_order, "Identity": in_order, "Rescale": in_order,
    "Transpose": transpose, "Pad": pad, "Slice": cut, "Resize": resize, "DepthToSpace": depth_to_space,
    "MatMul": matmul, "ReflectPad": reflect_pad, "Rearrangement": in_turn,
}  # fmt: skip


def batch_norm(layer, xs, index):
    return [(xs[0][index].item() * layer.scale[index[0]].item() + layer.bias[index[0]].item(), 0, 1)]


def softmax(layer, xs, index):
    (x,) = xs
    line = list(index)
    powers = []
    for i in range(x.shape[layer.axis]):
        line[layer.axis] = i
        powers.append(math.exp(x[tuple(line)].item()))
    return [(math.exp(x[index].item()), 0, sum(powers))]


def lrn(layer, xs, index):
    (x,) = xs
    c, *at = index
    first, last = c - math.floor((layer.size - 1) / 2), c + math.ceil((layer.size - 1) / 2)
    squares = sum(x[(i, *at)].item() ** 2 for i in range(max(0, first), min(len(x) - 1, last) + 1))
    return [(x[index].item(), 0, (layer.k + layer.alpha / layer.size * squares) ** layer.beta)]


def largest(layer, xs, index):
    return [(max(operands(layer, xs, index)), 0, 1)]


def smallest(layer, xs, index):
    return [(min(operands(layer, xs, index)), 0, 1)]


def div(layer, xs, index):
    a, b = operands(layer, xs, index)
    return [(a, 0, b)]


def arg_max(layer, x, index):
    """The first, or last, place along the axis with an element that none exceeds."""
    at = list(index) if layer.keepdims else [*index[: layer.axis], 0, *index[layer.axis :]]
    line = []
    for i in range(x.shape[layer.axis]):
        at[layer.axis] = i
        line.append(x[tuple(at)].item())
    places = [i for i, value in enumerate(line) if all(value >= other for other in line)]
    return places[-1] if layer.last else places[0]


FLOAT_ONLY = {"BatchNorm": batch_norm, "Softmax": softmax, "LRN": lrn, "Max": largest, "Min": smallest, "Div": div}

UNARY = {
    "Relu": lambda layer, x: max(x, 0.0),
    "LeakyRelu": lambda layer, x: x if x > 0 else layer.alpha * x,
    "Clip": lambda layer, x: min(max(x, layer.low), layer.high),
    "Sigmoid": lambda layer, x: 1 / (1 + math.exp(-x)),
    "HardSigmoid": lambda layer, x: max(0.0, min(1.0, layer.alpha * x + layer.beta)),
    "Tanh": lambda layer, x: math.tanh(x),
    "HardSwish": lambda layer, x: x * max(0.0, min(1.0, x / 6 + 0.5)),
    "Elu": lambda layer, x: x if x > 0 else layer.alpha * (math.exp(x) - 1),
    "Exp": lambda layer, x: math.exp(x),
    "Pow": lambda layer, x: x**layer.exponent,
    "Softplus": lambda layer, x: math.log(1 + math.exp(x)),
    "Gelu": lambda layer, x: (
        0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        if layer.approximate
        else 0.5 * x * (1 + math.erf(x / math.sqrt(2)))
    ),
}
BORDERS = {"Quantize", "Dequantize"}
CHOICES = {"ArgMax": arg_max}
RECURRENT = {"RNN", "LSTM", "GRU"}  # test_accel_recurrent.py


def test_every_layer_type_has_a_definition_here():
    assert {*TERMS, *FLOAT_ONLY, *UNARY, *BORDERS, *CHOICES, *RECURRENT} == set(registry())


# --- integers --------------------------------------------------------------------------------------------------------


def rational_multipliers(requantize):
    """The multipliers at the finest shift at which the largest has no more than the significand's bits."""
    scales = [Fraction(float(s)) for s in requantize.scales]
    shift = 0
    while round(max(scales) * 2 ** (shift + 1)) < 2**requantize.significand_bits:
        shift += 1
    return [Fraction(round(s * 2**shift), 2**shift) for s in scales]


def expected_integer(definition, layer, xs, quantizations, index):
    centered = [x.astype(object) - q.zero_point for x, q in zip(xs, quantizations, strict=True)]
    centered = [np.array(x, np.int64) for x in centered]
    terms = definition(layer, centered, index)
    r = layer.requantize
    if r is None:
        ((value, _, divisor),) = terms
        assert divisor == 1
        return value + quantizations[0].zero_point
    factors = rational_multipliers(r)
    total = sum(value * factors[which if len(factors) > 1 else 0] for value, which, _ in terms)
    return min(max(round(total) + r.zero_point, r.low), r.high)  # round() of a Fraction is half to even


INTEGER_CASES = [(op, e) for op, e in CASES if op in TERMS and e.is_integer]


@pytest.mark.parametrize(("op", "example"), INTEGER_CASES, ids=ids(INTEGER_CASES))
def test_integer_equals_its_definition(op: str, example: Example):
    xs = example.inputs(SAMPLES, seed=1)
    (shape,) = example.layer.infer(example.shapes)
    (got,) = example.layer.integer(xs, example.quantizations)
    assert got.shape == (SAMPLES, *shape)
    assert got.min() >= example.output.low
    assert got.max() <= example.output.high
    for n in range(SAMPLES):
        sample = [x[n] for x in xs]
        for index in np.ndindex(*shape):
            want = expected_integer(TERMS[op], example.layer, sample, example.quantizations, index)
            assert got[(n, *index)] == want, (n, index)


WEIGHTLESS = [(op, e) for op, e in INTEGER_CASES if not e.layer.weight_shapes() and e.layer.requantize is not None]


@pytest.mark.parametrize(("op", "example"), WEIGHTLESS, ids=ids(WEIGHTLESS))
def test_scales_are_the_inputs_over_the_outputs(op: str, example: Example):
    scales = [q.scale / example.output.scale for q in example.quantizations]
    if op in ("Mul", "MatMul"):
        scales = [example.quantizations[0].scale * scales[1]]
    xs = [np.zeros(shape) for shape in example.shapes]
    (shape,) = example.layer.infer(example.shapes)
    found = {}
    for index in np.ndindex(*shape):
        for _, which, divisor in TERMS[op](example.layer, xs, index):
            found[which] = scales[which if len(scales) > 1 else 0] / divisor
    np.testing.assert_allclose(example.layer.requantize.scales, [found[i] for i in sorted(found)], rtol=1e-14)


UNARY_CASES = [(op, e) for op, e in CASES if op in UNARY]


@pytest.mark.parametrize(("op", "example"), UNARY_CASES, ids=ids(UNARY_CASES))
def test_unary_table_equals_its_function_on_every_input(op: str, example: Example):
    (source,), output = example.quantizations, example.output
    every = np.arange(source.type_range[0], source.type_range[1] + 1).astype(source.dtype)
    (got,) = example.layer.integer([every], [source])
    for q, y in zip(every.tolist(), got.tolist(), strict=True):
        real = UNARY[op](example.layer, (q - source.zero_point) * source.scale)
        assert y == min(max(round(real / output.scale) + output.zero_point, output.low), output.high), q


@pytest.mark.parametrize("example", registry()["PRelu"].examples(), ids=lambda e: e.name)
def test_prelu_equals_its_definition_on_every_input(example: Example):
    (source,), (shape,) = example.quantizations, example.shapes
    every = np.arange(source.low, source.high + 1).astype(source.dtype)
    x = np.broadcast_to(every.reshape(-1, *[1] * len(shape)), (every.size, *shape))
    (got,) = example.layer.integer([x], [source])
    for n in range(every.size):
        for index in np.ndindex(*shape):
            want = expected_integer(prelu, example.layer, [x[n]], [source], index)
            assert got[(n, *index)] == want, (every[n], index)


CHOICE_CASES = [(op, e) for op, e in CASES if op in CHOICES]


@pytest.mark.parametrize(("op", "example"), CHOICE_CASES, ids=ids(CHOICE_CASES))
def test_a_choice_equals_its_definition_in_integers_and_in_floats(op: str, example: Example):
    (x,) = example.inputs(SAMPLES, seed=1)
    (shape,) = example.layer.infer(example.shapes)
    (got,) = example.layer.integer([x], example.quantizations)
    assert got.shape == (SAMPLES, *shape)
    for n in range(SAMPLES):
        for index in np.ndindex(*shape):
            assert got[(n, *index)] == CHOICES[op](example.layer, x[n], index)
    (real,) = example.layer.forward([x.astype(np.float32)])
    assert np.array_equal(real, got)


# --- floats ----------------------------------------------------------------------------------------------------------


def as_float(layer: Layer) -> Layer:
    """The layer with its integer weights read as real numbers, made small enough for float32 sums to be close."""
    names = layer.weight_shapes()
    return replace(layer, **{name: getattr(layer, name).astype(np.float32) / 64 for name in names})


FLOAT_CASES = [(op, e) for op, e in CASES if op not in {*BORDERS, *CHOICES, *RECURRENT}]


@pytest.mark.parametrize(("op", "example"), FLOAT_CASES, ids=ids(FLOAT_CASES))
def test_forward_is_close_to_its_definition(op: str, example: Example):
    layer = as_float(example.layer)
    rng = np.random.default_rng(2)
    xs = [rng.standard_normal((2, *shape), dtype=np.float32) * 2 for shape in example.shapes]
    (shape,) = layer.infer(example.shapes)
    (got,) = layer.forward(xs)
    assert got.dtype == np.float32
    assert got.shape == (2, *shape)
    for n in range(2):
        sample = [x[n].astype(np.float64) for x in xs]
        for index in np.ndindex(*shape):
            if op in UNARY:
                want = UNARY[op](layer, sample[0][index].item())
            else:
                terms = {**TERMS, **FLOAT_ONLY}[op](layer, sample, index)
                want = sum(value / divisor for value, _, divisor in terms)
            assert got[(n, *index)] == pytest.approx(want, rel=2e-5, abs=2e-5), (n, index)


def test_quantize_rounds_half_to_even_and_saturates():
    (layer,) = [e.layer for e in registry()["Quantize"].examples() if e.name == "int8"]
    x = np.array([[0.25, 0.75, -0.25, 1e9, -1e9, 0.2]], np.float32)  # scale 0.5, zero point 3
    assert layer.forward([x])[0].tolist() == [[3, 5, 3, 127, -128, 3]]
    assert layer.forward([x])[0].dtype == np.int8


@pytest.mark.parametrize("example", registry()["Dequantize"].examples(), ids=lambda e: e.name)
def test_dequantize_inverts_quantize(example: Example):
    (x,) = example.inputs(3)
    (real,) = example.layer.forward([x])
    assert real.dtype == np.float32
    q = example.layer.quantization
    assert np.array_equal(q.quantize(real), x)
    assert real.flat[0] == (q.high - q.zero_point) * q.scale


# --- every type ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", FLOAT_ONLY)
def test_a_layer_without_integer_form_says_so(op: str):
    example = registry()[op].examples()[0]
    q = Quantization(0.5)
    with pytest.raises(UnsupportedError, match=f"{op} has no integer form"):
        example.layer.quantized(example.shapes, [q], q)
    with pytest.raises(UnsupportedError, match=f"{op} has no integer form"):
        example.layer.integer(example.inputs(1), [q])
