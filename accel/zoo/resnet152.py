"""ResNet-152 for ImageNet.

References
----------
He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._resnet import resnet

PUBLISHED = (
    Published("parameters", "60192808", "torchvision, resnet152", less=75712),
    Published("macs", "11.51e9", "torchvision, resnet152"),
)


def build() -> Network:
    """Return the network."""
    return resnet("resnet152", (3, 8, 36, 3), bottleneck=True)
