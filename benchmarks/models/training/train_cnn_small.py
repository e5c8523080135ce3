"""A small CNN for tiny FPGAs: 8x8 input, two convolutions, two max pools, one dense layer, under 5,000 parameters."""

from __future__ import annotations

import digits
import training
from graph import Graph
from torch import nn


def main() -> None:
    """Train and ship."""
    training.set_up()
    data = digits.load()
    conv1, conv2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 24, 3, padding=1)
    fc = nn.Linear(96, 10)
    model = nn.Sequential(conv1, nn.ReLU(), nn.MaxPool2d(2), conv2, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), fc)
    training.train(model, data)

    g = Graph("cnn_small", (1, 8, 8))
    x = g.max_pool("pool1", g.relu("relu1", g.conv("conv1", "x", conv1)), 2)
    x = g.max_pool("pool2", g.relu("relu2", g.conv("conv2", x, conv2)), 2)
    g.dense("logits", g.node("Flatten", "flatten", [x], axis=1), fc)
    training.ship("cnn_small", model, g.model(), data)


if __name__ == "__main__":
    main()
