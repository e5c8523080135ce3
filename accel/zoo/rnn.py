"""A simple RNN, many to one: a rectified layer of 100 units reads MNIST pixel by pixel.

References
----------
Elman, "Finding structure in time", Cognitive Science 14, 1990.
Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015, arXiv:1504.00941,
section 4.2: the task and the size.
"""

from accel.layers.recurrent import Activation
from accel.layers.rnn import RNN
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("macs", str(784 * 100 * (1 + 100) + 100 * 10), "Le et al. 2015, section 4.2: the sizes"),)


def build() -> Network:
    """Return the network."""
    net = Stack("rnn", (784, 1))
    net.recurrent(RNN(input_size=1, hidden_size=100, activations=(Activation("Relu"),)), last=True, name="rnn")
    net.dense(10, then=None, name="fc")
    net.softmax()
    return net.build()
