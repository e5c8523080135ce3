"""A deep belief network on MNIST: recognition up to the associative memory, and its label units read back.

The last layer is the transpose of the label weights below it; as a layer of its own it counts its weights again.

References
----------
Hinton, Osindero, Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18, 2006, fig. 1 and
section 6.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

_WEIGHTS = 784 * 500 + 500 * 500 + (500 + 10) * 2000
PUBLISHED = (
    Published("macs", str(_WEIGHTS + 2000 * 10), "Hinton et al. 2006, fig. 1: the layers of the sizes printed"),
)


def build() -> Network:
    """Return the network."""
    net = Stack("dbn", (784,))
    labels = net.input((10,), "labels")
    net.dense(500, then="Sigmoid", x="x", name="hidden1")
    hidden = net.dense(500, then="Sigmoid", name="hidden2")
    net.concat(hidden, labels, name="penultimate")
    net.dense(2000, then="Sigmoid", name="memory")
    net.dense(10, then=None, name="label_units")
    net.softmax()
    return net.build()
