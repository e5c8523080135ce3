"""Resize, Upsample and DepthToSpace."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError
from accel.layers.depth_to_space import DepthToSpace
from accel.layers.resize import Resize
from accel.onnx_import.geometry import spatial_input
from accel.onnx_import.site import Site, lowers
from accel.onnx_import.values import Activation

MAX_LENGTH = 1 << 16
"""Longest axis that Resize may make."""
_COORDINATES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@lowers("Resize")
def resize(site: Site) -> None:
    """Lower Resize to the nearest element."""
    attributes = site.node.attributes
    x = spatial_input(site)
    mode = attributes.word("mode", "nearest", ("nearest", "linear", "cubic"))
    if mode != "nearest":
        raise ModelError(f"mode {mode} is not supported, only nearest")
    attributes.ignore("cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias")
    attributes.word("keep_aspect_ratio_policy", "stretch", ("stretch",))
    if site.opset < 11:
        _upsample(site, x, site.constant(1, "the scales").array)
        return
    if attributes.integers("axes") is not None:
        raise ModelError("attribute 'axes' is not supported; give a scale or size for every axis")
    coordinates = attributes.word("coordinate_transformation_mode", "half_pixel", _COORDINATES)
    rounding = attributes.word("nearest_mode", "round_prefer_floor", _ROUNDINGS)
    site.maybe_constant(1, "the region of interest")
    scales, sizes = site.maybe_constant(2, "the scales"), site.maybe_constant(3, "the sizes")
    rank = len(x.shape)
    if sizes is not None:
        target = site.call().integers(3)
        if len(target) != rank:
            raise ModelError(f"there must be {rank} sizes, not {len(target)}")
        factors = [t / d for t, d in zip(target, x.shape, strict=True)]
    else:
        factors = _factors(None if scales is None else scales.array, rank)
        target = [math.floor(d * f) for d, f in zip(x.shape, factors, strict=True)]
    _emit(site, x, target, factors, coordinates, rounding)


@lowers("Upsample")
def upsample(site: Site) -> None:
    """Lower Upsample, the predecessor of Resize."""
    x = spatial_input(site)
    site.node.attributes.word("mode", "nearest", ("nearest",))
    listed = site.node.attributes.reals("scales")
    _upsample(site, x, site.constant(1, "the scales").array if listed is None else np.array(listed))


def _upsample(site: Site, x: Activation, scales: NDArray[np.floating]) -> None:
    factors = _factors(scales, len(x.shape))
    if min(factors) < 1:
        raise ModelError("its scales must be at least 1 before opset 11")
    target = [math.floor(d * f) for d, f in zip(x.shape, factors, strict=True)]
    _emit(site, x, target, factors, "asymmetric", "floor")


def _factors(scales: NDArray[np.floating] | None, rank: int) -> list[float]:
    if scales is None or scales.shape != (rank,) or scales.dtype.kind != "f":
        raise ModelError(f"there must be {rank} scales or {rank} sizes")
    if not np.all(np.isfinite(scales) & (scales > 0)):
        raise ModelError("its scales must be positive and finite")
    return [float(s) for s in scales]


def _emit(site: Site, x: Activation, target: list[int], factors: list[float], coordinates: str, rounding: str) -> None:
    if target[:2] != list(x.shape[:2]):
        raise ModelError("it must keep the batch and the channels")
    if not all(1 <= t <= MAX_LENGTH for t in target[2:]):
        raise ModelError(f"it must make axes of 1 to {MAX_LENGTH:,} elements, not {tuple(target[2:])}")
    rows = zip(x.shape[2:], target[2:], factors[2:], strict=True)
    sources = tuple(_sources(size, t, factor, coordinates, rounding) for size, t, factor in rows)
    site.emit(Resize(sources=sources), x, batch_axis=0, keeps_values=True)


def _sources(size: int, target: int, factor: float, coordinates: str, rounding: str) -> tuple[int, ...]:
    """Return the input index of every output index along one axis, as the ONNX operator defines it."""
    index = np.arange(target)
    if coordinates == "asymmetric":
        place = index / factor
    elif coordinates == "align_corners":
        place = index * ((size - 1) / (target - 1)) if target > 1 else np.zeros(1)
    elif coordinates == "pytorch_half_pixel" and target == 1:
        place = np.zeros(1)
    else:
        place = (index + 0.5) / factor - 0.5
    nearest = {
        "round_prefer_floor": np.ceil(place - 0.5),
        "round_prefer_ceil": np.floor(place + 0.5),
        "floor": np.floor(place),
        "ceil": np.ceil(place),
    }[rounding]
    return tuple(int(i) for i in np.clip(nearest, 0, size - 1))


@lowers("DepthToSpace")
def depth_to_space(site: Site) -> None:
    """Lower DepthToSpace."""
    x = spatial_input(site)
    mode = site.node.attributes.word("mode", "DCR", ("DCR", "CRD"))
    layer = DepthToSpace(block=site.node.attributes.integer("blocksize", 0), channels_first=mode == "CRD")
    site.emit(layer, x, batch_axis=0, keeps_values=True)
