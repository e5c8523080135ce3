"""Gemm and MatMul."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accel.errors import ModelError
from accel.layers.dense import Dense
from accel.layers.matmul import MatMul
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.values import Codes, Const


@lowers("Gemm")
def gemm(site: Site) -> None:
    """Lower Gemm; ``alpha`` and ``beta`` go into weights and bias."""
    attributes = site.node.attributes
    x = site.activation()
    if attributes.flag("transA", False):
        raise ModelError("Gemm must have transA 0, since its rows are the samples of the batch")
    if len(x.shape) != 2 or x.batch_axis == 1:
        raise ModelError(f"its input must have shape (n, features), not {len(x.shape)} axes")
    weight = site.weights(1, "the weights", 2)
    if not attributes.flag("transB", False):
        weight = weight.transposed((1, 0))
    alpha, beta = attributes.real("alpha", 1.0), attributes.real("beta", 1.0)
    bias = None if site.optional(2) is None else site.weights(2, "the bias")
    out_features = weight.array.shape[0]
    if bias is not None and beta != 0:
        if bias.array.size not in (1, out_features) or bias.array.shape[-1:] not in ((), (1,), (out_features,)):
            raise ModelError(f"the bias must be one number, or one per output feature, not {bias.array.shape}")
        flat = bias.reshaped((bias.array.size,))
        if bias.array.size != out_features:
            flat = Const(np.broadcast_to(flat.array, (out_features,)), flat.bits)
        bias = scaled(flat, beta)
    else:
        bias = None
    _dense(site, scaled(weight, alpha), bias)


@lowers("MatMul")
def matmul(site: Site) -> None:
    """Lower MatMul: with a constant matrix a dense layer, else the product of two activations."""
    if isinstance(site.value(0), Const):
        raise ModelError("its first input must be computed; only the second may be constant")
    if not isinstance(site.value(1), Const):
        a, b = site.activation(0), site.activation(1)
        if a.batch_axis != b.batch_axis or len(a.shape) != len(b.shape):
            raise ModelError("its inputs must have the same axes, the batch in the same place")
        if a.batch_axis is not None and a.batch_axis >= len(a.shape) - 2:
            raise ModelError("its matrices must not lie along the batch axis")
        site.emit(MatMul(), a, b, batch_axis=a.batch_axis)
        return
    weight = site.weights(1, "the second input")
    if weight.array.ndim < 2:
        raise ModelError(f"its second input must be a matrix, not of shape {weight.array.shape}")
    if weight.array.ndim > 2:
        if any(d != 1 for d in weight.array.shape[:-2]):
            raise ModelError(f"its second input must be one matrix, not shape {weight.array.shape}")
        weight = weight.reshaped(weight.array.shape[-2:])
    _dense(site, weight.transposed((1, 0)), None)


def _dense(site: Site, weight: Const, bias: Const | None) -> None:
    x = site.activation()
    if x.batch_axis == len(x.shape) - 1:
        raise ModelError("its features must not be on the batch axis")
    out_features, in_features = weight.array.shape
    layer = Dense(
        in_features=in_features,
        out_features=out_features,
        has_bias=bias is not None,
        weight=weight.array,
        bias=None if bias is None else bias.array,
    )
    site.emit(layer, x, batch_axis=x.batch_axis, codes={"weight": weight.codes, "bias": bias.codes if bias else None})


def scaled(const: Const, factor: float) -> Const:
    """Return the constant times ``factor``; its codes take it into their scale if it is positive, else are lost."""
    if factor == 1:
        return const
    codes: Codes | None = None
    if const.codes is not None and factor > 0:
        codes = replace(const.codes, scale=const.codes.scale * factor)
    return replace(const, array=(const.array * np.float32(factor)).astype(np.float32), codes=codes)
