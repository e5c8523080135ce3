"""A multilayer perceptron for MNIST: 784-512-512-10.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323, 1986.
Sizes and counts: Keras, examples/mnist_mlp.py and the summary it prints.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "669706", "Keras, examples/mnist_mlp.py, model.summary()"),)


def build() -> Network:
    """Return the network."""
    net = Stack("mlp", (784,))
    net.dense(512, name="fc1")
    net.dense(512, name="fc2")
    net.dense(10, then=None, name="fc3")
    net.softmax()
    return net.build()
