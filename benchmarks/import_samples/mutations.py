"""Ways to spoil a model: in its bytes, and in its structure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

Rng = np.random.Generator
Mutation = Callable[[onnx.ModelProto, Rng], None]

SIZES = (
    0,
    1,
    -1,
    2,
    3,
    5,
    7,
    8,
    16,
    100,
    255,
    -128,
    2**15,
    2**20,
    2**24,
    2**31 - 1,
    2**31,
    -(2**31),
    2**40,
    2**62,
    -(2**63),
)
REALS = (0.0, -1.0, 1.0, 0.5, -0.0, 1e-45, 1e-38, 1e38, -1e38, float("nan"), float("inf"), -float("inf"), 3e5)
NAMES = (
    "", "x", "module", "input", "endmodule", "a\nb", "a\0b", "'; drop", '"', "\\", "n" * 5000, "é", "../../x", "%s{}",
    "-rf", "\u202e", "x" * 200,
)  # fmt: skip
OPERATORS = (
    "Conv", "Gemm", "MatMul", "Add", "Mul", "Sub", "Div", "Relu", "Clip", "MaxPool", "AveragePool", "Concat", "Reshape",
    "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Softmax", "QuantizeLinear", "DequantizeLinear", "QLinearConv",
    "QLinearMatMul", "LSTM", "GRU", "RNN", "Pad", "Slice", "Gather", "Split", "Shape", "Cast", "ConstantOfShape",
    "Expand", "Tile", "Range", "ReduceMean", "GlobalAveragePool", "ConvTranspose", "BatchNormalization", "Identity",
    "Dropout", "If", "Loop", "Resize", "PRelu", "LRN", "Where", "Pow", "Constant",
)  # fmt: skip


def spoiled_bytes(data: bytes, rng: Rng) -> bytes:
    """Return ``data`` with a few bits flipped, or a stretch cut, repeated, overwritten or moved."""
    if not data:
        return rng.bytes(10)
    buffer = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(len(buffer)))
        end = min(len(buffer), start + int(rng.integers(1, 40)))
        match rng.integers(6):
            case 0:
                buffer[start] ^= 1 << int(rng.integers(8))
            case 1:
                del buffer[start:end]
            case 2:
                buffer[start:start] = buffer[start:end]
            case 3:
                buffer[start:end] = rng.bytes(end - start)
            case 4:
                buffer[start:end] = b"\xff" * (end - start)
            case _:
                del buffer[start:]
        if not buffer:
            break
    return bytes(buffer)


def spoiled(model: onnx.ModelProto, rng: Rng) -> onnx.ModelProto:
    """Return a copy of ``model`` with one to three changes of structure."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for _ in range(rng.integers(1, 4)):
        MUTATIONS[rng.integers(len(MUTATIONS))](changed, rng)
    return changed


def _pick(items, rng: Rng):
    return items[int(rng.integers(len(items)))] if len(items) else None


def _tensors(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    names = [t.name for t in graph.initializer] + [i.name for i in graph.input]
    return names + [name for node in graph.node for name in node.output] or ["x"]


def _swap_nodes(model: onnx.ModelProto, rng: Rng) -> None:
    nodes = model.graph.node
    if len(nodes) > 1:
        a, b = (int(v) for v in rng.choice(len(nodes), 2, replace=False))
        kept = onnx.NodeProto()
        kept.CopyFrom(nodes[a])
        nodes[a].CopyFrom(nodes[b])
        nodes[b].CopyFrom(kept)


def _delete_node(model: onnx.ModelProto, rng: Rng) -> None:
    if model.graph.node:
        del model.graph.node[int(rng.integers(len(model.graph.node)))]


def _repeat_node(model: onnx.ModelProto, rng: Rng) -> None:
    if (node := _pick(model.graph.node, rng)) is not None:
        copy = model.graph.node.add()
        copy.CopyFrom(node)
        if rng.random() < 0.7:
            copy.output[:] = [f"{name}.copy" for name in copy.output]


def _bypass_node(model: onnx.ModelProto, rng: Rng) -> None:
    if (node := _pick(model.graph.node, rng)) is not None and node.input and node.output:
        for other in model.graph.node:
            other.input[:] = [node.input[0] if name == node.output[0] else name for name in other.input]


def _operator(model: onnx.ModelProto, rng: Rng) -> None:
    if (node := _pick(model.graph.node, rng)) is not None:
        node.op_type = _pick(OPERATORS, rng)
        if rng.random() < 0.1:
            node.domain = _pick(("com.microsoft", "ai.onnx", "other", "ai.onnx.ml"), rng)


def _inputs(model: onnx.ModelProto, rng: Rng) -> None:
    node = _pick(model.graph.node, rng)
    if node is None:
        return
    if not node.input or rng.random() < 0.3:
        node.input.append(_pick(_tensors(model), rng))
        return
    index = int(rng.integers(len(node.input)))
    match rng.integers(4):
        case 0:
            node.input[index] = _pick(_tensors(model), rng)
        case 1:
            node.input[index] = ""
        case 2:
            del node.input[index]
        case _:
            other = int(rng.integers(len(node.input)))
            node.input[index], node.input[other] = node.input[other], node.input[index]


def _outputs(model: onnx.ModelProto, rng: Rng) -> None:
    if (node := _pick(model.graph.node, rng)) is not None:
        match rng.integers(3):
            case 0:
                node.output.append(_pick(NAMES, rng) or "more")
            case 1 if node.output:
                node.output[int(rng.integers(len(node.output)))] = _pick(_tensors(model), rng)
            case _:
                del node.output[-1:]


def _dims(model: onnx.ModelProto, rng: Rng) -> None:
    if (tensor := _pick(model.graph.initializer, rng)) is not None:
        match rng.integers(4):
            case 0 if tensor.dims:
                tensor.dims[int(rng.integers(len(tensor.dims)))] = _pick(SIZES, rng)
            case 1:
                tensor.dims.append(_pick(SIZES, rng))
            case 2:
                del tensor.dims[-1:]
            case _:
                tensor.dims[:] = [int(d) for d in rng.permutation(np.array(tensor.dims, np.int64))]


def _type(model: onnx.ModelProto, rng: Rng) -> None:
    if (tensor := _pick(model.graph.initializer, rng)) is not None:
        tensor.data_type = int(rng.integers(0, 27))


def _data(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _pick(model.graph.initializer, rng)
    if tensor is None or not tensor.raw_data:
        return
    match rng.integers(4):
        case 0:
            tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data)))]
        case 1:
            tensor.raw_data = tensor.raw_data + rng.bytes(int(rng.integers(1, 9)))
        case 2:
            tensor.raw_data = rng.bytes(len(tensor.raw_data))
        case _:
            tensor.ClearField("raw_data")


def _values(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _pick(model.graph.initializer, rng)
    if tensor is None or not tensor.raw_data:
        return
    special = {1: (np.float32, REALS), 6: (np.int32, SIZES), 7: (np.int64, SIZES), 2: (np.uint8, (0, 1, 128, 255)),
               3: (np.int8, (0, -128, 127))}  # fmt: skip
    if tensor.data_type in special:
        dtype, choices = special[tensor.data_type]
        if len(tensor.raw_data) % np.dtype(dtype).itemsize:
            return
        array = np.frombuffer(tensor.raw_data, dtype).copy()
        where = slice(None) if rng.random() < 0.3 else int(rng.integers(len(array)))
        with np.errstate(over="ignore"):
            array[where] = np.array(_pick(choices, rng)).astype(dtype)
        tensor.raw_data = array.tobytes()


def _graph_input(model: onnx.ModelProto, rng: Rng) -> None:
    value = _pick(model.graph.input, rng)
    if value is None:
        return
    tensor = value.type.tensor_type
    match rng.integers(5):
        case 0 if tensor.shape.dim:
            tensor.shape.dim[int(rng.integers(len(tensor.shape.dim)))].dim_value = _pick(SIZES, rng)
        case 1 if tensor.shape.dim:
            tensor.shape.dim[int(rng.integers(len(tensor.shape.dim)))].dim_param = _pick(NAMES, rng)
        case 2:
            tensor.elem_type = int(rng.integers(0, 27))
        case 3:
            tensor.shape.dim.add(dim_value=_pick(SIZES, rng))
        case _:
            value.name = _pick(NAMES, rng)


def _attribute(model: onnx.ModelProto, rng: Rng) -> None:
    node = _pick([n for n in model.graph.node if n.attribute], rng)
    if node is None:
        return
    index = int(rng.integers(len(node.attribute)))
    attribute = node.attribute[index]
    match rng.integers(8):
        case 0:
            attribute.i = _pick(SIZES, rng)
        case 1:
            attribute.f = _pick(REALS, rng)
        case 2 if attribute.ints:
            attribute.ints[int(rng.integers(len(attribute.ints)))] = _pick(SIZES, rng)
        case 3:
            attribute.ints.append(_pick(SIZES, rng))
        case 4:
            attribute.type = int(rng.integers(0, 15))
        case 5:
            attribute.name = _pick(("axis", "perm", "pads", "strides", "group", "to", "axes", "layout", *NAMES), rng)
        case 6:
            attribute.s = _pick(NAMES, rng).encode()
        case _:
            del node.attribute[index]


def _new_attribute(model: onnx.ModelProto, rng: Rng) -> None:
    if (node := _pick(model.graph.node, rng)) is not None:
        name = _pick(("axis", "axes", "perm", "pads", "group", "layout", "keepdims", "ceil_mode", "alpha"), rng)
        value = _pick((_pick(SIZES, rng), [_pick(SIZES, rng)], _pick(REALS, rng)), rng)
        node.attribute.append(onnx.helper.make_attribute(name, value))


def _names(model: onnx.ModelProto, rng: Rng) -> None:
    tensors = _tensors(model)
    old, new = _pick(tensors, rng), _pick(NAMES, rng)
    if rng.random() < 0.3 and model.graph.node:
        _pick(model.graph.node, rng).name = new
        return
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _graph_outputs(model: onnx.ModelProto, rng: Rng) -> None:
    outputs = model.graph.output
    match rng.integers(3):
        case 0 if outputs:
            outputs[0].name = _pick(_tensors(model), rng)
        case 1:
            outputs.add(name=_pick(_tensors(model), rng))
        case _:
            del outputs[-1:]


def _opset(model: onnx.ModelProto, rng: Rng) -> None:
    if model.opset_import:
        model.opset_import[0].version = int(rng.integers(0, 30))


MUTATIONS: tuple[Mutation, ...] = (
    _swap_nodes, _delete_node, _repeat_node, _bypass_node, _operator, _inputs, _inputs, _outputs, _dims, _dims, _type,
    _data, _values, _values, _values, _graph_input, _graph_input, _attribute, _attribute, _attribute, _new_attribute,
    _names, _graph_outputs, _opset,
)  # fmt: skip
"""The changes of structure, the likelier ones repeated."""
