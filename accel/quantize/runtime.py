"""The few calls into onnx and onnxruntime whose own types are missing or unknown, given types once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import onnx

from accel.errors import ToolError

_ONNX: Any = onnx
_CONVERTER: Any = importlib.import_module("onnx.version_converter")
try:
    _ORT: Any = importlib.import_module("onnxruntime")
except ModuleNotFoundError:
    raise ToolError("quantising needs onnxruntime: pip install 'accel-codesign[quantize]'") from None

ORT_VERSION: str = _ORT.__version__


class Session(Protocol):
    """A model that onnxruntime has loaded."""

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, npt.NDArray[Any]], /
    ) -> list[npt.NDArray[np.float32]]:
        """Return the named outputs, or all of them."""
        ...


def session(model: onnx.ModelProto) -> Session:
    """Load a model to be run exactly as written, without optimisations, in silence."""
    options = _ORT.SessionOptions()
    options.graph_optimization_level = _ORT.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return cast(Session, _ORT.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]))


def write_folded(model: onnx.ModelProto, path: Path) -> None:
    """Write the model as onnxruntime's basic optimisations leave it: constants, BatchNormalization and such folded."""
    options = _ORT.SessionOptions()
    options.graph_optimization_level = _ORT.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 4
    _ORT.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def load(path: Path) -> onnx.ModelProto:
    """Read a model file."""
    return _ONNX.load(path)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write a model file."""
    _ONNX.save(model, path)


def check(model: onnx.ModelProto) -> None:
    """Raise onnx's own error if the model is not valid ONNX."""
    _ONNX.checker.check_model(model)


def raised(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the model in a newer version of ONNX's operators; raise onnx's own error if it knows no way."""
    return _CONVERTER.convert_version(model, opset)
