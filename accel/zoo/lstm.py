"""An LSTM, many to one: the sentiment of a film review of 80 words.

The embedding is a table on the host; the network reads its rows.

References
----------
Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
Sizes and counts: Keras, examples/imdb_lstm.py and the summary it prints.
"""

from accel.layers.lstm import LSTM
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("parameters", "131713", "Keras, examples/imdb_lstm.py: lstm 131,584 and dense 129", less=-4 * 128),
)


def build() -> Network:
    """Return the network."""
    net = Stack("lstm", (80, 128))
    net.recurrent(LSTM(input_size=128, hidden_size=128), last=True, name="lstm")
    net.dense(1, then="Sigmoid", name="fc")
    return net.build()
