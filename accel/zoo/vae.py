"""A variational autoencoder on MNIST with 20 latent variables; the noise it draws is an input.

References
----------
Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014, section 5 and appendix C.
Sizes and counts: PyTorch examples, vae.
"""

from accel.layers.exp import Exp
from accel.layers.mul import Mul
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("parameters", "652824", "PyTorch examples, vae/main.py"),
    Published("macs", str(2 * 784 * 400 + 3 * 400 * 20), "PyTorch examples, vae/main.py: the layer sizes"),
)


def build() -> Network:
    """Return the network; the second dense layer of the encoder yields the logarithm of the deviation."""
    net = Stack("vae", (784,))
    noise = net.input((20,), "noise")
    hidden = net.dense(400, x="x", name="encoder")
    mean = net.dense(20, then=None, name="mean")
    net.dense(20, then=None, x=hidden, name="log_deviation")
    deviation = net.layer(Exp(), name="deviation")
    spread = net.layer(Mul(), deviation, noise, name="spread")
    net.add(mean, spread, name="latent")
    net.dense(400, name="decoder")
    net.dense(784, then="Sigmoid", name="image")
    return net.build()
