"""MobileNetV2, width 1.0, for ImageNet: inverted residuals and linear bottlenecks, batch normalisation folded.

References
----------
Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018, tables 2, 4.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("macs", "0.30e9", "torchvision, mobilenet_v2; 300 million in Sandler et al. 2018, table 4"),
    Published("parameters", "3504872", "torchvision, mobilenet_v2", less=17056),
)

# Expansion, output channels, repeats, first stride: table 2 of the paper.
_STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


def build() -> Network:
    """Return the network."""
    net = Stack("mobilenet_v2", (3, 224, 224))
    net.conv(32, 3, stride=2, pad=1, then="Relu6", name="conv1")
    block = 0
    for expansion, channels, repeats, first_stride in _STAGES:
        for i in range(repeats):
            block += 1
            _inverted_residual(net, f"block{block}", expansion, channels, first_stride if i == 0 else 1)
    net.conv(1280, 1, then="Relu6", name="conv_last")
    net.global_average_pool(name="pool")
    net.dense(1000, then=None, name="fc")
    net.softmax()
    return net.build()


def _inverted_residual(net: Stack, name: str, expansion: int, channels: int, stride: int) -> None:
    x = net.x
    if expansion > 1:
        net.conv(expansion * net.shape(x)[0], 1, then="Relu6", name=f"{name}_expand")
    net.depthwise(3, stride=stride, pad=1, then="Relu6", name=f"{name}_dw")
    y = net.conv(channels, 1, then=None, name=f"{name}_project")
    if net.shape(x) == net.shape(y):
        net.add(x, y, name=f"{name}_add")
