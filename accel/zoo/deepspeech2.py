"""Deep Speech 2 with LSTM cells: two convolutions over two seconds of spectrogram, five bidirectional layers.

The two directions of a layer are summed, so each is a layer of its own; batch normalisation is folded.

References
----------
Amodei et al., "Deep Speech 2: end-to-end speech recognition in English and Mandarin", ICML 2016, section 3.
LSTM cells and sizes: github.com/SeanNaren/deepspeech.pytorch.
"""

from accel.layers.lstm import LSTM
from accel.layers.reshape import Reshape
from accel.layers.transpose import Transpose
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

_HIDDEN, _LAYERS, _LETTERS = 1024, 5, 29
_CONVOLUTIONS = 32 * (41 * 11 + 1) + 32 * (32 * 21 * 11 + 1)
_RECURRENT = sum(2 * 4 * _HIDDEN * (n + _HIDDEN + 2) for n in (32 * 41, *[_HIDDEN] * (_LAYERS - 1)))
PUBLISHED = (
    Published(
        "parameters", str(_CONVOLUTIONS + _RECURRENT + (_HIDDEN + 1) * _LETTERS), "deepspeech.pytorch: the layer sizes"
    ),
)


def build() -> Network:
    """Return the network."""
    net = Stack("deepspeech2", (1, 161, 200))
    net.conv(32, (41, 11), stride=2, pad=(20, 5, 20, 5), then="Relu", name="conv1")
    net.conv(32, (21, 11), stride=(2, 1), pad=(10, 5, 10, 5), then="Relu", name="conv2")
    channels, bins, steps = net.shape()
    net.layer(Reshape(shape=(channels * bins, steps)), name="features")
    net.layer(Transpose(axes=(1, 0)), name="steps")
    for i in range(1, _LAYERS + 1):
        x, size = net.x, net.shape()[1]
        ways = [
            net.recurrent(LSTM(input_size=size, hidden_size=_HIDDEN, direction=way), x=x, name=f"lstm{i}_{way}")
            for way in ("forward", "reverse")
        ]
        net.add(*ways, name=f"lstm{i}")
    net.dense(_LETTERS, then=None, name="letters")
    net.softmax()
    return net.build()
