"""Models in QDQ form: DequantizeLinear, a float operator, QuantizeLinear."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from benchmarks.import_samples.sketch import Sketch


class Quantized(Sketch):
    """A sketch with the pieces that quantised models are made of."""

    def q(self, x: str, scale: float = 0.05, zero: int = 3, dtype: str = "int8") -> str:
        """Add QuantizeLinear and DequantizeLinear."""
        parameters = (self.const(scale), self.const(zero, dtype))
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parameters), *parameters)

    def w(self, *shape: int, axis: int | None = 0, zero: int = 0, dtype: str = "int8") -> str:
        """Add integer weights through DequantizeLinear, one scale per index along ``axis``."""
        info = np.iinfo(dtype)
        values = self.const(self.rng.integers(info.min, info.max + 1, shape), dtype)
        channels = 1 if axis is None else shape[axis]
        scales = self.rng.uniform(0.004, 0.012, channels)
        if axis is None:
            return self.op("DequantizeLinear", values, self.const(scales[0]), self.const(zero, dtype))
        zeros = self.const(np.full(channels, zero), dtype)
        return self.op("DequantizeLinear", values, self.const(scales), zeros, axis=axis)


def convolution() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 2, 6, 6))
    x = s.op("Conv", x, s.w(4, 2, 3, 3), s.weights(4), pads=[1, 1, 1, 1])
    x = s.q(s.op("Relu", x), 0.04, -128)
    x = s.q(s.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.04, -128)
    x = s.op("Flatten", x)
    return s.model(s.q(s.op("Gemm", x, s.w(5, 36), s.weights(5), transB=1), 0.1, 0))


def integer_bias() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 3, 8), 0.05, 0)
    weight = s.const(s.rng.integers(-127, 128, (8, 4)), "int8")
    scale = s.const(0.01)
    bias = s.op(
        "DequantizeLinear", s.const([100, -2000, 0, 777], "int32"), s.const(np.float32(0.05) * np.float32(0.01))
    )
    x = s.op("Add", s.op("MatMul", x, s.op("DequantizeLinear", weight, scale)), bias)
    return s.model(s.q(x, 0.03, 1))


def unsigned() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 2, 5, 5), 0.02, 100, "uint8")
    x = s.op("Conv", x, s.w(3, 2, 3, 3, zero=120, dtype="uint8"))
    return s.model(s.q(x, 0.05, 128, "uint8"))


def mixed_signs() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 2, 5, 5), 0.02, 100, "uint8")
    x = s.q(s.op("Conv", x, s.w(3, 2, 3, 3, axis=None, zero=5)), 0.05, -3)
    return s.model(s.q(s.op("Conv", x, s.w(2, 3, 1, 1, dtype="uint8", axis=None)), 0.04, 7, "uint8"))


def depthwise() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 4, 6, 5))
    x = s.op("Conv", x, s.w(4, 1, 3, 3), group=4, strides=[2, 1])
    x = s.q(s.op("Clip", x, s.const(0), s.const(6)), 6 / 255, -128)
    x = s.q(s.op("Conv", x, s.w(6, 4, 1, 1), s.weights(6)), 0.06, -4)
    return s.model(s.q(s.op("GlobalAveragePool", x), 0.03, 2))


def four_bits() -> onnx.ModelProto:
    s = Quantized(opset=21)
    x = s.q(s.input("x", "n", 6))
    weight = s.packed(s.rng.integers(-8, 8, (6, 5)), TensorProto.INT4)
    weight = s.op("DequantizeLinear", weight, s.const(s.rng.uniform(0.05, 0.2, 5)), axis=1)
    x = s.q(s.op("MatMul", x, weight), 0.05, 0)
    zero = s.packed([7], TensorProto.UINT4)
    s.initializers[-1].dims[:] = []
    weight = s.packed(s.rng.integers(0, 16, (3, 5)), TensorProto.UINT4)
    weight = s.op("DequantizeLinear", weight, s.const(0.1), zero)
    return s.model(s.q(s.op("Gemm", x, weight, transB=1), 0.05, 0))


def clipped_to_four_bits() -> onnx.ModelProto:
    s = Quantized()

    def narrow(x: str, low: int, high: int, scale: float, dtype: str = "int8") -> str:
        parameters = (s.const(scale), s.const(0, dtype))
        x = s.op("QuantizeLinear", x, *parameters)
        return s.op("DequantizeLinear", s.op("Clip", x, s.const(low, dtype), s.const(high, dtype)), *parameters)

    x = narrow(s.input("x", "n", 2, 5, 5), -8, 7, 0.4)
    weight = narrow(s.weights(3, 2, 3, 3), -7, 7, 0.15)
    x = narrow(s.op("Relu", s.op("Conv", x, weight)), 0, 15, 0.3, "uint8")
    return s.model(narrow(s.op("Conv", x, narrow(s.weights(2, 3, 1, 1), -2, 1, 0.5)), -32, 31, 0.2))


def residual() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 3, 4, 4))
    y = s.q(s.op("Relu", s.op("Conv", x, s.w(3, 3, 3, 3), pads=[1, 1, 1, 1])), 0.05, -128)
    x = s.q(s.op("Relu", s.op("Add", x, y)), 0.06, -128)
    return s.model(s.q(s.op("Concat", x, y, axis=1), 0.055, -100))


def gate() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 3, 4, 4))
    g = s.q(s.op("GlobalAveragePool", x), 0.02, 0)
    g = s.q(s.op("HardSigmoid", g), 1 / 255, 0, "uint8")
    x = s.q(s.op("Mul", x, g), 0.04, 2)
    return s.model(s.q(s.op("Mul", x, s.const(0.5)), 0.02, 2))


def functions() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 3, 4))
    names = ("Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Relu", "Elu")
    outputs = [s.q(s.op(f, x), 0.03, -5) for f in names]
    return s.model(*outputs)


def pools() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 2, 8, 8), 0.03, 10, "uint8")
    a = s.q(s.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), 0.02, 0)
    b = s.q(s.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.02, 5)
    x = s.q(s.op("Sub", a, b), 0.05, 0)
    return s.model(s.q(s.op("ReduceMean", x, axes=[2, 3], keepdims=0), 0.02, 1))


def borders() -> onnx.ModelProto:
    s = Quantized()
    x = s.op("Mul", s.op("Sub", s.input("x", "n", 2, 4, 4), s.const(0.5)), s.const(2))
    x = s.q(s.op("Conv", s.q(x), s.w(3, 2, 3, 3)), 0.05, 0)
    return s.model(s.op("Softmax", s.op("Flatten", x)))


def rounded_weights() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 5))
    weight = s.q(s.weights(4, 5), 0.01, 0)
    return s.model(s.q(s.op("Gemm", x, weight, s.weights(4), transB=1), 0.04, 0))


def integers_in_and_out() -> onnx.ModelProto:
    s = Quantized()
    x = s.op(
        "DequantizeLinear", s.input("x", "n", 2, 4, 4, dtype=TensorProto.UINT8), s.const(0.02), s.const(9, "uint8")
    )
    x = s.op("Conv", x, s.w(3, 2, 3, 3))
    x = s.op("QuantizeLinear", x, s.const(0.05), s.const(-1, "int8"))
    return s.model(s.op("Reshape", x, s.const([0, -1], "int64")), dtype=TensorProto.INT8)


def transposed() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 4, 3, 3))
    x = s.op("ConvTranspose", x, s.w(4, 2, 3, 3, axis=1), s.weights(2), strides=[2, 2])
    return s.model(s.q(x, 0.1, 0))


def sixteen_bits() -> onnx.ModelProto:
    s = Quantized(opset=21)
    x = s.q(s.input("x", "n", 3, 6), 0.0005, 12, "int16")
    x = s.q(s.op("MatMul", x, s.w(6, 4, axis=1)), 0.002, 32768, "uint16")
    return s.model(s.q(s.op("Add", x, x), 0.003, 0, "int16"))


def scaled_by_two() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 3, 6, 6), 2.0**-5, 0)
    weight = s.const(s.rng.integers(-127, 128, (4, 3, 3, 3)), "int8")
    x = s.op("Conv", x, s.op("DequantizeLinear", weight, s.const(2.0**-7)))
    return s.model(s.q(x, 2.0**-4, 0))


def weights_alone() -> onnx.ModelProto:
    s = Quantized()
    x = s.op("Relu", s.op("Conv", s.input("x", "n", 2, 5, 5), s.w(3, 2, 3, 3)))
    return s.model(s.op("Gemm", s.op("Flatten", x), s.w(27, 4, axis=1)))


def requantized() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.q(s.input("x", "n", 7), 0.05, 3), 0.08, 128, "uint8")
    return s.model(s.q(s.op("PRelu", x, s.w(7, axis=None)), 0.07, 100, "uint8"))


def padded() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.input("x", "n", 2, 4, 4), 0.05, 3)
    x = s.q(s.op("Pad", x, s.const([0, 0, 1, 1, 0, 0, 0, 0], "int64")), 0.05, 3)
    x = s.op("Conv", s.op("Pad", x, s.const([0, 0, 0, 0, 0, 0, 1, 1], "int64")), s.w(2, 2, 2, 2))
    return s.model(s.q(s.op("Transpose", s.q(x, 0.06, 0), perm=[0, 2, 3, 1]), 0.06, 0))


def moves() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.op("Conv", s.q(s.input("x", 1, 2, 4, 4)), s.w(8, 2, 1, 1)), 0.06, 0)
    x = s.op("Resize", x, "", s.const([1, 1, 2, 2]), coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = s.op("DepthToSpace", s.q(x, 0.06, 0), blocksize=2)
    parts = s.op("Split", s.q(x, 0.06, 0), axis=1, outputs=2)
    x = s.q(s.op("Mul", s.q(parts, 0.06, 0), s.q(f"{parts}_1", 0.06, 0)), 0.11, 0)
    x = s.q(s.op("MatMul", x, s.q(s.op("Transpose", x, perm=[0, 1, 3, 2]), 0.11, 0)), 1.7, 3)
    return s.model(x)


def late_saturation() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.op("Conv", s.q(s.input("x", "n", 2, 6, 6)), s.w(4, 2, 3, 3)), 0.07, 3)
    pooled = s.op("MaxPool", s.op("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
    pooled = s.q(pooled, 0.06, -128)
    mean = s.op("Flatten", s.op("GlobalAveragePool", s.op("Relu", x)))
    clipped = s.op("Pad", s.op("Clip", x, s.const(-1), s.const(2)), s.const([0, 0, 0, 1, 0, 0, 1, 0], "int64"))
    return s.model(pooled, s.q(mean, 0.03, -100), s.q(s.op("Transpose", clipped, perm=[0, 2, 3, 1]), 0.05, 0))


def choices() -> onnx.ModelProto:
    s = Quantized()
    x = s.q(s.op("Conv", s.q(s.input("x", "n", 2, 3, 3)), s.w(5, 2, 1, 1)), 0.4, 0)  # coarse: the largest are several
    flat = s.op("Flatten", s.q(s.op("GlobalAveragePool", x), 0.2, 3))
    return s.model(
        s.op("ArgMax", x, axis=1, keepdims=0),
        s.op("ArgMax", s.op("Relu", x), axis=1, select_last_index=1),
        s.op("ArgMax", flat, axis=1, keepdims=0),
        dtype=TensorProto.INT64,
    )
