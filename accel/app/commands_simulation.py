"""``accel networks``, ``machines``, ``simulate``, ``compare``, ``validate``: what there is and what it costs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from accel.app.options import Dims

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accel.display import Grid

commands = typer.Typer()

_Json = Annotated[str | None, typer.Option("--json", metavar="F", help="Write JSON to F; - prints it.")]
_Markdown = Annotated[str | None, typer.Option("--md", metavar="F", help="Write Markdown to F; - prints it.")]
_Training = Annotated[bool, typer.Option("--training", help="Price one training step instead of inference.")]
_NETWORK = "A zoo name or a path to an .onnx file."
_MACHINE = "A name, a preset, FILE.toml or FILE.py."


@commands.command()
def networks(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help=_NETWORK)] = None,
    dims: Dims = None,
    markdown: _Markdown = None,
) -> None:
    """List the networks of the zoo, or the layers of one."""
    import accel
    from accel.app import catalogue
    from accel.display import network_grid
    from accel.loading import parse_dims

    if name is None:
        _write_and_show(catalogue.networks(sources=markdown is not None), markdown)
    else:
        _write_and_show(network_grid(accel.load(name, dims=parse_dims(dims or ()))), markdown)


@commands.command()
def machines(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help=_MACHINE)] = None,
    toml: Annotated[bool, typer.Option("--toml", help="Print the machine as a FILE.toml to start from.")] = False,
) -> None:
    """List the machines, or one machine's parameters with unit, default, range and source."""
    import sim
    from accel.app import catalogue
    from accel.errors import InputError

    if name is None:
        if toml:
            raise InputError("--toml must be given with a machine's name")
        _show(catalogue.machines())
    elif toml:
        from sim.engine.registry import to_toml

        print(to_toml(sim.machine(name)), end="")
    else:
        _show(catalogue.parameters(sim.machine(name)))


@commands.command()
def simulate(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=_NETWORK)],
    machine: Annotated[str, typer.Option("--machine", "-m", metavar="M", help=_MACHINE)],
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="Override a parameter.")] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Samples at once.")] = 1,
    training: _Training = False,
    fidelity: Annotated[str, typer.Option("--fidelity", help="closed or tile.")] = "closed",
    dims: Dims = None,
    trace: Annotated[
        str | None, typer.Option("--trace", metavar="F", help="Write a timeline for Perfetto or chrome://tracing to F.")
    ] = None,
    json: _Json = None,
) -> None:
    """Price a network on a machine, layer by layer."""
    import accel
    import sim
    from accel.app import files
    from accel.loading import parse_dims
    from sim.engine import registry

    for path in (json, trace):
        if path is not None:
            files.check_writable(path)
    with _progress() as say:
        say(f"{network} on {machine}")
        chosen = registry.machine(machine, settings or ())
        loaded = accel.load(network, dims=parse_dims(dims or ()))
        report = sim.run(loaded, chosen, batch, fidelity=fidelity, training=training)
    if json is not None:
        files.write(json, report.to_json())
    if trace is not None:
        from accel.app.trace import trace as traced

        files.write(trace, traced(report, chosen, loaded))
    if "-" not in (json, trace):
        _show(report)


@commands.command()
def compare(
    networks: Annotated[list[str], typer.Argument(metavar="NETWORK...", help=_NETWORK)],
    machines: Annotated[str | None, typer.Option("--machines", metavar="A,B", help="Default: all.")] = None,
    batch: Annotated[str, typer.Option("--batch", metavar="N,M", help="Samples at once.")] = "1",
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="M", help="Measure the others against this machine.")
    ] = None,
    training: _Training = False,
    dims: Dims = None,
    html: Annotated[str | None, typer.Option("--html", metavar="F", help="Write one self-contained page.")] = None,
    markdown: _Markdown = None,
    csv: Annotated[str | None, typer.Option("--csv", metavar="F", help="Write CSV to F; - prints it.")] = None,
    json: _Json = None,
) -> None:
    """Price networks on machines, side by side."""
    from accel.app import compare as use_case
    from accel.app import files
    from accel.app.comparison import Comparison
    from accel.loading import parse_dims

    outputs: dict[str, Callable[[Comparison], str]] = {}
    for path, render in (
        (html, Comparison.to_html), (markdown, Comparison.to_markdown),
        (csv, Comparison.to_csv), (json, Comparison.to_json),
    ):  # fmt: skip
        if path is not None:
            files.check_writable(path)
            outputs[path] = render
    with _progress() as say:
        comparison = use_case.compare(
            networks,
            None if machines is None else [name.strip() for name in machines.split(",")],
            batch=_batches(batch),
            baseline=baseline,
            training=training,
            dims=parse_dims(dims or ()),
            progress=say,
        )
    for path, render in outputs.items():
        files.write(path, render(comparison))
    if "-" not in outputs:
        _show(comparison)


@commands.command()
def validate(
    machine: Annotated[str | None, typer.Option("--machine", "-m", metavar="M", help="Default: all.")] = None,
    host: Annotated[
        bool, typer.Option("--host", help="Measure this host instead and hold the cpu machine against it.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="What is known of the host.")
    ] = None,
    markdown: _Markdown = None,
) -> None:
    """Hold the machines against published figures; exit 1 if a gated one misses."""
    from accel.app import catalogue, files
    from accel.errors import CheckError, InputError
    from sim import validation

    if markdown is not None:
        files.check_writable(markdown)
    if host:
        _write_and_show(_measured_host(machine, settings or ()), markdown)
        return
    if settings:
        raise InputError("--set must be given with --host: published figures are of published parameters")
    with _progress() as say:
        say("published figures")
        rows = validation.validate(machine)
    _write_and_show(catalogue.validation(rows), markdown)
    missed = [row.figure.name for row in rows if row.failed]
    if missed:
        raise CheckError(f"{len(missed)} published figures are missed: {', '.join(missed)}")


def _measured_host(machine: str | None, settings: Sequence[str]) -> Grid:
    from accel.app import catalogue
    from accel.errors import InputError, shown
    from sim.cpu import Cpu
    from sim.engine.parameters import parse_settings
    from sim.validation.host import host

    if machine not in (None, Cpu.name):
        raise InputError(f"--host must be of the machine cpu, not {shown(machine)}")
    with _progress() as say:
        say("measuring this host")
        return catalogue.host(*host(**parse_settings(Cpu, Cpu.name, settings)))


def _write_and_show(grid: Grid, markdown: str | None) -> None:
    from accel.app import files

    if markdown is not None:
        files.write(markdown, grid.markdown())
    if markdown != "-":
        _show(grid)


def _batches(text: str) -> list[int]:
    from accel.errors import InputError, shown

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--batch must be numbers separated by commas, not {shown(text)}") from None


def _show(renderable: object) -> None:
    from accel.app.terminal import console

    console().print(renderable)


@contextmanager
def _progress() -> Generator[Callable[[str], None]]:
    """Yield a function that shows what is being done, on standard error and only where it is a terminal."""
    import sys

    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(text))
