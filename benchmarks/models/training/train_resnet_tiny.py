"""A small residual network on digits enlarged to 16x16: three blocks, the second one with a 1x1 stride-2 shortcut.

References
----------
K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 3.3 (option B
shortcuts), at 8 and 16 channels.
"""

from __future__ import annotations

import digits
import torch
import training
from graph import Graph
from torch import nn
from torch.nn.functional import relu


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: the input itself, or a 1x1 convolution where the shape changes."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output, after its last ReLU."""
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + (x if self.shortcut is None else self.bn3(self.shortcut(x))))

    def write(self, g: Graph, name: str, x: str) -> str:
        """Add the block to the ONNX graph."""
        y = g.relu(f"{name}_relu1", g.batch_norm(f"{name}_bn1", g.conv(f"{name}_conv1", x, self.conv1), self.bn1))
        y = g.batch_norm(f"{name}_bn2", g.conv(f"{name}_conv2", y, self.conv2), self.bn2)
        if self.shortcut is not None:
            x = g.batch_norm(f"{name}_bn3", g.conv(f"{name}_shortcut", x, self.shortcut), self.bn3)
        return g.relu(f"{name}_relu2", g.node("Add", f"{name}_add", [y, x]))


class ResNetTiny(nn.Module):
    """Stem, three blocks, global average, one dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList([Block(8, 8, 1), Block(8, 16, 2), Block(16, 16, 1)])
        self.fc = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        x = relu(self.stem_bn(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean(dim=(2, 3)))


def main() -> None:
    """Train and ship."""
    training.set_up()
    data = digits.load(side=16)
    model = ResNetTiny()
    training.train(model, data, epochs=30)

    g = Graph("resnet_tiny", (1, 16, 16))
    x = g.relu("stem_relu", g.batch_norm("stem_bn", g.conv("stem_conv", "x", model.stem), model.stem_bn))
    for index, block in enumerate(model.blocks, start=1):
        x = block.write(g, f"block{index}", x)
    x = g.node("Flatten", "flatten", [g.node("GlobalAveragePool", "pool", [x])], axis=1)
    g.dense("logits", x, model.fc)
    training.ship("resnet_tiny", model, g.model(), data)


if __name__ == "__main__":
    main()
