"""Float models."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from benchmarks.import_samples.sketch import Sketch


def lenet() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Conv", s.input("x", "n", 1, 10, 10), s.weights(3, 1, 3, 3), s.weights(3))
    x = s.op("MaxPool", s.op("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
    x = s.op("Gemm", s.op("Flatten", x), s.weights(5, 48), s.weights(5), transB=1)
    return s.model(s.op("Softmax", x))


def one_dimension() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Conv", s.input("x", "n", 3, 17), s.weights(4, 3, 5), strides=[2], pads=[2, 1], dilations=[1])
    x = s.op("MaxPool", x, kernel_shape=[3], strides=[2], pads=[1, 1])
    return s.model(s.op("AveragePool", x, kernel_shape=[2]))


def depthwise() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Conv", s.input("x", "n", 4, 6, 6), s.weights(4, 1, 3, 3), group=4, pads=[1, 1, 1, 1])
    statistics = [s.weights(4), s.weights(4), s.weights(4), s.const([0.5, 1, 2, 3])]
    x = s.op("BatchNormalization", x, *statistics, epsilon=1e-3)
    x = s.op("Clip", x, s.const(0), s.const(6))
    x = s.op("Conv", x, s.weights(6, 4, 1, 1), s.weights(6))
    return s.model(s.op("GlobalAveragePool", x))


def automatic_padding() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Conv", s.input("x", "n", 2, 7, 8), s.weights(3, 2, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2])
    x = s.op("MaxPool", x, kernel_shape=[2, 2], auto_pad="SAME_LOWER")
    return s.model(s.op("Conv", x, s.weights(2, 3, 2, 2), auto_pad="VALID"))


def groups_and_dilation() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", 2, 6, 9, 8)
    x = s.op("Conv", x, s.weights(4, 3, 3, 2), s.weights(4), group=2, dilations=[2, 1], pads=[2, 0, 1, 1])
    return s.model(s.op("LeakyRelu", x, alpha=0.2))


def transposed() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 4, 3, 4)
    x = s.op(
        "ConvTranspose", x, s.weights(4, 2, 3, 3), s.weights(4), group=2, strides=[2, 2], pads=[1, 1, 1, 0],
        output_padding=[1, 0],
    )  # fmt: skip
    return s.model(s.op("ConvTranspose", x, s.weights(4, 1, 2, 2), auto_pad="SAME_UPPER", strides=[2, 2]))


def transposed_to_shape() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 2, 5, 5)
    return s.model(s.op("ConvTranspose", x, s.weights(2, 3, 3, 3), strides=[2, 2], output_shape=[10, 9]))


def average_pools() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 2, 9, 9)
    x = s.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    x = s.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    return s.model(s.op("AveragePool", x, kernel_shape=[2, 2], pads=[1, 0, 0, 1]))


def max_pools() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 2, 10, 9)
    x = s.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    return s.model(s.op("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 1], pads=[0, 1, 0, 0]))


def global_pools() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 3, 4, 5)
    a = s.op("Squeeze", s.op("GlobalAveragePool", x), s.const([2, 3], "int64"))
    b = s.op("Flatten", s.op("GlobalMaxPool", x))
    x = s.op("Concat", a, b, axis=1)
    return s.model(s.op("Gemm", x, s.weights(6, 4), s.const(0.5), alpha=0.5, beta=2.0))


def means() -> onnx.ModelProto:
    s = Sketch(opset=18)
    x = s.input("x", "n", 3, 4, 5)
    space = s.op("ReduceMean", x, s.const([-1, 2], "int64"), keepdims=0)
    channel = s.op("ReduceMean", x, s.const([1], "int64"))
    return s.model(space, channel)


def gate() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Relu", s.op("Conv", s.input("x", "n", 3, 5, 5), s.weights(4, 3, 3, 3)))
    g = s.op("Conv", s.op("GlobalAveragePool", x), s.weights(4, 4, 1, 1), s.weights(4))
    x = s.op("Mul", x, s.op("HardSigmoid", g, alpha=1 / 6, beta=0.5))
    y = s.op("Conv", x, s.weights(4, 4, 3, 3), pads=[1, 1, 1, 1])
    return s.model(s.op("Relu", s.op("Add", x, y)))


def branches() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 2, 6, 6)
    a = s.op("Conv", x, s.weights(3, 2, 1, 1))
    b = s.op("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = s.op("Concat", a, b, x, axis=1)
    return s.model(s.op("LRN", x, size=3, alpha=0.3, beta=0.6, bias=1.5))


def channels_last() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Transpose", s.input("x", "n", 5, 6, 2), perm=[0, 3, 1, 2])
    x = s.op("Conv", x, s.weights(3, 2, 3, 3), s.weights(3))
    x = s.op("Transpose", x, perm=[0, 2, 3, 1])
    return s.model(s.op("Softmax", s.op("Reshape", x, s.const([-1, 12, 3], "int64")), axis=2))


def matrices() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 4, 5)
    x = s.op("Add", s.op("MatMul", x, s.weights(5, 6)), s.weights(6))
    x = s.op("Add", s.weights(1), s.op("MatMul", s.op("Tanh", x), s.weights(6, 3)))
    return s.model(s.op("Mul", x, s.weights(4, 1)))


def shape_arithmetic() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Conv", s.input("x", "n", 2, 6, 6), s.weights(3, 2, 3, 3))
    shape = s.op("Shape", x)
    batch = s.op("Gather", shape, s.const(0, "int64"), axis=0)
    rest = s.op("Mul", s.op("Gather", shape, s.const(1, "int64")), s.op("Gather", shape, s.const(2, "int64")))
    parts = [s.op("Unsqueeze", p, s.const([0], "int64")) for p in (batch, rest)]
    target = s.op("Concat", *parts, s.const([-1], "int64"), axis=0)
    x = s.op("Reshape", x, s.op("Cast", target, to=7))
    return s.model(s.op("Add", x, s.op("Expand", s.weights(1, 4), s.op("Shape", x))))


def functions() -> onnx.ModelProto:
    s = Sketch(opset=20)
    x = s.input("x", "n", 3, 4)
    outputs = [s.op(f, x) for f in ("Sigmoid", "Tanh", "HardSwish", "Softplus", "Elu", "Gelu", "HardSigmoid", "Relu")]
    outputs.append(s.op("PRelu", x, s.weights(3, 1)))
    outputs.append(s.op("Gelu", x, approximate="tanh"))
    return s.model(*outputs)


def constants() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Sub", s.input("x", "n", 3, 4, 4), s.const([[[0.4]], [[0.5]], [[0.6]]]))
    x = s.op("Div", x, s.const(0.25))
    x = s.op("Sub", s.const(1), s.op("Mul", s.const(2), x))
    return s.model(s.op("Dropout", s.op("Identity", x)))


def padding() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Pad", s.input("x", "n", 2, 5, 5), s.const([0, 0, 1, 2, 0, 0, 0, 1], "int64"))
    x = s.op("Conv", x, s.weights(3, 2, 3, 3))
    x = s.op("Pad", x, s.const([0, 0, 1, 1, 0, 0, 1, 1], "int64"), s.const(0))
    x = s.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return s.model(s.op("Pad", x, s.const([0, 1, 0, 0, 0, 0, 0, 0], "int64")))


def lstm() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Transpose", s.input("x", "n", 6, 3), perm=[1, 0, 2])
    batch = s.op("Slice", s.op("Shape", x), s.const([1], "int64"), s.const([2], "int64"))
    shape = s.op("Concat", s.const([2], "int64"), batch, s.const([4], "int64"), axis=0)
    zeros = s.op("Expand", s.const(0), shape)
    weights = [s.weights(2, 16, 3), s.weights(2, 16, 4), s.weights(2, 32)]
    cell = s.op("LSTM", x, *weights, "", zeros, zeros, hidden_size=4, direction="bidirectional", outputs=3)
    y = s.op("Transpose", cell, perm=[2, 0, 1, 3])
    y = s.op("Reshape", y, s.const([0, 0, -1], "int64"))
    return s.model(s.op("MatMul", y, s.weights(8, 5)), f"{cell}_2")


def gru() -> onnx.ModelProto:
    s = Sketch()
    x, h = s.input("x", 5, "n", 3), s.input("h", 1, "n", 4)
    weights = [s.weights(1, 12, 3), s.weights(1, 12, 4), s.weights(1, 24)]
    y = s.op("GRU", x, *weights, "", h, hidden_size=4, linear_before_reset=1, outputs=2)
    return s.model(s.op("Squeeze", y, s.const([1], "int64")), f"{y}_1")


def rnn() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", 4, "n", 2)
    y = s.op("RNN", x, s.weights(1, 3, 2), s.weights(1, 3, 3), hidden_size=3, activations=["Relu"], outputs=2)
    last = s.op("Squeeze", f"{y}_1", s.const([0], "int64"))
    return s.model(s.op("Gemm", last, s.weights(3, 2)))


def older_forms() -> onnx.ModelProto:
    s = Sketch(opset=10)
    x = s.op("Unsqueeze", s.input("x", "n", 6, 6), axes=[1])
    x = s.op("Clip", s.op("Conv", x, s.weights(2, 1, 3, 3)), min=-1.0, max=1.0)
    x = s.op("Pad", x, pads=[0, 0, 1, 1, 0, 0, 0, 0])
    x = s.op("Dropout", s.op("ReduceMean", x, axes=[2, 3]), ratio=0.3)
    return s.model(s.op("Softmax", s.op("Squeeze", x, axes=[2, 3])))


def one_sample() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Conv", s.input("x", 1, 1, 6, 6), s.weights(2, 1, 3, 3))
    x = s.op("Reshape", s.op("Add", x, s.weights(2, 1, 1)), s.const([1, 32], "int64"))
    return s.model(s.op("Add", s.op("MatMul", x, s.weights(32, 3)), s.weights(1, 3)))


def many_outputs() -> onnx.ModelProto:
    s = Sketch()
    x, y = s.input("x", "n", 3), s.input("y", "n", 3)
    total = s.op("Sum", x, y, s.op("Sub", x, y))
    return s.model(total, s.op("Identity", x), s.op("Identity", total), s.op("Reshape", y, s.const([-1, 3], "int64")))


def big_opset() -> onnx.ModelProto:
    s = Sketch(opset=22)
    x = s.input("x", 2, 2, 4, 4)
    size = np.array([[[[1.5]]]], np.float32)
    return s.model(s.op("GlobalAveragePool", s.op("Mul", x, s.const(size))))


def resized() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 4, 3, 4)
    doubled = s.op(
        "Resize", x, "", s.const([1, 1, 2, 2]), coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    other = [
        s.op("Resize", x, "", "", s.const([1, 4, 7, 3], "int64"), coordinate_transformation_mode=c, nearest_mode=r)
        for c, r in (
            ("half_pixel", "round_prefer_floor"),
            ("align_corners", "round_prefer_ceil"),
            ("pytorch_half_pixel", "ceil"),
        )
    ]
    spread = [s.op("DepthToSpace", doubled, blocksize=2, mode=mode) for mode in ("DCR", "CRD")]
    s.inputs[0].type.tensor_type.shape.dim[0].dim_value = 1
    return s.model(*other, *spread)


def parts() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 6, 8, 5)
    focus = [
        s.op("Slice", x, s.const([i, 0], "int64"), s.const([2**63 - 1, 4], "int64"), s.const([2, 3], "int64"),
             s.const([2, 1], "int64"))
        for i in (0, 1)
    ]  # fmt: skip
    a = s.op("Split", s.op("Concat", *focus, axis=1), s.const([3, 5, 4], "int64"), axis=1, outputs=3)
    row = s.op("Gather", f"{a}_1", s.const(-1, "int64"), axis=2)
    back = s.op("Slice", row, s.const([-1], "int64"), s.const([-(2**63)], "int64"), s.const([1], "int64"),
                s.const([-1], "int64"))  # fmt: skip
    return s.model(back, f"{a}_2", s.op("Gather", x, s.const([4, 2], "int64"), axis=1))


def attention() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 5, 8)
    q, k, v = (s.op("Reshape", s.op("MatMul", x, s.weights(8, 8)), s.const([0, 5, 2, 4], "int64")) for _ in range(3))
    q, v = (s.op("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, v))
    scores = s.op("MatMul", q, s.op("Transpose", k, perm=[0, 2, 3, 1]))
    scores = s.op("Softmax", s.op("Mul", scores, s.op("Pow", s.const(4), s.const(-0.5))), axis=-1)
    y = s.op("Reshape", s.op("Transpose", s.op("MatMul", scores, v), perm=[0, 2, 1, 3]), s.const([0, 5, 8], "int64"))
    y = s.op("Add", x, y)
    mean = s.op("ReduceMean", y, axes=[-1])
    centred = s.op("Sub", y, mean)
    variance = s.op("ReduceMean", s.op("Pow", centred, s.const(2)), axes=[-1])
    deviation = s.op("Sqrt", s.op("Add", variance, s.const(1e-5)))
    return s.model(s.op("Mul", s.op("Div", centred, deviation), s.weights(8)))


def extremes() -> onnx.ModelProto:
    s = Sketch()
    x = s.input("x", "n", 3, 4)
    bounded = s.op("Max", s.op("Min", x, s.const(0.5)), s.weights(3, 1))
    return s.model(
        s.op("Max", bounded, s.op("Neg", x)),
        s.op("Reciprocal", s.op("Exp", x)),
        s.op("Cast", s.op("Cast", x, to=11), to=1),
    )


def scores() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Pad", s.input("x", "n", 3, 4), s.const([0, 1, 2, 0, 2, 0], "int64"), mode="reflect")
    one = s.op("Squeeze", s.op("MatMul", s.op("Flatten", x), s.weights(36, 1)), s.const([1], "int64"))
    return s.model(one, s.op("ReduceMean", x, axes=[1, 2], keepdims=0), s.op("Unsqueeze", one, s.const([0], "int64")))


def choices() -> onnx.ModelProto:
    s = Sketch()
    x = s.op("Clip", s.input("x", "n", 6, 4), s.const(-0.5), s.const(0.5))  # so that the largest are several
    return s.model(
        s.op("ArgMax", x, axis=1, keepdims=0),
        s.op("ArgMax", x, axis=-1, select_last_index=1),
        s.op("ArgMax", s.op("Flatten", x), axis=1, keepdims=0),
        dtype=TensorProto.INT64,
    )
