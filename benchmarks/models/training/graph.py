"""Writes trained PyTorch modules as the plainest ONNX graph that says the same: one node per module, named after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

OPSET = 17


class Graph:
    """An ONNX graph with one input `x` and one output `logits`, both with a free first dimension `batch`.

    Every method adds a node called `name` and returns the name of its output tensor, which is `name` too.
    """

    def __init__(self, name: str, input_shape: Sequence[int]) -> None:
        self.name = name
        self.input_shape = tuple(input_shape)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, op: str, name: str, inputs: Sequence[str], **attributes: object) -> str:
        """Add any node with one output."""
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: torch.Tensor | np.ndarray) -> str:
        """Add an initializer."""
        array = values.detach().numpy() if isinstance(values, torch.Tensor) else values
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def conv(self, name: str, x: str, conv: nn.Conv2d) -> str:
        """Add a convolution, with a bias where the module has one."""
        inputs = [x, self.constant(f"{name}.weight", conv.weight)]
        if conv.bias is not None:
            inputs.append(self.constant(f"{name}.bias", conv.bias))
        pads = list(conv.padding) * 2
        return self.node(
            "Conv", name, inputs, kernel_shape=conv.kernel_size, strides=conv.stride, pads=pads, group=conv.groups
        )

    def batch_norm(self, name: str, x: str, norm: nn.BatchNorm2d) -> str:
        """Add a batch normalisation in its inference form."""
        inputs = [
            x,
            self.constant(f"{name}.scale", norm.weight),
            self.constant(f"{name}.bias", norm.bias),
            self.constant(f"{name}.mean", norm.running_mean),
            self.constant(f"{name}.var", norm.running_var),
        ]
        return self.node("BatchNormalization", name, inputs, epsilon=norm.eps)

    def relu(self, name: str, x: str) -> str:
        """Add a ReLU."""
        return self.node("Relu", name, [x])

    def max_pool(self, name: str, x: str, side: int) -> str:
        """Add a square max pool with the stride of its side."""
        return self.node("MaxPool", name, [x], kernel_shape=[side, side], strides=[side, side])

    def dense(self, name: str, x: str, linear: nn.Linear) -> str:
        """Add a fully connected layer (Gemm)."""
        inputs = [x, self.constant(f"{name}.weight", linear.weight), self.constant(f"{name}.bias", linear.bias)]
        return self.node("Gemm", name, inputs, transB=1)

    def recurrent(self, name: str, op: str, inputs: Sequence[str], **attributes: object) -> str:
        """Add an LSTM, GRU or RNN whose initial state is zero, and return its last hidden state, (1, batch, hidden)."""
        outputs = ["", f"{name}_last"]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=name, **attributes))
        return outputs[1]

    def model(self, *, outputs: int = 10) -> onnx.ModelProto:
        """Return the checked model. The last node added must be called `logits`."""
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *self.input_shape])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])],
            self.initializers,
        )
        model = helper.make_model(
            graph, producer_name="accel", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8
        )
        onnx.checker.check_model(model, full_check=True)
        return model
