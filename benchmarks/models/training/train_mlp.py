"""A multi-layer perceptron with two hidden layers on the 64 pixels of a digit."""

from __future__ import annotations

import digits
import torch
import training
from graph import Graph
from torch import nn


def flat(images: torch.Tensor) -> torch.Tensor:
    """Return (n, 64)."""
    return images.flatten(1)


def main() -> None:
    """Train and ship."""
    training.set_up()
    data = digits.load()
    fc1, fc2, fc3 = nn.Linear(64, 64), nn.Linear(64, 32), nn.Linear(32, 10)
    model = nn.Sequential(fc1, nn.ReLU(), fc2, nn.ReLU(), fc3)
    training.train(model, data, to_input=flat, epochs=60)

    g = Graph("mlp", (64,))
    x = g.relu("relu1", g.dense("fc1", "x", fc1))
    x = g.relu("relu2", g.dense("fc2", x, fc2))
    g.dense("logits", x, fc3)
    training.ship("mlp", model, g.model(), data, to_input=flat)


if __name__ == "__main__":
    main()
