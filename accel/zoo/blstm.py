"""A bidirectional LSTM with peepholes: a phoneme for each of 300 frames of speech.

References
----------
Graves, Schmidhuber, "Framewise phoneme classification with bidirectional LSTM and other neural network architectures",
Neural Networks 18, 2005, section 4: 26 features, 93 memory blocks each way, 61 phonemes, about 100,000 weights.
"""

from accel.layers.lstm import LSTM
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "1.0e5", "Graves and Schmidhuber 2005, section 4", less=-2 * 4 * 93),)


def build() -> Network:
    """Return the network."""
    net = Stack("blstm", (300, 26))
    net.recurrent(LSTM(input_size=26, hidden_size=93, direction="bidirectional", has_peepholes=True), name="blstm")
    net.dense(61, then=None, name="phonemes")
    net.softmax()
    return net.build()
