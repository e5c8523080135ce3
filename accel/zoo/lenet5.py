"""LeNet-5 for MNIST, with plain average pooling and a fully connected second convolution.

The paper's C3 reads a chosen subset of S2's maps and its subsampling has a weight and a bias per map; the network
people build and count today, and this one, has neither.

References
----------
LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86, 1998, fig. 2.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("macs", "416520", "LeCun et al. 1998, fig. 2: 5x5 and full connections of the sizes printed"),
    Published("parameters", "61706", "LeCun et al. 1998, fig. 2: 5x5 and full connections of the sizes printed"),
)


def build() -> Network:
    """Return the network."""
    net = Stack("lenet5", (1, 32, 32))
    net.conv(6, 5, then="Tanh", name="c1")
    net.average_pool(2, 2, name="s2")
    net.conv(16, 5, then="Tanh", name="c3")
    net.average_pool(2, 2, name="s4")
    net.dense(120, then="Tanh", name="c5")
    net.dense(84, then="Tanh", name="f6")
    net.dense(10, then=None, name="output")
    net.softmax()
    return net.build()
