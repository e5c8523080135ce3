"""What layers say of their shapes, their work and their limits, and what they refuse."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

from accel.errors import AccelError, ModelError
from accel.fixedpoint import Quantization
from accel.layers import registry
from accel.layers.base import Example
from accel.layers.lrn import LRN
from accel.layers.max_pool import MaxPool
from accel.work import Kind

CASES = [(op, e) for op, layer in registry().items() for e in layer.examples()]


@pytest.mark.parametrize(("op", "example"), CASES, ids=[f"{op} {e.name}" for op, e in CASES])
def test_work_accounts_for_what_is_read_and_written(op: str, example: Example):
    works = example.layer.work(example.shapes)
    outputs = example.layer.infer(example.shapes)
    read, written = sum(w.ifmap for w in works), sum(w.ofmap for w in works)
    assert sum(w.weight for w in works) == example.layer.parameters
    assert example.layer.macs(example.shapes) == sum(w.macs for w in works)
    assert all((w.macs > 0) == (w.kind in (Kind.CONTRACT, Kind.RECURRENT)) for w in works)
    if read or written:  # a new shape for the same elements moves none
        directions = len(works)
        assert written == math.prod(outputs[0])
        assert read - math.prod(example.shapes[0]) * directions == sum(map(math.prod, example.shapes[1:]))
    for w in works:
        loops = w.g * w.m * w.c * w.p * w.q * w.r * w.s * w.t
        assert w.macs <= loops
        if op in ("Conv", "Dense", "RNN", "LSTM", "GRU"):
            assert w.macs == loops


def test_a_transpose_that_only_moves_axes_of_length_one_is_layout():
    transpose = registry()["Transpose"]
    assert sum(w.ifmap for w in transpose(axes=(1, 0, 2)).work([(3, 1, 4)])) == 0
    assert sum(w.ifmap for w in transpose(axes=(2, 1, 0)).work([(3, 1, 4)])) == 12


def test_a_clip_whose_bounds_cross_gives_the_upper_one():
    clip = registry()["Clip"](low=2.0, high=-1.0)
    assert clip.forward([np.float32([[-3, 0, 5]])])[0].tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize("padded", [False, True])
def test_taps_inside_are_counted_one_by_one(padded: bool):
    for kernel, stride, before, after, dilation, size in itertools.product(
        (1, 3), (1, 2, 4), (0, 2), (0, 3), (1, 2), (4, 7)
    ):
        pool = MaxPool(
            kernel=(kernel,), stride=(stride,), padding=(before, after), dilation=(dilation,), ceil_mode=True
        )
        if before + size + after < (kernel - 1) * dilation + 1:
            continue
        low, high = (-before, size + after) if padded else (0, size)
        _, counts = pool.taps_inside(1, size, padded=padded)
        starts = [i * stride - before for i in range(len(counts))]
        taps = [[start + t * dilation for t in range(kernel)] for start in starts]
        assert counts.tolist() == [sum(low <= tap < high for tap in row) for row in taps]


def test_a_wide_window_takes_no_more_memory_than_its_positions():
    pool = MaxPool(kernel=(200_000,))
    tracemalloc.start()
    assert pool.infer([(1, 400_000)]) == ((1, 200_001),)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_lrn_sums_no_more_channels_than_there_are():
    x = np.random.default_rng(0).standard_normal((1, 3, 2, 2), dtype=np.float32)
    for size in (5, 6, 10**9, 10**9 + 1):
        scale = 1 + 0.5 / size * (x.astype(np.float64) ** 2).sum(axis=1, keepdims=True)
        got = LRN(size=size, alpha=0.5).forward((x,))[0]
        np.testing.assert_allclose(got[:, 1], (x / scale**0.75)[:, 1], rtol=1e-6)  # the middle channel sees all
        assert np.isfinite(got).all()


@pytest.mark.parametrize("op", registry())
def test_examples_are_named_once_and_cover_every_input_range(op: str):
    examples = registry()[op].examples()
    assert examples
    assert len({e.name for e in examples}) == len(examples)
    for e in examples:
        for x, q in zip(e.inputs(3), e.quantizations, strict=False):
            assert (x.min(), x.max()) == (q.low, q.high)


L = registry()
REFUSED = {
    "zero groups": lambda: L["Conv"](in_channels=2, out_channels=2, kernel=(1, 1), groups=0),
    "groups do not divide": lambda: L["Conv"](in_channels=3, out_channels=2, kernel=(1, 1), groups=2),
    "three axes": lambda: L["Conv"](in_channels=1, out_channels=1, kernel=(1, 1, 1)),
    "negative padding": lambda: L["MaxPool"](kernel=(2, 2), padding=(-1, 0, 0, 0)),
    "strides of another rank": lambda: L["AveragePool"](kernel=(2,), stride=(2, 2)),
    "window of nothing but padding": lambda: L["MaxPool"](kernel=(2,), padding=(2, 0)).infer([(1, 4)]),
    "window over its input": lambda: L["MaxPool"](kernel=(5, 5)).infer([(1, 4, 4)]),
    "weights of another shape": lambda: L["Dense"](in_features=3, out_features=2, weight=np.zeros((3, 2))),
    "features differ": lambda: L["Dense"](in_features=3, out_features=2).infer([(4,)]),
    "two inputs": lambda: L["Relu"]().infer([(4,), (4,)]),
    "shapes do not match": lambda: L["Add"]().infer([(3, 4), (3, 5)]),
    "axes differ": lambda: L["Mul"]().infer([(3, 4), (4,)]),
    "one operand": lambda: L["Sub"]().infer([(3, 4)]),
    "constant has more axes": lambda: L["Add"](constant_shape=(2, 1, 4)).infer([(4,)]),
    "concat axis": lambda: L["Concat"](axis=2).infer([(3, 4)]),
    "concat of other rows": lambda: L["Concat"]().infer([(3, 4), (3, 5)]),
    "reshape changes the count": lambda: L["Reshape"](shape=(5,)).infer([(2, 3)]),
    "reshape to nothing": lambda: L["Reshape"](shape=(0,)),
    "not a permutation": lambda: L["Transpose"](axes=(0, 2)),
    "mean over no axis": lambda: L["ReduceMean"](axes=()),
    "mean over an axis that is not there": lambda: L["ReduceMean"](axes=(2,)).infer([(3, 4)]),
    "mean that leaves no axis": lambda: L["ReduceMean"](axes=(0,), keepdims=False).infer([(3,)]),
    "global pool of a vector": lambda: L["GlobalAveragePool"]().infer([(3,)]),
    "slope per column": lambda: L["PRelu"](slope_shape=(5,)).infer([(3, 4)]),
    "softmax axis": lambda: L["Softmax"](axis=2).infer([(3, 4)]),
    "nan bound": lambda: L["Clip"](low=math.nan),
    "output padding of another rank": lambda: L["ConvTranspose"](
        in_channels=1, out_channels=1, kernel=(2, 2), output_padding=(1,)
    ),
    "nothing left of the output": lambda: L["ConvTranspose"](
        in_channels=1, out_channels=1, kernel=(2,), padding=(2, 2)
    ).infer([(1, 3)]),
    "table of 16 bits": lambda: L["Tanh"]().quantized([(3,)], [Quantization(0.1, bits=16)], Quantization(0.1)),
    "constant with two scales": lambda: L["Add"](constant_shape=(2,), constant=np.ones(2, np.int16)).quantized(
        [(2,)], [Quantization(0.1)], Quantization(0.1), np.array([0.1, 0.2])
    ),
    "products over 64 bits": lambda: L["Dense"](
        in_features=1, out_features=1, weight=np.ones((1, 1), np.int16), bias=np.array([2**42])
    ).quantized([(1,)], [Quantization(1.0)], Quantization(1.0)),
    "unknown direction": lambda: L["LSTM"](input_size=1, hidden_size=1, direction="up"),
    "two activations for an RNN": lambda: L["RNN"](input_size=1, hidden_size=1, activations=(1, 2)),
    "features of a step": lambda: L["GRU"](input_size=3, hidden_size=1).infer([(5, 4)]),
    "state of another size": lambda: L["GRU"](input_size=3, hidden_size=2).infer([(5, 3), (1, 3)]),
    "a second state for a GRU": lambda: L["GRU"](input_size=3, hidden_size=2).infer([(5, 3), (1, 2), (1, 2)]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(what: str):
    with pytest.raises(ModelError) as refusal:
        REFUSED[what]()
    assert "\n" not in str(refusal.value)
    assert isinstance(refusal.value, AccelError)
