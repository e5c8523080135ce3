"""A GRU, many to many: the next samples of a speech signal of 500 steps, 20 samples a step.

The mixture of Gaussians that reads the states, and that the paper's table does not count, is left out.

References
----------
Chung, Gulcehre, Cho, Bengio, "Empirical evaluation of gated recurrent neural networks on sequence modeling", 2014,
arXiv:1412.3555, section 4 and table 1: speech signal, 227 units.
"""

from accel.layers.gru import GRU
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "168.9e3", "Chung et al. 2014, table 1", less=-3 * 227),)


def build() -> Network:
    """Return the network."""
    net = Stack("gru_many_to_many", (500, 20))
    net.recurrent(GRU(input_size=20, hidden_size=227), name="gru")
    return net.build()
