"""Graphs, names, tensors and shapes that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.import_samples import floats
from benchmarks.import_samples.refused.case import INF, NAN, Case, changed, fold, op, saved
from benchmarks.import_samples.sketch import Sketch


def cases() -> list[Case]:
    """Return the cases of this file."""
    return [*_graphs(), *_names(), *_tensors(), *_shapes()]


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
        return saved(f"{op}", "control flow", s.model("y"))

    def function(m: onnx.ModelProto) -> None:
        m.functions.append(helper.make_function("mine", "F", ["a"], ["b"], [], []))

    def too_many(m: onnx.ModelProto) -> None:
        m.graph.node.extend([onnx.NodeProto()] * 100_001)

    return [
        changed("cycle", "cycle", cycle),
        changed("node that reads itself", "cycle", lambda m: m.graph.node[1].input.__setitem__(0, "relu_1")),
        changed("dangling input", "written by no node", lambda m: m.graph.node[1].input.__setitem__(0, "absent")),
        changed("dangling output", "written by no node", lambda m: setattr(m.graph.output[0], "name", "absent")),
        changed("written twice", "written once", lambda m: m.graph.node[1].output.__setitem__(0, "conv_0")),
        changed("writes an initialiser", "written once", lambda m: m.graph.node[1].output.__setitem__(0, "const_0")),
        changed("two initialisers of one name", "unique", lambda m: setattr(m.graph.initializer[1], "name", "const_0")),
        changed("two inputs of one name", "different names", lambda m: m.graph.input.append(m.graph.input[0])),
        changed("two outputs of one name", "different names", lambda m: m.graph.output.append(m.graph.output[0])),
        changed("no inputs", "at least one input", lambda m: m.graph.ClearField("input")),
        changed("no outputs", "at least one input and one output", lambda m: m.graph.ClearField("output")),
        changed("no graph", "no graph", lambda m: m.ClearField("graph")),
        changed("constant output", "not be constant", lambda m: setattr(m.graph.output[0], "name", "const_0")),
        changed("too many nodes", "100,000 nodes", too_many),
        changed("own function", "functions", function),
        changed("opset 6", "7 to", lambda m: setattr(m.opset_import[0], "version", 6)),
        changed("opset 999", "7 to", lambda m: setattr(m.opset_import[0], "version", 999)),
        changed("no opset", "once", lambda m: m.ClearField("opset_import")),
        changed("other domain", "'my.domain'", lambda m: setattr(m.graph.node[1], "domain", "my.domain")),
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
        changed("name with a newline", "printable", renamed("conv\nendmodule")),
        changed("name with an escape", "printable", renamed("conv\x1b[31m")),
        changed("name of 5 kB", "1,024 characters", renamed("x" * 5000)),
        changed("tensor name with a null byte", "printable", tensor("a\0b")),
        changed("tensor name of 5 kB", "1,024 characters", tensor("t" * 5000)),
        saved("name that is no text", "UTF-8", raw.replace(b"conv_0", b"con\xff_0")),
        changed("input name of line separators", "printable", lambda m: setattr(m.graph.input[0], "name", "x\u2028")),
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
        changed("data too short", "108 bytes", first(raw_data=b"abcd")),
        changed("data too long", "108 bytes", first(raw_data=bytes(112))),
        changed("dimensions over the data", "bytes", first(dims=[3, 1, 30000, 3])),
        changed("2**62 elements", "2,147,483,648 elements", first(dims=[2**31, 2**31])),
        changed(
            "overflowing dimensions and a zero",
            "2,147,483,648 elements",
            first(dims=[0, 2**62, 2**62, 4], raw_data=b""),
        ),
        changed("overflowing dimensions", "2,147,483,648 elements", first(dims=[2**62, 2**62, 4])),
        changed("negative dimension", "at least 0", first(dims=[-3, 1, -3, 3])),
        changed("empty weights", "finite numbers", first(dims=[0, 1, 3, 3], raw_data=b"")),
        changed("nine axes", "at most 8 axes", first(dims=[3, 1, 3, 3, 1, 1, 1, 1, 1])),
        changed("weights of strings", "STRING", first(data_type=TensorProto.STRING)),
        changed("weights of complex numbers", "COMPLEX64", first(data_type=TensorProto.COMPLEX64)),
        changed("weights of an unknown type", "99", first(data_type=99)),
        changed("integer weights in a float layer", "real numbers", first(data_type=TensorProto.INT32)),
        changed("NaN weight", "finite", values(NAN)),
        changed("infinite weight", "finite", values(INF)),
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
        changed("negative input dimension", "positive", dim(2, -7)),
        changed("open height", "--dim", dim(2, "height")),
        changed("zero width", "--dim", dim(3, 0)),
        changed("input of 2**40 elements", "2,147,483,648 elements", dim(2, 2**40)),
        changed("input smaller than the window", "window", dim(2, 2)),
        changed("other channels", "(3, 2, 3, 3)", dim(1, 2)),
        changed("scalar input", "scalar", lambda m: m.graph.input[0].type.tensor_type.shape.ClearField("dim")),
        changed("no shape", "declare its shape", lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
        changed("text input", "STRING", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 8)),
        changed("float64 input", "float64", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 11)),
        changed("int64 input", "int64", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 7)),
        op("output of 2**50 elements", "2,147,483,648", "Pad", np.array([0, 0, 2**25, 0, 0, 0, 0, 2**25])),
        _folding_bomb(),
        _doubling(),
        op("pool over 2**30 positions", "4,194,304 positions", "AveragePool", shape=(1, 1, 2**30), kernel_shape=[2]),
        fold("folding a few million elements again and again", "in all", "ConstantOfShape", [2**22], repeats=20),
        fold("comparing one number", "2 inputs, not 1", "Equal", 1.0),
        fold("comparing four numbers", "2 inputs, not 4", "Less", 1.0, 1.0, 1.0, 1.0),
        fold("a range without end", "finite number of steps", "Range", *np.array([0.0, 1e308, 1e-308])),
        fold("a range of unsigned integers", "signed", "Range", *np.array([0, 2**64 - 1, 2**64 - 1], np.uint64)),
        fold("integers bounded by infinity", "Clip bounds must be int8", "Clip", np.int8(1), np.float32(-INF)),
        _mixing(),
    ]


def _folding_bomb() -> Case:
    s = Sketch()
    ones = s.op("ConstantOfShape", s.const([30000, 30000], "int64"))
    return saved("folding to 900 million elements", "16,777,216", s.model(s.op("Add", s.input("x", 1, 1), ones)))


def _doubling() -> Case:
    s = Sketch()
    ones = s.const(np.ones(2**20, np.float32))
    for _ in range(12):
        ones = s.op("Concat", ones, ones, axis=0)
    return saved("constants that double themselves", "accel.limits", s.model(s.op("Add", s.input("x", 1, 1), ones)))


def _mixing() -> Case:
    s = Sketch()
    x = s.op("Reshape", s.input("x", "n", 4), s.const([1, -1], "int64"))
    return saved("samples mixed", "mix the samples", s.model(x))
