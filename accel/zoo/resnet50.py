"""ResNet-50 for ImageNet.

References
----------
He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._resnet import resnet

PUBLISHED = (
    Published("parameters", "25557032", "torchvision, resnet50", less=26560),
    Published("macs", "4.09e9", "torchvision, resnet50"),
)


def build() -> Network:
    """Return the network."""
    return resnet("resnet50", (3, 4, 6, 3), bottleneck=True)
