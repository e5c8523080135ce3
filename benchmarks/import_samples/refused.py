"""Models that must be refused, each with a piece of the line that refuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.import_samples import floats, qdq, qoperator
from benchmarks.import_samples.sketch import Sketch

_INF, _NAN = float("inf"), float("nan")


@dataclass(frozen=True, slots=True)
class Case:
    """A model to refuse.

    Attributes
    ----------
    name : str
    fragment : str
        Part of the message.
    write : callable
        Writes it, and whatever lies beside it, into a folder; returns the model's path.
    """

    name: str
    fragment: str
    write: Callable[[Path], Path]


def cases() -> list[Case]:
    """Return every case."""
    return [*_files(), *_external_data(), *_graphs(), *_names(), *_tensors(), *_shapes(), *_operators(), *_quantised()]


def _saved(name: str, fragment: str, model: onnx.ModelProto | bytes) -> Case:
    data = model if isinstance(model, bytes) else model.SerializeToString()

    def write(folder: Path) -> Path:
        path = folder / "model.onnx"
        path.write_bytes(data)
        return path

    return Case(name, fragment, write)


def _changed(
    name: str,
    fragment: str,
    change: Callable[[onnx.ModelProto], Any],
    base: Callable[[], onnx.ModelProto] = floats.lenet,
) -> Case:
    model = onnx.ModelProto()
    model.CopyFrom(base())
    change(model)
    return _saved(name, fragment, model)


def _op(
    name: str,
    fragment: str,
    op_type: str,
    *inputs: Any,
    shape: tuple[Any, ...] = ("n", 3, 8, 8),
    opset: int = 17,
    domain: str = "",
    outputs: int = 1,
    reads: int = 0,
    empty: bool = False,
    **attributes: Any,
) -> Case:
    """Return a case of one node on a graph input ``x``; arrays among ``inputs`` become initialisers.

    The graph's output is the node's output number ``reads``; ``empty`` leaves the node without inputs.
    """
    s = Sketch(opset)
    s.input("x", *shape)
    names = ["x", *(i if isinstance(i, str) else s.const(i, np.asarray(i).dtype.name) for i in inputs)]
    first = s.op(op_type, *names[: 0 if empty else None], domain=domain, outputs=outputs, **attributes)
    return _saved(name, fragment, s.model(f"{first}_{reads}" if reads else first))


def _fold(name: str, fragment: str, op_type: str, *operands: Any, repeats: int = 1, opset: int = 17) -> Case:
    """Return a case of one node on constants, or of a chain of them, added to a graph input."""
    s = Sketch(opset)
    names = [s.const(value, np.asarray(value).dtype.name) for value in operands]
    total = s.input("x", 1, 1)
    for _ in range(repeats):
        total = s.op("Add", total, s.op("Cast", s.op(op_type, *names), to=TensorProto.FLOAT))
    return _saved(name, fragment, s.model(total))


def _files() -> list[Case]:
    good = floats.lenet().SerializeToString()
    rng = np.random.default_rng(0)
    nested = b""
    for _ in range(300):  # a graph in an attribute of a node of a graph ...
        attribute = b"\x32" + _varint(len(nested)) + nested
        node = b"\x2a" + _varint(len(attribute)) + attribute
        nested = b"\x0a" + _varint(len(node)) + node

    def folder_instead(folder: Path) -> Path:
        (folder / "model.onnx").mkdir()
        return folder / "model.onnx"

    def huge(folder: Path) -> Path:
        path = folder / "model.onnx"
        with path.open("wb") as file:
            file.truncate(2 * 10**9 + 1)  # a hole: no space is used
        return path

    return [
        _saved("empty file", "no graph", b""),
        _saved("text", "do not parse", b"this is not a model, it is a line of text\n"),
        _saved("noise", "do not parse", rng.bytes(5000)),
        _saved("truncated", "do not parse", good[: len(good) // 2]),
        _saved("nested 300 deep", "do not parse", b"\x3a" + _varint(len(nested)) + nested),
        Case("absent file", "model.onnx", lambda folder: folder / "model.onnx"),
        Case("a folder", "model.onnx", folder_instead),
        Case("larger than the limit", "2,000,000,000 bytes", huge),
    ]


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def _external_data() -> list[Case]:
    def case(name: str, fragment: str, location: str, prepare: Callable[[Path], Any] = lambda folder: None,
             **entries: str) -> Case:  # fmt: skip
        def write(folder: Path) -> Path:
            inside = folder / "inside"
            inside.mkdir()
            (folder / "secret.bin").write_bytes(bytes(1000))
            prepare(inside)
            model = onnx.ModelProto()
            model.CopyFrom(floats.lenet())
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in {"location": location, **entries}.items():
                tensor.external_data.add(key=key, value=value)
            path = inside / "model.onnx"
            path.write_bytes(model.SerializeToString())
            return path

        return Case(f"external data {name}", fragment, write)

    def link(folder: Path) -> None:
        (folder / "data.bin").symlink_to(folder.parent / "secret.bin")

    def loop(folder: Path) -> None:
        (folder / "data.bin").symlink_to(folder / "data.bin")

    def short(folder: Path) -> None:
        (folder / "data.bin").write_bytes(bytes(20))

    def long(folder: Path) -> None:
        (folder / "data.bin").write_bytes(bytes(2000))

    return [
        case("above the folder", "inside the model's folder", "../secret.bin"),
        case("at an absolute path", "inside the model's folder", "/etc/hostname"),
        case("through a symbolic link", "inside the model's folder", "data.bin", link),
        case("in a loop of links", "cannot be read", "data.bin", loop),
        case("absent", "cannot be read", "data.bin"),
        case("a folder", "inside the model's folder", "."),
        case("with a null byte", "cannot be read", "data\0.bin"),
        case("truncated", "108 bytes", "data.bin", short),
        case("negative offset", "whole number", "data.bin", long, offset="-4"),
        case("offset in words", "whole number", "data.bin", long, offset="9" * 5000),
        case("offset past the end", "2,000", "data.bin", long, offset="1999"),
        case("of another length", "108 bytes", "data.bin", long, length="100"),
    ]


def _graphs() -> list[Case]:
    def cycle(m: onnx.ModelProto) -> None:
        m.graph.node[0].input[0] = m.graph.node[-1].output[0]

    def branch(op: str, attribute: str) -> Case:
        body = helper.make_graph([], "body", [], [])
        s = Sketch()
        s.input("x", "n", 4)
        node = helper.make_node(op, ["x"], ["y"], "branch")
        node.attribute.append(helper.make_attribute(attribute, body))
        s.nodes.append(node)
        return _saved(f"{op}", "control flow", s.model("y"))

    def function(m: onnx.ModelProto) -> None:
        m.functions.append(helper.make_function("mine", "F", ["a"], ["b"], [], []))

    def too_many(m: onnx.ModelProto) -> None:
        m.graph.node.extend([onnx.NodeProto()] * 100_001)

    return [
        _changed("cycle", "cycle", cycle),
        _changed("node that reads itself", "cycle", lambda m: m.graph.node[1].input.__setitem__(0, "relu_1")),
        _changed("dangling input", "written by no node", lambda m: m.graph.node[1].input.__setitem__(0, "absent")),
        _changed("dangling output", "written by no node", lambda m: setattr(m.graph.output[0], "name", "absent")),
        _changed("written twice", "written once", lambda m: m.graph.node[1].output.__setitem__(0, "conv_0")),
        _changed("writes an initialiser", "written once", lambda m: m.graph.node[1].output.__setitem__(0, "const_0")),
        _changed(
            "two initialisers of one name", "unique", lambda m: setattr(m.graph.initializer[1], "name", "const_0")
        ),
        _changed("two inputs of one name", "different names", lambda m: m.graph.input.append(m.graph.input[0])),
        _changed("two outputs of one name", "different names", lambda m: m.graph.output.append(m.graph.output[0])),
        _changed("no inputs", "at least one input", lambda m: m.graph.ClearField("input")),
        _changed("no outputs", "at least one input and one output", lambda m: m.graph.ClearField("output")),
        _changed("no graph", "no graph", lambda m: m.ClearField("graph")),
        _changed("constant output", "not be constant", lambda m: setattr(m.graph.output[0], "name", "const_0")),
        _changed("too many nodes", "100,000 nodes", too_many),
        _changed("own function", "functions", function),
        _changed("opset 6", "7 to", lambda m: setattr(m.opset_import[0], "version", 6)),
        _changed("opset 999", "7 to", lambda m: setattr(m.opset_import[0], "version", 999)),
        _changed("no opset", "once", lambda m: m.ClearField("opset_import")),
        _changed("other domain", "'my.domain'", lambda m: setattr(m.graph.node[1], "domain", "my.domain")),
        branch("If", "then_branch"),
        branch("Loop", "body"),
        branch("Scan", "body"),
        branch("Relu", "body"),
    ]


def _names() -> list[Case]:
    def renamed(name: str) -> Callable[[onnx.ModelProto], None]:
        def change(m: onnx.ModelProto) -> None:
            m.graph.node[0].name = name

        return change

    def tensor(name: str) -> Callable[[onnx.ModelProto], None]:
        def change(m: onnx.ModelProto) -> None:
            m.graph.node[0].output[0] = m.graph.node[1].input[0] = name

        return change

    raw = floats.lenet().SerializeToString()
    return [
        _changed("name with a newline", "printable", renamed("conv\nendmodule")),
        _changed("name with an escape", "printable", renamed("conv\x1b[31m")),
        _changed("name of 5 kB", "1,024 characters", renamed("x" * 5000)),
        _changed("tensor name with a null byte", "printable", tensor("a\0b")),
        _changed("tensor name of 5 kB", "1,024 characters", tensor("t" * 5000)),
        _saved("name that is no text", "UTF-8", raw.replace(b"conv_0", b"con\xff_0")),
        _changed("input name of line separators", "printable", lambda m: setattr(m.graph.input[0], "name", "x\u2028")),
    ]


def _tensors() -> list[Case]:
    def first(**fields: Any) -> Callable[[onnx.ModelProto], None]:
        def change(m: onnx.ModelProto) -> None:
            tensor = m.graph.initializer[0]
            for key, value in fields.items():
                if isinstance(value, list):
                    getattr(tensor, key)[:] = value
                else:
                    setattr(tensor, key, value)

        return change

    def values(*given: float) -> Callable[[onnx.ModelProto], None]:
        def change(m: onnx.ModelProto) -> None:
            tensor = m.graph.initializer[0]
            array = np.frombuffer(tensor.raw_data, np.float32).copy()
            array[: len(given)] = given
            tensor.raw_data = array.tobytes()

        return change

    return [
        _changed("data too short", "108 bytes", first(raw_data=b"abcd")),
        _changed("data too long", "108 bytes", first(raw_data=bytes(112))),
        _changed("dimensions over the data", "bytes", first(dims=[3, 1, 30000, 3])),
        _changed("2**62 elements", "2,147,483,648 elements", first(dims=[2**31, 2**31])),
        _changed(
            "overflowing dimensions and a zero",
            "2,147,483,648 elements",
            first(dims=[0, 2**62, 2**62, 4], raw_data=b""),
        ),
        _changed("overflowing dimensions", "2,147,483,648 elements", first(dims=[2**62, 2**62, 4])),
        _changed("negative dimension", "at least 0", first(dims=[-3, 1, -3, 3])),
        _changed("empty weights", "finite numbers", first(dims=[0, 1, 3, 3], raw_data=b"")),
        _changed("nine axes", "at most 8 axes", first(dims=[3, 1, 3, 3, 1, 1, 1, 1, 1])),
        _changed("weights of strings", "STRING", first(data_type=TensorProto.STRING)),
        _changed("weights of complex numbers", "COMPLEX64", first(data_type=TensorProto.COMPLEX64)),
        _changed("weights of an unknown type", "99", first(data_type=99)),
        _changed("integer weights in a float layer", "real numbers", first(data_type=TensorProto.INT32)),
        _changed("NaN weight", "finite", values(_NAN)),
        _changed("infinite weight", "finite", values(_INF)),
    ]


def _shapes() -> list[Case]:
    def dim(axis: int, value: int | str) -> Callable[[onnx.ModelProto], None]:
        def change(m: onnx.ModelProto) -> None:
            d = m.graph.input[0].type.tensor_type.shape.dim[axis]
            d.Clear()
            if isinstance(value, str):
                d.dim_param = value
            else:
                d.dim_value = value

        return change

    return [
        _changed("negative input dimension", "positive", dim(2, -7)),
        _changed("open height", "--dim", dim(2, "height")),
        _changed("zero width", "--dim", dim(3, 0)),
        _changed("input of 2**40 elements", "2,147,483,648 elements", dim(2, 2**40)),
        _changed("input smaller than the window", "window", dim(2, 2)),
        _changed("other channels", "(3, 2, 3, 3)", dim(1, 2)),
        _changed("scalar input", "scalar", lambda m: m.graph.input[0].type.tensor_type.shape.ClearField("dim")),
        _changed("no shape", "declare its shape", lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
        _changed("text input", "STRING", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 8)),
        _changed("float64 input", "float64", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 11)),
        _changed("int64 input", "int64", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 7)),
        _op("output of 2**50 elements", "2,147,483,648", "Pad", np.array([0, 0, 2**25, 0, 0, 0, 0, 2**25])),
        _folding_bomb(),
        _doubling(),
        _op("pool over 2**30 positions", "4,194,304 positions", "AveragePool", shape=(1, 1, 2**30), kernel_shape=[2]),
        _fold("folding a few million elements again and again", "in all", "ConstantOfShape", [2**22], repeats=20),
        _fold("comparing one number", "2 inputs, not 1", "Equal", 1.0),
        _fold("comparing four numbers", "2 inputs, not 4", "Less", 1.0, 1.0, 1.0, 1.0),
        _fold("a range without end", "finite number of steps", "Range", *np.array([0.0, 1e308, 1e-308])),
        _fold("a range of unsigned integers", "signed", "Range", *np.array([0, 2**64 - 1, 2**64 - 1], np.uint64)),
        _fold("integers bounded by infinity", "Clip bounds must be int8", "Clip", np.int8(1), np.float32(-_INF)),
        _mixing(),
    ]


def _folding_bomb() -> Case:
    s = Sketch()
    ones = s.op("ConstantOfShape", s.const([30000, 30000], "int64"))
    return _saved("folding to 900 million elements", "16,777,216", s.model(s.op("Add", s.input("x", 1, 1), ones)))


def _doubling() -> Case:
    s = Sketch()
    ones = s.const(np.ones(2**20, np.float32))
    for _ in range(12):
        ones = s.op("Concat", ones, ones, axis=0)
    return _saved("constants that double themselves", "accel.limits", s.model(s.op("Add", s.input("x", 1, 1), ones)))


def _mixing() -> Case:
    s = Sketch()
    x = s.op("Reshape", s.input("x", "n", 4), s.const([1, -1], "int64"))
    return _saved("samples mixed", "mix the samples", s.model(x))


def _operators() -> list[Case]:
    w = np.ones((2, 3, 3, 3), np.float32)
    return [
        _op("unknown operator", "not supported", "Einsum", equation="ij->ij"),
        _op("computed weights", "must be constant", "Conv", "x"),
        _op("no weights", "must be given", "Conv"),
        _op("weights of three axes", "4 axes", "Conv", w[0]),
        _op("kernel_shape of its own", "agree with the weights", "Conv", w, kernel_shape=[2, 2]),
        _op("operator with a dot", "must be a word", "com.microsoft.QGemm"),
        _op("cast to int64", "not to int64", "Cast", to=TensorProto.INT64),
        _op("zero stride", "[1, 2147483647]", "Conv", w, strides=[0, 1]),
        _op("negative padding", "[0, 2147483647]", "Conv", w, pads=[-1, 0, 0, 0]),
        _op("three strides", "2 entries", "Conv", w, strides=[1, 1, 1]),
        _op("no groups", "positive", "Conv", w, group=0),
        _op("uneven groups", "groups", "Conv", w, group=2),
        _op("strides in text", "type INTS", "Conv", w, strides="2"),
        _op("attribute nobody knows", "'colour'", "Conv", w, colour=3),
        _op("three spatial axes", "one or two spatial axes", "Conv", w[..., None], shape=("n", 3, 8, 8, 8)),
        _op("pool without kernel", "kernel_shape must be given", "MaxPool"),
        _op("pool with indices", "indices", "MaxPool", kernel_shape=[2, 2], outputs=2),
        _op("pool of padding alone", "padding", "MaxPool", kernel_shape=[2, 2], pads=[9, 9, 0, 0]),
        _op("reshape to another count", "Reshape cannot make", "Reshape", np.array([0, 7])),
        _op("reshape with two unknowns", "at most one -1", "Reshape", np.array([-1, -1])),
        _op("transpose by no permutation", "permutation", "Transpose", perm=[0, 0, 1, 2]),
        _op("softmax over the batch", "batch axis", "Softmax", axis=0),
        _op("mean over the batch", "batch axis", "ReduceMean", axes=[0]),
        _op("gemm of an image", "(n, features)", "Gemm", np.ones((3, 3), np.float32)),
        _op("matmul that does not fit", "features", "MatMul", np.ones((9, 3), np.float32)),
        _op("division by zero", "zero", "Div", np.zeros(1, np.float32)),
        _op("infinite constant", "finite", "Add", np.array([_INF], np.float32)),
        _op("constant that does not fit", "matching shapes", "Mul", np.ones((5, 1), np.float32)),
        _op("negative variance", "variance", "BatchNormalization", *[np.full(3, -1, np.float32)] * 4),
        _op("lstm of an image", "three axes", "LSTM", np.ones((1, 8, 3), np.float32), np.ones((1, 8, 2), np.float32),
            shape=(2, 3, 8, 8)),
        _op("unknown activation", "activation", "RNN", np.ones((1, 2, 3), np.float32), np.ones((1, 2, 2), np.float32),
            shape=(4, "n", 3), activations=["Cosine"]),
        _op("no inputs at all", "input 1 must be given", "Sum", empty=True),
        _op("largest of nothing", "input 1 must be given", "Max", empty=True),
        _op("second output of a layer", "'conv_0_1' is not supported", "Conv", w, outputs=2, reads=1),
        _op("huge padding", "MAX_ELEMENTS", "Conv", w, pads=[2**31 - 1] * 4, strides=[2**31 - 1] * 2),
        _op("huge kernel", "MAX_ELEMENTS", "AveragePool", kernel_shape=[2**31 - 1] * 2, pads=[2**30] * 4),
        _op("huge output cut to nothing much", "MAX_ELEMENTS", "ConvTranspose", np.ones((3, 2, 3, 3), np.float32),
            output_shape=[9, 9], strides=[2**26] * 2),
        _op("70 axes", "MAX_RANK", "Unsqueeze", np.arange(1, 67)),
        _op("recurrence of another size", "shape", "RNN", np.ones((1, 2, 3), np.float32),
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
        return s.model(s.op("DequantizeLinear", s.op("Clip", x, s.const(-_INF)), *parameters))

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
        _saved("scale of zero", "positive and finite, not 0.0", entry(0.0)),
        _saved("negative scale", "not -0.5", entry(-0.5)),
        _saved("NaN scale", "not nan", entry(_NAN)),
        _saved("infinite scale", "not inf", entry(_INF)),
        _saved("scale below float32", "not 0.0", entry(1e-60, scale_type="float64")),
        _saved("integers clipped by real numbers", "must be integers", clipped()),
        _saved("scales per channel of an activation", "one scale", entry([0.1] * 4, [0] * 4)),
        _saved("scale of integers", "one real number", entry(1, scale_type="int32")),
        _saved("zero point of real numbers", "zero point", entry(0.1, 0.5, "float32")),
        _saved("zero points without scales", "must be 1 integers", entry(0.1, [0, 0])),
        _saved("activation of 32 bits", "bits must be 2 to 16", entry(0.1, 0, "int32")),
        _changed("weight scale of zero", "not 0.0", weight_scale(0.0), qdq.convolution),
        _changed("negative weight scale", "not -1.0", weight_scale(-1.0), qdq.convolution),
        _changed("NaN weight scale", "not nan", weight_scale(_NAN), qdq.convolution),
        _changed("weight scale beyond any shift", "requantisation scale", weight_scale(1e30), qdq.convolution),
        _changed("block of scales", "block_size", lambda m: m.graph.node[2].attribute.append(
            helper.make_attribute("block_size", 2)), qdq.convolution),
        _saved("floating point between integers", "(LeakyRelu): floating point between", island()),
        _saved("weights of real numbers", "DequantizeLinear", float_weights()),
        _saved("scales along input channels", "axis 1", wrong_axis()),
        _saved("dequantised by another scale", "0.2", other_scale()),
        _saved("computing on integers", "holds integers", float_on_integers()),
        _saved("bias beyond 32 bits", "32 bits", huge_bias()),
        _saved("cast of scaled integers", "without a scale", cast()),
        _saved("dynamic quantisation", "statically", dynamic()),
        _changed("quantised operator cut short", "must be given",
                 lambda m: m.graph.node[1].input.__delitem__(slice(5, None)), qoperator.convolution),
    ]  # fmt: skip
