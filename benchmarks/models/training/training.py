"""The loop that trains a shipped model, and what writes its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from digits import Digits, shift_and_turn
from torch import nn

MODELS = Path(__file__).resolve().parent.parent
CALIBRATION_IMAGES = 200
Reshape = Callable[[torch.Tensor], torch.Tensor]


def unchanged(images: torch.Tensor) -> torch.Tensor:
    """Return the images as they are: the network reads (n, 1, h, w)."""
    return images


def train(
    model: nn.Module,
    digits: Digits,
    *,
    to_input: Reshape = unchanged,
    epochs: int = 40,
    rate: float = 4e-3,
    seed: int = 1,
) -> None:
    """Train `model` in place with Adam, one cosine cycle of the learning rate and augmented images, on one thread."""
    generator = torch.Generator().manual_seed(seed)
    batch = 64
    steps = epochs * (len(digits.train_labels) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(digits.train_labels), generator=generator)
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            images = shift_and_turn(digits.train_images[chosen], generator)
            loss = nn.functional.cross_entropy(
                model(to_input(images)), digits.train_labels[chosen], label_smoothing=0.05
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()


def set_up(seed: int = 1) -> None:
    """Make a run repeatable: one thread, fixed seed, deterministic kernels."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)


def ship(name: str, model: nn.Module, graph: onnx.ModelProto, digits: Digits, *, to_input: Reshape = unchanged) -> None:
    """Write the files of the model NAME, having checked the graph against PyTorch.

    Calibration images come from the training set; inputs and labels are the whole test set.
    """
    input_name = graph.graph.input[0].name
    inputs = to_input(digits.test_images).contiguous().numpy()
    labels = digits.test_labels.numpy().astype(np.int64)
    calibration = to_input(digits.train_images[:CALIBRATION_IMAGES]).contiguous().numpy()

    with torch.no_grad():
        expected = model(torch.from_numpy(inputs)).numpy()
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {input_name: inputs})
    worst = float(np.abs(logits - expected).max())
    if worst > 1e-3:
        raise SystemExit(f"{name}: the ONNX graph differs from PyTorch by {worst}")

    onnx.save(graph, MODELS / f"{name}.onnx")
    np.savez_compressed(MODELS / f"{name}_inputs.npz", **{input_name: inputs})
    np.savez_compressed(MODELS / f"{name}_labels.npz", labels=labels)
    np.savez_compressed(MODELS / f"{name}_calibration.npz", **{input_name: calibration})
    parameters = sum(
        int(np.prod(tensor.dims)) for tensor in graph.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT
    )
    correct = int((logits.argmax(1) == labels).sum())
    print(f"{name}: {parameters:,} parameters, {correct} of {len(labels)} right ({correct / len(labels):.2%})")
