"""A GRU of 32 units that reads an 8x8 digit row by row."""

from __future__ import annotations

import training
from recurrent import FEATURES, HIDDEN, train_and_ship
from torch import nn

if __name__ == "__main__":
    training.set_up()
    # PyTorch: reset, update, new; ONNX: update, reset, hidden. PyTorch resets after the recurrent product.
    cell = nn.GRU(FEATURES, HIDDEN, batch_first=True)
    train_and_ship("gru", "GRU", cell, gates=[1, 0, 2], linear_before_reset=1)
