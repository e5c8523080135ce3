"""The five convolutions of one of AlexNet's two groups, the FPGA benchmark of Zhang et al. 2015.

They do not chain (the third reads both groups' maps), so each has its own input. The accelerator runs every one twice.

References
----------
Zhang, Li, Sun, Guan, Xiao, Cong, "Optimizing FPGA-based accelerator design for deep convolutional neural networks",
FPGA 2015, sections 2 and 5.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

# 1331.57 million operations in the paper, for both groups and counting a MAC as two.
PUBLISHED = (Published("macs", "332.89e6", "Zhang et al. 2015, CNN model of the experiments: total / 4"),)


def build() -> Network:
    """Return the network."""
    net = Stack("alexnet_zhang")
    for name, maps, size, channels, kernel, stride, pad in (
        ("conv1", 3, 227, 48, 11, 4, 0),
        ("conv2", 48, 27, 128, 5, 1, 2),
        ("conv3", 256, 13, 192, 3, 1, 1),
        ("conv4", 192, 13, 192, 3, 1, 1),
        ("conv5", 192, 13, 128, 3, 1, 1),
    ):
        x = net.input((maps, size, size), f"{name}_in")
        net.output(net.conv(channels, kernel, stride=stride, pad=pad, then=None, x=x, name=name))
    return net.build()
