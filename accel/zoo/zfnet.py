"""ZFNet: AlexNet without groups, with a smaller first kernel and stride.

References
----------
Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, fig. 3.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "62357608", "Zeiler and Fergus 2014, fig. 3: the layers of the sizes printed"),)


def build() -> Network:
    """Return the network."""
    net = Stack("zfnet", (3, 224, 224))
    net.conv(96, 7, stride=2, pad=1, name="conv1")
    net.max_pool(3, 2, pad=1, name="pool1")
    net.lrn(name="norm1")
    net.conv(256, 5, stride=2, name="conv2")
    net.max_pool(3, 2, pad=1, name="pool2")
    net.lrn(name="norm2")
    net.conv(384, 3, pad=1, name="conv3")
    net.conv(384, 3, pad=1, name="conv4")
    net.conv(256, 3, pad=1, name="conv5")
    net.max_pool(3, 2, name="pool5")
    net.dense(4096, name="fc6")
    net.dense(4096, name="fc7")
    net.dense(1000, then=None, name="fc8")
    net.softmax()
    return net.build()
