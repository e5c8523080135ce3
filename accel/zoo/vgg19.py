"""VGG-19, configuration E of the paper.

References
----------
Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, tables 1 and 2.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._vgg import vgg

PUBLISHED = (
    Published("parameters", "144e6", "Simonyan and Zisserman 2015, table 2"),
    Published("parameters", "143667240", "torchvision, vgg19"),
    Published("macs", "19.63e9", "torchvision, vgg19"),
)


def build() -> Network:
    """Return the network."""
    return vgg("vgg19", (2, 2, 4, 4, 4))
