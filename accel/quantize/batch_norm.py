"""Batch normalisations that onnxruntime leaves: into the Gemm before them, or a convolution of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from accel.quantize.graphs import initializers, reader_counts, replace_nodes

Floats = npt.NDArray[np.float32]
_DEFAULT_EPSILON = 1e-5


def absorb_batch_norms(graph: onnx.GraphProto) -> None:
    """Rewrite every BatchNormalization of constants that is left, where an equal form exists.

    y = x * gain + offset per channel becomes part of a Gemm that nothing else reads, or else a depthwise 1x1 Conv.
    """
    constants = initializers(graph)
    makers = {name: node for node in graph.node for name in node.output}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in [*graph.value_info, *graph.input]}
    counts = reader_counts(graph)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != "BatchNormalization" or any(name not in constants for name in node.input[1:]):
            nodes.append(node)
            continue
        gain, offset = _gain_and_offset(node, constants)
        before = makers.get(node.input[0])
        if before is not None and before.op_type == "Gemm" and counts[node.input[0]] == 1:
            if _into_gemm(graph, before, gain, offset):
                before.output[0] = node.output[0]
                continue
        elif ranks.get(node.input[0], 0) >= 3:
            node = _as_conv(graph, node, gain, offset, ranks[node.input[0]])
        nodes.append(node)
    replace_nodes(graph, nodes)


def _gain_and_offset(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> tuple[Floats, Floats]:
    scale, bias, mean, variance = (numpy_helper.to_array(constants[name]) for name in node.input[1:5])
    epsilon = next((float(a.f) for a in node.attribute if a.name == "epsilon"), _DEFAULT_EPSILON)
    gain = scale / np.sqrt(variance + np.float32(epsilon))
    return gain.astype(np.float32), (bias - mean * gain).astype(np.float32)


def _into_gemm(graph: onnx.GraphProto, gemm: onnx.NodeProto, gain: Floats, offset: Floats) -> bool:
    """Scale a Gemm's weights and bias, and say whether that was possible: they must be constants, alpha and beta 1."""
    constants = initializers(graph)
    attributes = {attribute.name: attribute for attribute in gemm.attribute}
    plain = all(attributes[name].f == 1.0 for name in ("alpha", "beta") if name in attributes)
    if not plain or any(name not in constants for name in gemm.input[1:]):
        return False
    weight = numpy_helper.to_array(constants[gemm.input[1]])
    bias = numpy_helper.to_array(constants[gemm.input[2]]) if len(gemm.input) > 2 else np.float32(0)
    transposed = "transB" in attributes and attributes["transB"].i
    weight = weight * (gain[:, None] if transposed else gain[None, :])
    graph.initializer.extend(
        [
            numpy_helper.from_array(weight.astype(np.float32), f"{gemm.output[0]}.folded.weight"),
            numpy_helper.from_array((bias * gain + offset).astype(np.float32), f"{gemm.output[0]}.folded.bias"),
        ]
    )
    gemm.input[1:] = [f"{gemm.output[0]}.folded.weight", f"{gemm.output[0]}.folded.bias"]
    return True


def _as_conv(graph: onnx.GraphProto, norm: onnx.NodeProto, gain: Floats, offset: Floats, rank: int) -> onnx.NodeProto:
    names = [f"{norm.output[0]}.folded.weight", f"{norm.output[0]}.folded.bias"]
    weight = gain.reshape(-1, *[1] * (rank - 1))
    graph.initializer.extend(numpy_helper.from_array(v, n) for v, n in zip((weight, offset), names, strict=True))
    return helper.make_node(
        "Conv",
        [norm.input[0], *names],
        [norm.output[0]],
        name=norm.name,
        group=len(gain),
        kernel_shape=[1] * (rank - 2),
    )
