"""A depthwise-separable network on digits enlarged to 16x16: a stem and three depthwise-pointwise pairs.

References
----------
A. G. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
arXiv:1704.04861, section 3.1 and table 1, at 16 to 32 channels.
"""

from __future__ import annotations

import digits
import torch
import training
from graph import Graph
from torch import nn
from torch.nn.functional import relu


class Separable(nn.Module):
    """A 3x3 convolution per channel, then a 1x1 convolution across channels, each with BatchNorm and ReLU."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, padding=1, groups=channels_in, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pair's output."""
        return relu(self.bn2(self.pointwise(relu(self.bn1(self.depthwise(x))))))

    def write(self, g: Graph, number: int, x: str) -> str:
        """Add the pair to the ONNX graph."""
        x = g.batch_norm(f"dw{number}_bn", g.conv(f"dw{number}_conv", x, self.depthwise), self.bn1)
        x = g.relu(f"dw{number}_relu", x)
        x = g.batch_norm(f"pw{number}_bn", g.conv(f"pw{number}_conv", x, self.pointwise), self.bn2)
        return g.relu(f"pw{number}_relu", x)


class DSCNN(nn.Module):
    """Stem, three depthwise-separable pairs, global average, one dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(16)
        self.pairs = nn.ModuleList([Separable(16, 24, 2), Separable(24, 32, 1), Separable(32, 32, 2)])
        self.fc = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        x = relu(self.stem_bn(self.stem(x)))
        for pair in self.pairs:
            x = pair(x)
        return self.fc(x.mean(dim=(2, 3)))


def main() -> None:
    """Train and ship."""
    training.set_up()
    data = digits.load(side=16)
    model = DSCNN()
    training.train(model, data, epochs=40)

    g = Graph("dscnn", (1, 16, 16))
    x = g.relu("stem_relu", g.batch_norm("stem_bn", g.conv("stem_conv", "x", model.stem), model.stem_bn))
    for number, pair in enumerate(model.pairs, start=1):
        x = pair.write(g, number, x)
    x = g.node("Flatten", "flatten", [g.node("GlobalAveragePool", "pool", [x])], axis=1)
    g.dense("logits", x, model.fc)
    training.ship("dscnn", model, g.model(), data)


if __name__ == "__main__":
    main()
