"""A short way to write an ONNX graph down."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

Dim = int | str


class Sketch:
    """Collects the parts of a model; every method that adds something returns its tensor's name.

    Parameters
    ----------
    opset : int
        Of the default domain.
    seed : int
        Of `weights`.
    """

    def __init__(self, opset: int = 17, seed: int = 0) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: Dim, dtype: int = TensorProto.FLOAT) -> str:
        """Add a graph input."""
        self.inputs.append(helper.make_tensor_value_info(name, dtype, list(shape)))
        return name

    def const(self, value: ArrayLike, dtype: str = "float32") -> str:
        """Add an initialiser."""
        name = f"const_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def packed(self, value: ArrayLike, dtype: int) -> str:
        """Add an initialiser of a type that numpy does not have, such as INT4."""
        name = f"const_{len(self.initializers)}"
        array = np.array(value)
        self.initializers.append(helper.make_tensor(name, dtype, array.shape, array.reshape(-1).tolist()))
        return name

    def weights(self, *shape: int, scale: float = 0.5) -> str:
        """Add an initialiser of random numbers."""
        return self.const(self.rng.standard_normal(shape) * scale)

    def op(self, op_type: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """Add a node; return its first output, the others being that name with ``_1``, ``_2`` behind."""
        name = f"{op_type.lower()}_{len(self.nodes)}"
        names = [name, *(f"{name}_{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, name, domain=domain, **attributes))
        return name

    def model(self, *outputs: str, dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
        """Return the model with these graph outputs."""
        graph = helper.make_graph(
            self.nodes,
            "sample",
            self.inputs,
            [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10 if self.opset >= 21 else 8)
