"""A GRU, many to one: the encoder of the RNN encoder-decoder, a phrase of 20 words to its summary.

The embedding is a table on the host; the network reads its rows.

References
----------
Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation", EMNLP 2014,
section 4.1 and appendix A: 1000 hidden units, embeddings of rank 100.
"""

from accel.layers.gru import GRU
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

_WEIGHTS = 3 * 1000 * (100 + 1000)
PUBLISHED = (Published("macs", str(20 * _WEIGHTS + 1000 * 1000), "Cho et al. 2014, section 4.1: the sizes"),)


def build() -> Network:
    """Return the network."""
    net = Stack("gru", (20, 100))
    net.recurrent(GRU(input_size=100, hidden_size=1000), last=True, name="gru")
    net.dense(1000, then="Tanh", name="summary")
    return net.build()
