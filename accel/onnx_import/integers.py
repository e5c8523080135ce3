"""Quantised patterns: DequantizeLinear, a float operator, QuantizeLinear are one integer layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accel.errors import ModelError, shown
from accel.fixedpoint import FixedPoint, Quantization
from accel.layers.base import Array, Layer, Shape
from accel.layers.batch_norm import BatchNorm
from accel.layers.clip import Clip
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.layers.dense import Dense
from accel.layers.elementwise import Elementwise
from accel.layers.identity import Identity
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.relu import Relu
from accel.layers.rescale import Rescale
from accel.onnx_import.lowering import Step
from accel.onnx_import.values import Codes

MAX_WEIGHT_BITS = 9
"""Signed bits of a weight less its zero point; eight stored bits give nine."""
_BIAS_LIMIT = 2**31
_FLOAT32_ROUNDING = 2.0**-22
"""Relative; of a product of two float32 numbers against itself in float32, with room to spare."""


@dataclass(slots=True)
class Cluster:
    """One integer layer of a quantised graph.

    Attributes
    ----------
    main : Step
        The float operator, or the QuantizeLinear itself where nothing stands between it and a DequantizeLinear.
    saturating : list of Step
        ReLU and Clip behind it, nearest to the QuantizeLinear first.
    inputs : tuple of str
        The integer tensors it reads.
    """

    main: Step
    saturating: list[Step]
    inputs: tuple[str, ...]


def cluster_of(quantize: Step, writers: dict[str, Step]) -> Cluster | Step | None:
    """Return the integer layer that ends in ``quantize``.

    Returns
    -------
    Cluster, Step or None
        A step if it is one that keeps the pattern from being an integer layer; ``None`` if a graph input is
        quantised.
    """
    step = writers.get(quantize.inputs[0])
    if step is None:
        return None
    if step.kind == "dequantize":
        return Cluster(quantize, [], step.inputs)
    saturating: list[Step] = []
    while isinstance(step.layer, Relu | Clip):
        before = writers.get(step.inputs[0])
        if before is None or before.kind != "layer":
            break
        saturating.append(step)
        step = before
    if saturating and isinstance(step.layer, IntegerRecurrent):
        return saturating[-1]
    sources = [writers.get(name) for name in step.inputs]
    if _has_integer_form(step) and all(s is not None and s.kind == "dequantize" for s in sources):
        return Cluster(step, saturating, tuple(s.inputs[0] for s in sources if s is not None))
    return step


def _has_integer_form(step: Step) -> bool:
    return step.layer is not None and type(step.layer).quantized is not Layer.quantized


def integer_layer(
    cluster: Cluster, shapes: Sequence[Shape], inputs: Sequence[Quantization], output: Quantization
) -> tuple[Layer, Quantization]:
    """Return the integer form of a cluster's layer, and its output's quantisation with saturation folded in.

    Raises
    ------
    ModelError
        If its weights have no integers or more bits than supported, or the layer has no integer form.
    """
    for step in reversed(cluster.saturating):
        output = _saturated(output, step.layer)
    layer = cluster.main.layer
    if layer is None:
        layer = Identity() if output == inputs[0] else Rescale()
    scale: Array | float = 1.0
    fields: dict[str, Any] = {}
    for name in layer.weight_shapes():
        if name != "bias":
            codes = _codes(cluster.main, layer, name)
            fields[name] = codes.values.astype(np.int16)
            scale = _weight_scale(layer, codes, name)
            if "weight_bits" in layer.__dataclass_fields__:
                fields["weight_bits"] = codes.bits
    if "bias" in layer.weight_shapes() and isinstance(layer, Conv | ConvTranspose | Dense):
        fields["bias"] = _bias(cluster.main, layer, inputs[0].scale * scale)
    return replace(layer, **fields).quantized(shapes, inputs, output, scale), output


def integer_cell(
    step: Step, layer: IntegerRecurrent, inputs: Sequence[Quantization], outputs: Sequence[Quantization | None]
) -> IntegerRecurrent:
    """Return the integer form of a recurrent layer.

    Parameters
    ----------
    step : Step
    layer : IntegerRecurrent
        The step's, in floating point, with the formats of its cell if the model has them.
    inputs : sequence of Quantization
    outputs : sequence of Quantization
        ``None`` for an output that nothing reads.

    Raises
    ------
    ModelError
        If there are no formats, or they or the weights do not fit.
    """
    if layer.cell is None:
        raise ModelError("the model must carry the formats of its cell in its metadata: run accel quantize")
    layer.check_formats(layer.cell)
    rows = layer.weight_shapes()["weight"][:2]
    matrices: list[tuple[Array, Array]] = []
    bits = 0
    for name in ("weight", "recurrence"):
        codes = _codes(step, layer, name)
        if codes.axis not in (None, 0, 1):
            raise ModelError(f"its {name} must have one scale, or one per direction or row, not one per column")
        scale = codes.scale[:, None] if codes.axis == 0 else codes.scale
        matrices.append((codes.values, np.broadcast_to(scale, rows).astype(np.float64)))
        bits = max(bits, codes.bits)
    own = layer.state_formats(layer.cell)
    forms = [form if q is None else FixedPoint.of(q) for form, q in zip(own, outputs, strict=True)]
    return layer.in_formats(layer.cell, inputs, forms, *matrices, weight_bits=bits)


def _saturated(output: Quantization, layer: Layer | None) -> Quantization:
    if isinstance(layer, Relu):
        low, high = 0.0, math.inf
    else:
        assert isinstance(layer, Clip)
        low, high = layer.low, layer.high
    lowest, highest = (int(output.quantize(np.array(bound, np.float32))) for bound in (low, high))
    return replace(output, low=min(lowest, highest), high=highest)


def _codes(step: Step, layer: Layer, name: str) -> Codes:
    codes = step.codes.get(name)
    if codes is None and isinstance(layer, Elementwise) and layer.constant is not None and layer.constant.size == 1:
        # One number needs no rounding: it is its own scale.
        value = float(layer.constant.reshape(()))
        sign = np.full(layer.constant.shape, np.sign(value), np.int64)
        codes = Codes(sign, np.array(abs(value) or 1.0), None, 2)
    if codes is None:
        raise ModelError(f"its {name} must come through a DequantizeLinear, since its input and output do")
    if codes.values.shape != layer.weight_shapes()[name]:
        raise ModelError(f"its {name} must have shape {layer.weight_shapes()[name]}, not {codes.values.shape}")
    if codes.bits > MAX_WEIGHT_BITS:
        raise ModelError(
            f"its {name} must have at most {MAX_WEIGHT_BITS} bits once the zero point is subtracted, not {codes.bits}"
        )
    return codes


def _weight_scale(layer: Layer, codes: Codes, name: str) -> Array | float:
    """Return one scale, or one per output channel."""
    if codes.axis is None:
        return float(codes.scale)
    channels = 1 if isinstance(layer, ConvTranspose) else 0
    if name != "weight" or codes.axis != channels:
        raise ModelError(f"its {name} must have one scale, or one per output channel, not along axis {codes.axis}")
    if isinstance(layer, ConvTranspose):
        return np.tile(codes.scale, layer.groups)
    return codes.scale


def _bias(step: Step, layer: Conv | ConvTranspose | Dense, scale: Array | float) -> Array:
    codes = step.codes.get("bias")
    real = np.asarray(layer.bias, np.float64) if codes is None else codes.values * codes.scale
    with np.errstate(over="ignore"):
        values = np.rint(real / scale)
    if codes is not None and np.allclose(codes.scale, scale, rtol=_FLOAT32_ROUNDING, atol=0):
        values = codes.values  # already at the accumulator's scale, which the model holds in float32
    largest = float(np.abs(values).max(initial=0))
    if not largest < _BIAS_LIMIT:
        raise ModelError(f"its bias must fit 32 bits at the accumulator's scale, not be {largest:.3g}")
    return values.astype(np.int64)


def island(step: Step, quantize: Step) -> ModelError:
    """Return the refusal of floating point between quantised layers."""
    if isinstance(step.layer, BatchNorm):
        return ModelError(f"{step.node}: batch normalisation must be folded into the layer before it is quantised")
    return ModelError(
        f"{step.node}: floating point between quantised layers is not supported: its input must come from "
        f"DequantizeLinear and its output go through QuantizeLinear (or Relu, Clip and QuantizeLinear), "
        f"not reach {shown(quantize.name)} otherwise"
    )
