"""The data every shipped model is trained and tested on: scikit-learn's 8x8 handwritten digits.

1,797 images of 8x8 pixels with 17 grey levels, a copy of the test set of the UCI "Optical Recognition of Handwritten
Digits" (E. Alpaydin, C. Kaynak, 1998; CC BY 4.0), which scikit-learn carries in its wheel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

TEST_IMAGES = 400
SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """Images of shape (n, 1, side, side) in 0 to 1, and labels of shape (n,), split the same way every time."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def load(side: int = 8) -> Digits:
    """Return the digits, enlarged bilinearly to `side` x `side` pixels where `side` is not 8."""
    raw = load_digits()
    images = torch.from_numpy((raw.images / 16.0).astype(np.float32)).unsqueeze(1)
    if side != 8:
        images = functional.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)
    labels = torch.from_numpy(raw.target.astype(np.int64))
    order = torch.from_numpy(np.random.default_rng(SPLIT_SEED).permutation(len(labels)))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return Digits(images[train], labels[train], images[test], labels[test])


def shift_and_turn(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the images moved by up to a twelfth of their side and turned by up to ten degrees, each differently."""
    count = images.shape[0]
    uniform = torch.rand((count, 3), generator=generator) * 2 - 1
    angle = uniform[:, 0] * (10 * np.pi / 180)
    matrix = torch.zeros((count, 2, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.cos(angle)
    matrix[:, 0, 1] = -torch.sin(angle)
    matrix[:, 1, 0] = torch.sin(angle)
    matrix[:, :, 2] = uniform[:, 1:] / 6  # in units of half a side
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
