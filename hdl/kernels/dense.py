"""Dense: the convolution's datapath on a window that is the whole image."""

from __future__ import annotations

from accel.schedule import dense
from hdl.kernels.conv2d import Conv2d


class Dense(Conv2d):
    """A fully connected layer, the gateware of a convolution."""

    kind = dense.Dense.kind
    spec: dense.Dense
