"""Conv and ConvTranspose."""

from __future__ import annotations

from accel.errors import ModelError
from accel.layers.conv import Conv
from accel.layers.conv_transpose import ConvTranspose
from accel.onnx_import.geometry import geometry, spatial_input
from accel.onnx_import.merging import absorb_pad
from accel.onnx_import.site import Site, lowers


@lowers("Conv")
def conv(site: Site) -> None:
    """Lower Conv."""
    x = spatial_input(site)
    weight = site.weights(1, "the weights", len(x.shape))
    bias = None if site.optional(2) is None else site.weights(2, "the bias", 1)
    window = geometry(site.node.attributes, x, weight.array.shape[2:])
    groups = site.node.attributes.integer("group", 1)
    x, padding = absorb_pad(site, x, window.padding)
    layer = Conv(
        in_channels=x.shape[1],
        out_channels=weight.array.shape[0],
        kernel=window.kernel,
        stride=window.stride,
        dilation=window.dilation,
        padding=padding,
        groups=groups,
        has_bias=bias is not None,
        weight=weight.array,
        bias=None if bias is None else bias.array,
    )
    site.emit(layer, x, batch_axis=0, codes={"weight": weight.codes, "bias": bias.codes if bias else None})


@lowers("ConvTranspose")
def conv_transpose(site: Site) -> None:
    """Lower ConvTranspose; ``output_shape`` becomes padding."""
    x = spatial_input(site)
    weight = site.weights(1, "the weights", len(x.shape))
    bias = None if site.optional(2) is None else site.weights(2, "the bias", 1)
    attributes = site.node.attributes
    axes = len(x.shape) - 2
    groups = attributes.integer("group", 1)
    extra = attributes.integers("output_padding") or (0,) * axes
    wanted = attributes.integers("output_shape")
    automatic = attributes.word("auto_pad", "NOTSET", ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    if len(extra) != axes or any(e < 0 for e in extra):
        raise ModelError(f"output_padding must be {axes} non-negative numbers, not {extra}")
    attributes.ignore("auto_pad")
    window = geometry(attributes, x, weight.array.shape[2:])
    padding = window.padding
    if wanted is not None or automatic.startswith("SAME"):
        sizes = [d * s for d, s in zip(x.shape[2:], window.stride, strict=True)] if wanted is None else list(wanted)
        if len(sizes) != axes:
            raise ModelError(f"output_shape must be the {axes} spatial sizes, not {tuple(sizes)}")
        begins: list[int] = []
        ends: list[int] = []
        rows = zip(x.shape[2:], window.kernel, window.stride, window.dilation, extra, sizes, strict=True)
        for size, k, s, d, e, target in rows:
            total = s * (size - 1) + e + (k - 1) * d + 1 - target
            if total < 0:
                raise ModelError(f"output_shape {tuple(sizes)} must not exceed what the kernel reaches")
            before = total - total // 2 if automatic != "SAME_UPPER" else total // 2
            begins.append(before)
            ends.append(total - before)
        padding = (*begins, *ends)
    layer = ConvTranspose(
        in_channels=x.shape[1],
        out_channels=weight.array.shape[1] * groups,
        kernel=window.kernel,
        stride=window.stride,
        dilation=window.dilation,
        padding=padding,
        output_padding=extra,
        groups=groups,
        has_bias=bias is not None,
        weight=weight.array,
        bias=None if bias is None else bias.array,
    )
    site.emit(layer, x, batch_axis=0, codes={"weight": weight.codes, "bias": bias.codes if bias else None})
