"""A simple tanh RNN of 32 units that reads an 8x8 digit row by row."""

from __future__ import annotations

import training
from recurrent import FEATURES, HIDDEN, train_and_ship
from torch import nn

if __name__ == "__main__":
    training.set_up()
    train_and_ship("rnn", "RNN", nn.RNN(FEATURES, HIDDEN, batch_first=True), gates=[0])
