"""``accel doctor``, ``accel targets``, ``accel boards``: what there is to work with."""

from __future__ import annotations

from typing import Annotated

import typer

commands = typer.Typer()


@commands.command()
def doctor(
    warm_up: bool = typer.Option(False, "--warm-up", help="Compile the WebAssembly tools now, once."),
) -> None:
    """Say which tools are here and what works without the rest."""
    from accel.app import doctor as use_case
    from accel.app.terminal import console

    if warm_up:
        use_case.warm_up(console())
    else:
        use_case.show(console())


@commands.command()
def boards(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A board.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the boards, or one board's pins and clock."""
    from accel.app import boards as use_case

    if json:
        print(use_case.as_json(name))
    else:
        from accel.app.terminal import console

        console().print(use_case.table() if name is None else use_case.one(name))


@commands.command()
def targets(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A part or a family.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the FPGA parts, or one part's figures."""
    from accel.app import parts

    if json:
        print(parts.as_json(name))
    else:
        from accel.app.terminal import console

        console().print(parts.table() if name is None else parts.one(name))
