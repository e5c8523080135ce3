"""LeNet-5 in its common full-connection form, on digits enlarged to 32x32: 416,520 MACs, 61,706 parameters.

References
----------
Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE
86(11), 1998, section II.B; with ReLU for tanh, max pooling for trainable averages and every C3 map reading every S2
map.
"""

from __future__ import annotations

import digits
import training
from graph import Graph
from torch import nn


def main() -> None:
    """Train and ship."""
    training.set_up()
    data = digits.load(side=32)
    conv1, conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
    fc1, fc2, fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
    features = nn.Sequential(conv1, nn.ReLU(), nn.MaxPool2d(2), conv2, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    model = nn.Sequential(features, fc1, nn.ReLU(), fc2, nn.ReLU(), fc3)
    training.train(model, data)

    g = Graph("lenet5", (1, 32, 32))
    x = g.max_pool("pool1", g.relu("relu1", g.conv("conv1", "x", conv1)), 2)
    x = g.max_pool("pool2", g.relu("relu2", g.conv("conv2", x, conv2)), 2)
    x = g.node("Flatten", "flatten", [x], axis=1)
    x = g.relu("relu3", g.dense("fc1", x, fc1))
    x = g.relu("relu4", g.dense("fc2", x, fc2))
    g.dense("logits", x, fc3)
    training.ship("lenet5", model, g.model(), data)


if __name__ == "__main__":
    main()
