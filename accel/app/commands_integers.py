"""``accel quantize`` and ``accel run``: a float model becomes an integer one, and an integer one gives its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accel.app.options import Dims

commands = typer.Typer()

_Labels = Annotated[
    Path | None, typer.Option("--labels", metavar="Y.npz", help="Integer array 'labels': prints accuracy.")
]


@commands.command()
def run(
    model: Annotated[str, typer.Argument(metavar="Q.onnx", help="An integer model, or a shipped one's name.")],
    inputs: Annotated[
        Path, typer.Option("--input", metavar="X.npz", help="One array per graph input, under its name.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="Y.npz", help="Gets one array per graph output.")],
    labels: _Labels = None,
    dims: Dims = None,
) -> None:
    """Run an integer model in exact integer arithmetic."""
    from accel.app import integers
    from accel.loading import parse_dims

    print(integers.run(model, inputs, output, labels, parse_dims(dims or ())))


@commands.command()
def quantize(
    model: Annotated[str, typer.Argument(metavar="MODEL.onnx", help="A float model, or a shipped one's name.")],
    calibration: Annotated[Path, typer.Option("--calibration", metavar="DATA.npz", help="Inputs as in use.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="Q.onnx", help="Gets the integer model.")],
    labels: _Labels = None,
    inputs: Annotated[
        Path | None,
        typer.Option("--input", metavar="X.npz", help="The inputs the labels belong to; default: the calibration."),
    ] = None,
    weight_bits: Annotated[int, typer.Option("--weight-bits", help="2 to 8.")] = 8,
    activation_bits: Annotated[int, typer.Option("--activation-bits", help="2 to 8.")] = 8,
    hidden_bits: Annotated[int, typer.Option("--hidden-bits", help="8 or 16, of recurrent cells.")] = 8,
    dims: Dims = None,
) -> None:
    """Make an integer model of a float one."""
    from accel.app import integers
    from accel.loading import parse_dims

    result = integers.quantize(
        model,
        calibration,
        output,
        labels_path=labels,
        input_path=inputs,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        hidden_bits=hidden_bits,
        dims=parse_dims(dims or ()),
    )
    print(result)
