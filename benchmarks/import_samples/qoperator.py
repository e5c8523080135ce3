"""Models in QOperator form, and integer operators without scales."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from benchmarks.import_samples.sketch import Sketch

_MS = "com.microsoft"


class Operators(Sketch):
    """A sketch with scales and zero points at hand."""

    def p(self, scale: float, zero: int, dtype: str = "uint8") -> tuple[str, str]:
        """Add a scale and a zero point."""
        return self.const(scale), self.const(zero, dtype)

    def bytes(self, *shape: int, dtype: str = "int8") -> str:
        """Add random integer weights."""
        info = np.iinfo(dtype)
        return self.const(self.rng.integers(info.min, info.max + 1, shape), dtype)

    def entry(self, *shape: int | str, scale: float = 0.03, zero: int = 120) -> tuple[str, str, str]:
        """Add a float graph input and its QuantizeLinear; return the integers, their scale and zero point."""
        p = self.p(scale, zero)
        return self.op("QuantizeLinear", self.input("x", *shape), *p), *p

    def model_of(self, x: str, scale: str, zero: str) -> onnx.ModelProto:
        """Return the model that ends in the real numbers of ``x``."""
        return self.model(self.op("DequantizeLinear", x, scale, zero))


def convolution() -> onnx.ModelProto:
    s = Operators()
    x = s.entry("n", 2, 6, 6)
    out = s.p(0.05, 128)
    scales, zeros = s.const([0.01, 0.02, 0.005]), s.const([0, 0, 0], "int8")
    bias = s.const([100, -500, 3000], "int32")
    y = s.op("QLinearConv", *x, s.bytes(3, 2, 3, 3), scales, zeros, *out, bias, pads=[1, 1, 1, 1])
    y = s.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = s.op("Reshape", y, s.const([0, -1], "int64"))
    last = s.p(0.2, 10)
    return s.model_of(s.op("QLinearMatMul", y, *out, s.bytes(27, 4), *s.p(0.02, 2, "int8"), *last), *last)


def gemm() -> onnx.ModelProto:
    s = Operators()
    x = s.entry("n", 6)
    out = s.p(0.1, 127)
    weight = (s.bytes(5, 6), s.const(np.linspace(0.005, 0.02, 5)), s.const([0] * 5, "int8"))
    y = s.op("QGemm", *x, *weight, s.const([1, 2, -300, 40, 5], "int32"), *out, domain=_MS, transB=1)
    return s.model_of(y, *out)


def gemm_to_real() -> onnx.ModelProto:
    s = Operators()
    x = s.entry("n", 6)
    weight = (s.bytes(6, 3), *s.p(0.01, 0, "int8"))
    return s.model(s.op("QGemm", *x, *weight, s.const([10, -20, 30], "int32"), "", "", domain=_MS))


def element_wise() -> onnx.ModelProto:
    s = Operators()
    x = s.entry("n", 3, 4, 4)
    a, b, c = s.p(0.04, 100), s.p(1 / 255, 0), s.p(0.05, 130)
    y = s.op("QLinearSigmoid", *x, *b, domain=_MS)
    y = s.op("QLinearMul", *x, y, *b, *a, domain=_MS)
    y = s.op("QLinearAdd", y, *a, *x, *c, domain=_MS)
    last = s.p(0.04, 110)
    y = s.op("QLinearConcat", *last, y, *c, *x, domain=_MS, axis=1)
    y = s.op("QLinearLeakyRelu", y, *last, *last, domain=_MS, alpha=0.1)
    return s.model_of(y, *last)


def pools() -> onnx.ModelProto:
    s = Operators()
    x = s.entry("n", 3, 6, 6)
    a, b = s.p(0.03, 100), s.p(0.02, 90)
    y = s.op("QLinearAveragePool", *x, *a, domain=_MS, kernel_shape=[2, 2], strides=[2, 2])
    return s.model_of(s.op("QLinearGlobalAveragePool", y, *a, *b, domain=_MS), *b)


def softmax() -> onnx.ModelProto:
    s = Operators()
    x = s.entry("n", 6)
    out, last = s.p(0.1, 127), s.p(1 / 256, 0)
    y = s.op("QLinearMatMul", *x, s.bytes(6, 4), *s.p(0.02, 2, "int8"), *out)
    return s.model_of(s.op("QLinearSoftmax", y, *out, *last, domain=_MS, axis=-1, opset=13), *last)


def integer_convolution() -> onnx.ModelProto:
    s = Operators()
    x = s.input("x", "n", 2, 5, 5, dtype=TensorProto.UINT8)
    y = s.op("ConvInteger", x, s.bytes(3, 2, 3, 3), s.const(7, "uint8"), s.const(0, "int8"), pads=[1, 1, 1, 1])
    return s.model(y, dtype=TensorProto.INT32)


def integer_matrices() -> onnx.ModelProto:
    s = Operators()
    x = s.input("x", "n", 6, dtype=TensorProto.INT8)
    y = s.op("MatMulInteger", x, s.bytes(6, 4), s.const(-3, "int8"), s.const([1, 0, -1, 2], "int8"))
    return s.model(y, dtype=TensorProto.INT32)
