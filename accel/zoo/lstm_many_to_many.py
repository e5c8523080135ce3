"""An LSTM with peepholes, many to many: a phoneme for each of 300 frames of speech.

References
----------
Graves, Schmidhuber, "Framewise phoneme classification with bidirectional LSTM and other neural network architectures",
Neural Networks 18, 2005, section 4: 26 features, 140 memory blocks, 61 phonemes, about 100,000 weights.
"""

from accel.layers.lstm import LSTM
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "1.0e5", "Graves and Schmidhuber 2005, section 4", less=-4 * 140),)


def build() -> Network:
    """Return the network."""
    net = Stack("lstm_many_to_many", (300, 26))
    net.recurrent(LSTM(input_size=26, hidden_size=140, has_peepholes=True), name="lstm")
    net.dense(61, then=None, name="phonemes")
    net.softmax()
    return net.build()
