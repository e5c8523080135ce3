"""AlexNet as published: two groups in the second, fourth and fifth convolutions.

The input is 227x227, the size at which the paper's 55x55 first output comes out without padding.

References
----------
Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012, fig. 2.
Sze, Chen, Yang, Emer, "Efficient processing of deep neural networks", Proc. IEEE 105, 2017, table II.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("macs", "724e6", "Sze et al. 2017, table II: total MACs"),
    Published("parameters", "61e6", "Sze et al. 2017, table II: total weights"),
    Published("parameters", "60965224", "Caffe, models/bvlc_reference_caffenet, the same shapes"),
)


def build() -> Network:
    """Return the network."""
    net = Stack("alexnet", (3, 227, 227))
    net.conv(96, 11, stride=4, name="conv1")
    net.lrn(name="norm1")
    net.max_pool(3, 2, name="pool1")
    net.conv(256, 5, pad=2, groups=2, name="conv2")
    net.lrn(name="norm2")
    net.max_pool(3, 2, name="pool2")
    net.conv(384, 3, pad=1, name="conv3")
    net.conv(384, 3, pad=1, groups=2, name="conv4")
    net.conv(256, 3, pad=1, groups=2, name="conv5")
    net.max_pool(3, 2, name="pool5")
    net.dense(4096, name="fc6")
    net.dense(4096, name="fc7")
    net.dense(1000, then=None, name="fc8")
    net.softmax()
    return net.build()
