"""Operators, and quantised operators, that are misused or not supported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.import_samples import qdq, qoperator
from benchmarks.import_samples.refused.case import INF, NAN, Case, changed, op, saved
from benchmarks.import_samples.sketch import Sketch


def cases() -> list[Case]:
    """Return the cases of this file."""
    return [*_operators(), *_quantised()]


def _operators() -> list[Case]:
    w = np.ones((2, 3, 3, 3), np.float32)
    return [
        op("unknown operator", "not supported", "Einsum", equation="ij->ij"),
        op("computed weights", "must be constant", "Conv", "x"),
        op("no weights", "must be given", "Conv"),
        op("weights of three axes", "4 axes", "Conv", w[0]),
        op("kernel_shape of its own", "agree with the weights", "Conv", w, kernel_shape=[2, 2]),
        op("operator with a dot", "must be a word", "com.microsoft.QGemm"),
        op("cast to int64", "not to int64", "Cast", to=TensorProto.INT64),
        op("zero stride", "[1, 2147483647]", "Conv", w, strides=[0, 1]),
        op("negative padding", "[0, 2147483647]", "Conv", w, pads=[-1, 0, 0, 0]),
        op("three strides", "2 entries", "Conv", w, strides=[1, 1, 1]),
        op("no groups", "positive", "Conv", w, group=0),
        op("uneven groups", "groups", "Conv", w, group=2),
        op("strides in text", "type INTS", "Conv", w, strides="2"),
        op("attribute nobody knows", "'colour'", "Conv", w, colour=3),
        op("three spatial axes", "one or two spatial axes", "Conv", w[..., None], shape=("n", 3, 8, 8, 8)),
        op("pool without kernel", "kernel_shape must be given", "MaxPool"),
        op("pool with indices", "indices", "MaxPool", kernel_shape=[2, 2], outputs=2),
        op("pool of padding alone", "padding", "MaxPool", kernel_shape=[2, 2], pads=[9, 9, 0, 0]),
        op("reshape to another count", "Reshape cannot make", "Reshape", np.array([0, 7])),
        op("reshape with two unknowns", "at most one -1", "Reshape", np.array([-1, -1])),
        op("transpose by no permutation", "permutation", "Transpose", perm=[0, 0, 1, 2]),
        op("softmax over the batch", "batch axis", "Softmax", axis=0),
        op("mean over the batch", "batch axis", "ReduceMean", axes=[0]),
        op("gemm of an image", "(n, features)", "Gemm", np.ones((3, 3), np.float32)),
        op("matmul that does not fit", "features", "MatMul", np.ones((9, 3), np.float32)),
        op("division by zero", "zero", "Div", np.zeros(1, np.float32)),
        op("infinite constant", "finite", "Add", np.array([INF], np.float32)),
        op("constant that does not fit", "matching shapes", "Mul", np.ones((5, 1), np.float32)),
        op("negative variance", "variance", "BatchNormalization", *[np.full(3, -1, np.float32)] * 4),
        op("lstm of an image", "three axes", "LSTM", np.ones((1, 8, 3), np.float32), np.ones((1, 8, 2), np.float32),
            shape=(2, 3, 8, 8)),
        op("unknown activation", "activation", "RNN", np.ones((1, 2, 3), np.float32), np.ones((1, 2, 2), np.float32),
            shape=(4, "n", 3), activations=["Cosine"]),
        op("an input too many", "at most 1 input, not 2", "Relu", "x"),
        op("a choice among samples", "batch axis", "ArgMax"),
        op("no inputs at all", "input 1 must be given", "Sum", empty=True),
        op("largest of nothing", "input 1 must be given", "Max", empty=True),
        op("second output of a layer", "'conv_0_1' is not supported", "Conv", w, outputs=2, reads=1),
        op("huge padding", "MAX_ELEMENTS", "Conv", w, pads=[2**31 - 1] * 4, strides=[2**31 - 1] * 2),
        op("huge kernel", "MAX_ELEMENTS", "AveragePool", kernel_shape=[2**31 - 1] * 2, pads=[2**30] * 4),
        op("huge output cut to nothing much", "MAX_ELEMENTS", "ConvTranspose", np.ones((3, 2, 3, 3), np.float32),
            output_shape=[9, 9], strides=[2**26] * 2),
        op("70 axes", "MAX_RANK", "Unsqueeze", np.arange(1, 67)),
        op("recurrence of another size", "shape", "RNN", np.ones((1, 2, 3), np.float32),
            np.ones((1, 3, 3), np.float32), shape=(4, "n", 3)),
    ]  # fmt: skip


def _quantised() -> list[Case]:
    def entry(scale: Any, zero: Any = 0, dtype: str = "int8", scale_type: str = "float32") -> onnx.ModelProto:
        s = Sketch()
        x = s.input("x", "n", 4)
        parameters = (s.const(scale, scale_type), s.const(zero, dtype))
        return s.model(s.op("DequantizeLinear", s.op("QuantizeLinear", x, *parameters), *parameters))

    def weight_scale(value: float) -> Callable[[onnx.ModelProto], None]:
        def change(m: onnx.ModelProto) -> None:
            scales = next(t for t in m.graph.initializer if list(t.dims) == [4] and t.data_type == TensorProto.FLOAT)
            scales.raw_data = np.array([0.1, value, 0.1, 0.1], np.float32).tobytes()

        return change

    def island() -> onnx.ModelProto:
        s = qdq.Quantized()
        x = s.op("LeakyRelu", s.op("Conv", s.q(s.input("x", "n", 2, 4, 4)), s.w(2, 2, 3, 3)))
        return s.model(s.q(s.op("Conv", s.q(x), s.w(2, 2, 1, 1))))

    def float_weights() -> onnx.ModelProto:
        s = qdq.Quantized()
        return s.model(s.q(s.op("Conv", s.q(s.input("x", "n", 2, 4, 4)), s.weights(2, 2, 3, 3))))

    def wrong_axis() -> onnx.ModelProto:
        s = qdq.Quantized()
        return s.model(s.q(s.op("Conv", s.q(s.input("x", "n", 2, 4, 4)), s.w(3, 2, 3, 3, axis=1))))

    def other_scale() -> onnx.ModelProto:
        s = Sketch()
        x = s.op("QuantizeLinear", s.input("x", "n", 4), s.const(0.1), s.const(0, "int8"))
        return s.model(s.op("DequantizeLinear", x, s.const(0.2), s.const(0, "int8")))

    def float_on_integers() -> onnx.ModelProto:
        s = Sketch()
        x = s.op("QuantizeLinear", s.input("x", "n", 4), s.const(0.1), s.const(0, "int8"))
        return s.model(s.op("Sigmoid", x))

    def clipped() -> onnx.ModelProto:
        s = Sketch()
        parameters = (s.const(0.1), s.const(0, "int8"))
        x = s.op("QuantizeLinear", s.input("x", "n", 4), *parameters)
        return s.model(s.op("DequantizeLinear", s.op("Clip", x, s.const(-INF)), *parameters))

    def cast() -> onnx.ModelProto:
        s = Sketch()
        x = s.op("QuantizeLinear", s.input("x", "n", 4), s.const(0.1), s.const(0, "int8"))
        return s.model(s.op("Cast", x, to=TensorProto.FLOAT))

    def huge_bias() -> onnx.ModelProto:
        s = qdq.Quantized()
        return s.model(s.q(s.op("Gemm", s.q(s.input("x", "n", 4)), s.w(4, 3, axis=1), s.const([1e9, 0, 0]))))

    def dynamic() -> onnx.ModelProto:
        s = Sketch()
        x = s.op("DynamicQuantizeLinear", s.input("x", "n", 4), outputs=3)
        return s.model(s.op("MatMulInteger", x, s.const(np.ones((4, 2)), "int8"), f"{x}_2"))

    return [
        saved("scale of zero", "positive and finite, not 0.0", entry(0.0)),
        saved("negative scale", "not -0.5", entry(-0.5)),
        saved("NaN scale", "not nan", entry(NAN)),
        saved("infinite scale", "not inf", entry(INF)),
        saved("scale below float32", "not 0.0", entry(1e-60, scale_type="float64")),
        saved("integers clipped by real numbers", "must be integers", clipped()),
        saved("scales per channel of an activation", "one scale", entry([0.1] * 4, [0] * 4)),
        saved("scale of integers", "one real number", entry(1, scale_type="int32")),
        saved("zero point of real numbers", "zero point", entry(0.1, 0.5, "float32")),
        saved("zero points without scales", "must be 1 integers", entry(0.1, [0, 0])),
        saved("activation of 32 bits", "bits must be 2 to 16", entry(0.1, 0, "int32")),
        changed("weight scale of zero", "not 0.0", weight_scale(0.0), qdq.convolution),
        changed("negative weight scale", "not -1.0", weight_scale(-1.0), qdq.convolution),
        changed("NaN weight scale", "not nan", weight_scale(NAN), qdq.convolution),
        changed("weight scale beyond any shift", "requantisation scale", weight_scale(1e30), qdq.convolution),
        changed("block of scales", "block_size", lambda m: m.graph.node[2].attribute.append(
            helper.make_attribute("block_size", 2)), qdq.convolution),
        saved("floating point between integers", "(LeakyRelu): floating point between", island()),
        saved("weights of real numbers", "DequantizeLinear", float_weights()),
        saved("scales along input channels", "axis 1", wrong_axis()),
        saved("dequantised by another scale", "0.2", other_scale()),
        saved("computing on integers", "holds integers", float_on_integers()),
        saved("bias beyond 32 bits", "32 bits", huge_bias()),
        saved("cast of scaled integers", "without a scale", cast()),
        saved("dynamic quantisation", "statically", dynamic()),
        changed("quantised operator cut short", "must be given",
                 lambda m: m.graph.node[1].input.__delitem__(slice(5, None)), qoperator.convolution),
    ]  # fmt: skip
