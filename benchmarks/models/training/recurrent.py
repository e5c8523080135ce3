"""What the three recurrent models share: they read an 8x8 digit row by row and classify by the last hidden state."""

from __future__ import annotations

from collections.abc import Sequence

import digits
import numpy as np
import torch
import training
from graph import Graph
from torch import nn

FEATURES = 8
HIDDEN = 32


class RowReader(nn.Module):
    """One recurrent layer of `HIDDEN` units over the rows of an image (n, 8, 8), then one dense layer."""

    def __init__(self, cell: nn.RNNBase) -> None:
        super().__init__()
        self.cell = cell
        self.fc = nn.Linear(HIDDEN, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        sequence, _ = self.cell(x)
        return self.fc(sequence[:, -1])


def rows(images: torch.Tensor) -> torch.Tensor:
    """Return (n, 8 time steps, 8 features)."""
    return images.squeeze(1)


def train_and_ship(name: str, op: str, cell: nn.RNNBase, gates: Sequence[int], **attributes: object) -> None:
    """Train a model around `cell` and ship it with an ONNX node `op`.

    Parameters
    ----------
    gates : sequence of int
        ONNX's gate order as positions in PyTorch's.
    attributes
        Further attributes of the ONNX node.
    """
    data = digits.load()
    model = RowReader(cell)
    training.train(model, data, to_input=rows, epochs=60, rate=1e-2)

    g = Graph(name, (8, FEATURES))
    x = g.node("Transpose", "rows", ["x"], perm=[1, 0, 2])  # ONNX reads (time, batch, features)
    inputs = [
        x,
        g.constant(f"{name}.W", reordered(cell.weight_ih_l0, gates)[None]),
        g.constant(f"{name}.R", reordered(cell.weight_hh_l0, gates)[None]),
        g.constant(f"{name}.B", torch.cat([reordered(b, gates) for b in (cell.bias_ih_l0, cell.bias_hh_l0)])[None]),
    ]
    state = g.recurrent(name, op, inputs, hidden_size=HIDDEN, **attributes)
    x = g.node("Squeeze", "squeeze", [state, g.constant("squeeze.axes", np.array([0], np.int64))])
    g.dense("logits", x, model.fc)
    training.ship(name, model, g.model(), data, to_input=rows)


def reordered(parameter: torch.Tensor, gates: Sequence[int]) -> torch.Tensor:
    """Return a parameter of shape (gates * HIDDEN, ...) with its gates in another order."""
    parts = parameter.detach().split(HIDDEN)
    return torch.cat([parts[gate] for gate in gates])
