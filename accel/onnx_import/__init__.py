"""ONNX models, float or quantised, to a `accel.network.Network`; nothing in a model is trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

import onnx

from accel.network import Network

__all__ = ["load"]


def load(source: str | os.PathLike[str] | bytes | onnx.ModelProto, *, dims: Mapping[str, int] | None = None) -> Network:
    """Return the network of an ONNX model.

    Parameters
    ----------
    source : path, bytes or ModelProto
        Float, QDQ or QOperator, opset 7 and up.
    dims : mapping of str to int, optional
        Sizes for dimensions the model leaves open, by their names; the batch needs none.

    Returns
    -------
    Network
        Float, or integer where the model is quantised. Its notes say what was folded, dropped or left to the host.

    Raises
    ------
    ModelError
        If the model is malformed, beyond a limit, or has something in it that is not supported; one line that names
        the node.
    InputError
        If the file cannot be read, or ``dims`` names no dimension of it.
    """
    from accel.onnx_import.importer import imported

    network = imported(source, dims or {})
    return network if isinstance(source, onnx.ModelProto) else replace(network, source=os.fspath(source))
