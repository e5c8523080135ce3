"""VGG-16, configuration D of the paper.

References
----------
Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, tables 1 and 2.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._vgg import vgg

PUBLISHED = (
    Published("parameters", "138e6", "Simonyan and Zisserman 2015, table 2"),
    Published("parameters", "138357544", "torchvision, vgg16"),
    Published("macs", "15.47e9", "torchvision, vgg16"),
)


def build() -> Network:
    """Return the network."""
    return vgg("vgg16", (2, 2, 3, 3, 3))
