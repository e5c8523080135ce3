"""A deep RNN: five bidirectional LSTM layers of 250 units over 300 frames of speech.

References
----------
Graves, Mohamed, Hinton, "Speech recognition with deep recurrent neural networks", ICASSP 2013, table 1, CTC-5L-250H:
123 features, 61 phonemes and a blank.
"""

from accel.layers.lstm import LSTM
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "6.8e6", "Graves et al. 2013, table 1", less=-5 * 2 * 4 * 250),)


def build() -> Network:
    """Return the network."""
    net = Stack("deep_rnn", (300, 123))
    for i in range(1, 6):
        layer = LSTM(input_size=net.shape()[1], hidden_size=250, direction="bidirectional", has_peepholes=True)
        net.recurrent(layer, name=f"blstm{i}")
    net.dense(62, then=None, name="labels")
    net.softmax()
    return net.build()
