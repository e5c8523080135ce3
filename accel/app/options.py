"""Options that commands of several files take."""

from __future__ import annotations

from typing import Annotated

import typer

Dims = Annotated[
    list[str] | None, typer.Option("--dim", metavar="D=N", help="Size of a dimension that an .onnx file leaves open.")
]
