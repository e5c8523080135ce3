"""A simple RNN, many to many: a phoneme for each of 300 frames of speech.

References
----------
Graves, Schmidhuber, "Framewise phoneme classification with bidirectional LSTM and other neural network architectures",
Neural Networks 18, 2005, section 4: 26 features, 275 hidden units, 61 phonemes, about 100,000 weights.
"""

from accel.layers.recurrent import Activation
from accel.layers.rnn import RNN
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (Published("parameters", "1.0e5", "Graves and Schmidhuber 2005, section 4", less=-275),)


def build() -> Network:
    """Return the network."""
    net = Stack("rnn_many_to_many", (300, 26))
    net.recurrent(RNN(input_size=26, hidden_size=275, activations=(Activation("Sigmoid"),)), name="rnn")
    net.dense(61, then=None, name="phonemes")
    net.softmax()
    return net.build()
