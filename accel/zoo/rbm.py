"""A restricted Boltzmann machine on MNIST, 784 visible and 500 hidden units: the hidden probabilities of an image.

References
----------
Smolensky, "Information processing in dynamical systems: foundations of harmony theory", 1986.
Salakhutdinov, Murray, "On the quantitative analysis of deep belief networks", ICML 2008, section 5: 500 hidden units.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("macs", str(784 * 500), "Salakhutdinov and Murray 2008, section 5: 784 visible, 500 hidden units"),
    Published("parameters", str(784 * 500 + 500 + 784), "the same, with the biases of both layers", less=784),
)


def build() -> Network:
    """Return the network; the visible biases, which only reconstruction reads, are left out."""
    net = Stack("rbm", (784,))
    net.dense(500, then="Sigmoid", name="hidden")
    return net.build()
