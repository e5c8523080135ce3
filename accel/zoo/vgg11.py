"""VGG-11, configuration A of the paper.

References
----------
Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, tables 1 and 2.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._vgg import vgg

PUBLISHED = (
    Published("parameters", "133e6", "Simonyan and Zisserman 2015, table 2"),
    Published("parameters", "132863336", "torchvision, vgg11"),
    Published("macs", "7.61e9", "torchvision, vgg11"),
)


def build() -> Network:
    """Return the network."""
    return vgg("vgg11", (1, 1, 2, 2, 2))
