"""The first generative adversarial network, fully connected, on MNIST: generator, then maxout discriminator.

References
----------
Goodfellow et al., "Generative adversarial nets", NIPS 2014, section 5.
Sizes: github.com/goodfeli/adversarial, mnist.yaml.
"""

from accel.layers.max_pool import MaxPool
from accel.layers.reshape import Reshape
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

_UNITS, _PIECES = 240, 5
_MACS = (100 * 1200 + 1200 * 1200 + 1200 * 784) + (784 + _UNITS) * _UNITS * _PIECES + _UNITS
PUBLISHED = (Published("macs", str(_MACS), "goodfeli/adversarial, mnist.yaml: the layer sizes"),)


def build() -> Network:
    """Return the network; its outputs are the image and the probability that it is real."""
    net = Stack("gan", (100,))
    net.dense(1200, name="g_h0")
    net.dense(1200, name="g_h1")
    net.output(net.dense(784, then="Sigmoid", name="g_y"))
    for i in range(2):
        net.dense(_UNITS * _PIECES, then=None, name=f"d_h{i}")
        net.layer(Reshape(shape=(_UNITS, _PIECES)), name=f"d_h{i}_pieces")
        net.layer(MaxPool(kernel=(_PIECES,), stride=(_PIECES,)), name=f"d_h{i}_maxout")
        net.layer(Reshape(shape=(_UNITS,)), name=f"d_h{i}_units")
    net.output(net.dense(1, then="Sigmoid", name="d_y"))
    return net.build()
