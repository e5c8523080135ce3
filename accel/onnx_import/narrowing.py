"""QCDQ: a Clip between QuantizeLinear and DequantizeLinear is the bit width."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from accel.errors import ModelError
from accel.fixedpoint import Quantization
from accel.onnx_import.merging import writer
from accel.onnx_import.site import Site
from accel.onnx_import.values import Activation, bits_of


def narrow(site: Site, x: Activation, low: NDArray[Any] | None, high: NDArray[Any] | None) -> None:
    """Make integers ``x`` as narrow as the bounds say, and drop the Clip."""
    for bound in (low, high):
        if bound is not None and bound.dtype.kind not in "iu":
            raise ModelError(f"the bounds of integers must be integers, not {bound.dtype}")
    old = site.lowering.quantization(x)
    lowest = old.low if low is None else max(old.low, int(low))
    highest = old.high if high is None else min(old.high, int(high))
    if lowest > highest:
        raise ModelError(f"its bounds must leave something between them, not [{lowest}, {highest}]")
    step = writer(site, x, site.node.inputs[0])
    if step is None or step.kind != "quantize":
        raise ModelError("a Clip of integers must follow a QuantizeLinear that nothing else reads")
    bits = bits_of(lowest, highest, signed=old.signed)
    new = Quantization(old.scale, old.zero_point, bits, old.signed, lowest, highest)
    narrowed = replace(x, quantization=new)
    site.lowering.tensors[x.name] = narrowed
    site.alias(narrowed)
