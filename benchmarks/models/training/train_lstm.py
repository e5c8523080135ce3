"""An LSTM of 32 units that reads an 8x8 digit row by row."""

from __future__ import annotations

import training
from recurrent import FEATURES, HIDDEN, train_and_ship
from torch import nn

if __name__ == "__main__":
    training.set_up()
    # PyTorch: input, forget, cell, output; ONNX: input, output, forget, cell
    train_and_ship("lstm", "LSTM", nn.LSTM(FEATURES, HIDDEN, batch_first=True), gates=[0, 3, 1, 2])
