"""The VGG family: 3x3 convolutions in five stages, each ended by a pool.

References
----------
Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, table 1.
"""

from accel.network import Network
from accel.zoo._stack import Stack


def vgg(name: str, convolutions: tuple[int, int, int, int, int]) -> Network:
    """Return the network with this many convolutions in each stage."""
    net = Stack(name, (3, 224, 224))
    for stage, (count, channels) in enumerate(zip(convolutions, (64, 128, 256, 512, 512), strict=True), start=1):
        for i in range(1, count + 1):
            net.conv(channels, 3, pad=1, name=f"conv{stage}_{i}")
        net.max_pool(2, 2, name=f"pool{stage}")
    net.dense(4096, name="fc6")
    net.dense(4096, name="fc7")
    net.dense(1000, then=None, name="fc8")
    net.softmax()
    return net.build()
