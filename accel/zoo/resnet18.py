"""ResNet-18 for ImageNet.

References
----------
He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._resnet import resnet

PUBLISHED = (
    Published("parameters", "11689512", "torchvision, resnet18", less=4800),
    Published("macs", "1.8e9", "He et al. 2016, table 1"),
    Published("macs", "1.81e9", "torchvision, resnet18"),
)


def build() -> Network:
    """Return the network."""
    return resnet("resnet18", (2, 2, 2, 2), bottleneck=False)
