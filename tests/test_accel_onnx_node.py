"""ONNX's own node tests, imported and run by the reference: none wrong, and each refusal is one line."""

import warnings
from collections import Counter

import numpy as np
import onnx
import pytest

from accel import reference
from accel.errors import AccelError
from accel.onnx_import import load
from accel.quantize import quantize

FLOOR = 200
"""Cases that passed when this was written; support only grows."""
TOLERANCE = 1e-5
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-4}
"""Cases whose expected numbers are written with four decimals."""


@pytest.fixture(scope="module")
def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the cases overflows casts and divides by zero on purpose
        from onnx.backend.test.loader import load_model_tests

        made = load_model_tests(kind="node")
    return [case for case in made if case.model is not None and case.model.graph.input]


def with_constants(model: onnx.ModelProto, values: dict, keep: set[str]) -> onnx.ModelProto:
    """The model with every input but ``keep`` turned into a constant, as weights, scales and axes usually are."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.input[:]
    for declared in model.graph.input:
        if declared.name in keep:
            copy.graph.input.append(declared)
        else:
            value = values[declared.name]
            tensor = value if isinstance(value, onnx.TensorProto) else onnx.numpy_helper.from_array(np.asarray(value))
            copy.graph.initializer.append(tensor)
            copy.graph.initializer[-1].name = declared.name
    return copy


def run(case, keep: set[str]) -> None:
    """Raises AccelError if the case is refused, AssertionError if it comes out wrong."""
    for inputs, outputs in case.data_sets:
        values = dict(zip((i.name for i in case.model.graph.input), inputs, strict=False))
        if any(isinstance(v, list) or v is None for v in values.values()):
            raise AccelError("sequences and absent optionals are no arrays")
        network = load(with_constants(case.model, values, keep))
        got = reference.run(network, {name: as_array(values[name]) for name in keep})
        for output, want in zip(case.model.graph.output, outputs, strict=True):
            compare(got[output.name], as_array(want), ROUNDED.get(case.name, TOLERANCE))


def as_array(value) -> np.ndarray:
    """A value of a case as an array; four-bit integers come as tensors and go in bytes."""
    if not isinstance(value, onnx.TensorProto):
        return np.asarray(value)
    array = onnx.numpy_helper.to_array(value)
    wide = {"int4": np.int8, "uint4": np.uint8}
    return array.astype(wide.get(array.dtype.name, array.dtype))


def compare(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    assert got.shape == want.shape
    if want.dtype.kind in "iu":
        assert got.dtype == want.dtype
        assert np.array_equal(got, want)
    else:
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_node_tests(cases, capsys):
    counts, passed_ops, wrong, refusals = Counter(), Counter(), [], []
    for case in cases:
        names = [i.name for i in case.model.graph.input]
        result = "unsupported"
        for keep in (set(names), set(names[:1])):
            try:
                run(case, keep)
                result = "passed"
                passed_ops.update({node.op_type for node in case.model.graph.node})
                break
            except AccelError as refusal:
                refusals.append(str(refusal))
            except AssertionError as difference:
                result = "failed"
                wrong.append(f"{case.name}: {' '.join(str(difference).split())[:200]}")
                break
        counts[result] += 1
    with capsys.disabled():
        print(
            f"\nonnx node tests: {counts['passed']} passed, {counts['unsupported']} unsupported, "
            f"{counts['failed']} failed; operators: {', '.join(sorted(passed_ops))}"
        )
    assert not wrong, "\n".join(wrong)
    assert counts["passed"] >= FLOOR
    assert all("\n" not in refusal for refusal in refusals)
    covered = {"Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "LSTM"}
    assert covered <= set(passed_ops)


@pytest.mark.parametrize(("hidden_bits", "error"), [(8, 1 / 128), (16, 1 / 512)])
def test_recurrent_node_tests_in_integers(cases, tmp_path, hidden_bits, error):
    recurrent = [case for case in cases if case.model.graph.node[0].op_type in ("RNN", "LSTM", "GRU")]
    assert len(recurrent) >= 18
    for case in recurrent:
        ((inputs, outputs),) = case.data_sets
        values = dict(zip((i.name for i in case.model.graph.input), inputs, strict=True))
        model = with_constants(case.model, values, {"X"})
        onnx.save(model, tmp_path / "m.onnx")
        x = {"X": as_array(values["X"])}
        quantize(tmp_path / "m.onnx", x, hidden_bits=hidden_bits, output_path=tmp_path / "q.onnx")
        got = reference.run(load(tmp_path / "q.onnx"), x)
        # What a transposition reads is rounded to eight bits, wider hidden states too.
        transposes = any(attribute.name == "layout" for attribute in case.model.graph.node[0].attribute)
        named = [output.name for output in case.model.graph.output if output.name]
        for name, want in zip(named, outputs, strict=True):
            assert got[name].shape == want.shape, case.name
            bound = (1 / 128 if transposes else error) * max(1, np.abs(want).max())  # a cell state goes beyond one
            assert np.abs(got[name] - want).max() <= bound, case.name
