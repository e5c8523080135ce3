"""``accel doctor``, ``accel targets``, ``accel boards``: what there is to work with."""

from __future__ import annotations

import typer

commands = typer.Typer()


@commands.command()
def doctor(
    warm_up: bool = typer.Option(False, "--warm-up", help="Compile the WebAssembly tools now, once."),
) -> None:
    """Say which tools are here and what works without the rest."""
    from rich.console import Console

    from accel.app import doctor as use_case

    if warm_up:
        use_case.warm_up(Console())
    else:
        use_case.show(Console())
