"""The attributes of sliding windows: kernel, stride, dilation and padding, automatic padding worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accel.errors import ModelError
from accel.limits import MAX_STEP
from accel.onnx_import.attributes import Attributes
from accel.onnx_import.site import Site
from accel.onnx_import.values import Activation


@dataclass(frozen=True, slots=True)
class Geometry:
    """A window as a layer wants it."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]


def spatial_input(site: Site) -> Activation:
    """Return the first input: a batch of images or signals, channels second."""
    x = site.activation()
    if len(x.shape) not in (3, 4):
        raise ModelError(
            f"its input must have shape (n, c, l) or (n, c, h, w), not {len(x.shape)} axes; "
            "one or two spatial axes are supported"
        )
    if x.batch_axis != 0:
        raise ModelError("its input must have the batch on the first axis")
    return x


def geometry(attributes: Attributes, x: Activation, kernel: Sequence[int] | None = None) -> Geometry:
    """Return the window that ``attributes`` describe for the input ``x``.

    Parameters
    ----------
    attributes : Attributes
    x : Activation
    kernel : sequence of int, optional
        From the weights; ``kernel_shape`` must then agree or be absent.
    """
    declared = attributes.integers("kernel_shape")
    if kernel is not None and declared is not None and tuple(kernel) != declared:
        raise ModelError(f"kernel_shape must agree with the weights' {tuple(kernel)}, not be {declared}")
    kernel = kernel if kernel is not None else declared
    axes = len(x.shape) - 2
    if kernel is None:
        raise ModelError("kernel_shape must be given")
    sizes = tuple(kernel)
    stride = _entries(attributes.integers("strides"), (1,) * axes, "strides", 1)
    dilation = _entries(attributes.integers("dilations"), (1,) * axes, "dilations", 1)
    _entries(sizes, (1,) * axes, "kernel_shape", 1)
    auto = attributes.word("auto_pad", "NOTSET", ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    explicit = attributes.integers("pads")
    if auto in ("NOTSET", "VALID"):
        padding = _entries(explicit if auto == "NOTSET" else None, (0,) * (2 * axes), "pads", 0)
        return Geometry(sizes, stride, dilation, padding)
    begins: list[int] = []
    ends: list[int] = []
    for size, k, s, d in zip(x.shape[2:], sizes, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        before = total // 2 if auto == "SAME_UPPER" else total - total // 2
        begins.append(before)
        ends.append(total - before)
    return Geometry(sizes, stride, dilation, (*begins, *ends))


def _entries(values: tuple[int, ...] | None, default: tuple[int, ...], what: str, smallest: int) -> tuple[int, ...]:
    if values is None:
        return default
    if len(values) != len(default):
        raise ModelError(f"{what} must have {len(default)} entries, not {len(values)}")
    if any(not smallest <= v <= MAX_STEP for v in values):
        raise ModelError(f"{what} must lie in [{smallest}, {MAX_STEP}] (accel.limits.MAX_STEP), not {values}")
    return values
