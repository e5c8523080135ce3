"""The ResNet family for ImageNet, batch normalisation folded into the convolutions.

The stride of a bottleneck stands on its 3x3 convolution, as in torchvision and MLPerf ("version 1.5"); the paper's own
stands on the first 1x1, which makes ResNet-50 6 % smaller in MACs.

References
----------
He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.
"""

from accel.network import Network
from accel.zoo._stack import Stack


def resnet(name: str, blocks: tuple[int, int, int, int], *, bottleneck: bool) -> Network:
    """Return the network with this many residual blocks in each stage."""
    net = Stack(name, (3, 224, 224))
    net.conv(64, 7, stride=2, pad=3, name="conv1")
    net.max_pool(3, 2, pad=1, name="pool1")
    for stage, count in enumerate(blocks):
        channels = 64 << stage
        for i in range(count):
            stride = 2 if stage and i == 0 else 1
            prefix = f"conv{stage + 2}_{i + 1}"
            if bottleneck:
                _bottleneck(net, prefix, channels, stride)
            else:
                _basic(net, prefix, channels, stride)
    net.global_average_pool(name="pool5")
    net.dense(1000, then=None, name="fc")
    net.softmax()
    return net.build()


def _basic(net: Stack, prefix: str, channels: int, stride: int) -> None:
    shortcut = net.x
    net.conv(channels, 3, stride=stride, pad=1, name=f"{prefix}a")
    y = net.conv(channels, 3, pad=1, then=None, name=f"{prefix}b")
    _join(net, prefix, y, shortcut, channels, stride)


def _bottleneck(net: Stack, prefix: str, channels: int, stride: int) -> None:
    shortcut = net.x
    net.conv(channels, 1, name=f"{prefix}a")
    net.conv(channels, 3, stride=stride, pad=1, name=f"{prefix}b")
    y = net.conv(4 * channels, 1, then=None, name=f"{prefix}c")
    _join(net, prefix, y, shortcut, 4 * channels, stride)


def _join(net: Stack, prefix: str, y: str, shortcut: str, channels: int, stride: int) -> None:
    if net.shape(shortcut) != net.shape(y):
        shortcut = net.conv(channels, 1, stride=stride, then=None, x=shortcut, name=f"{prefix}_shortcut")
    net.add(y, shortcut, then="Relu", name=f"{prefix}_add")
