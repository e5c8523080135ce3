"""``accel generate``, ``verify``, ``build`` and ``flow``: from an integer model to a proven bitstream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accel.app.options import Dims

commands = typer.Typer()

_Fps = Annotated[float | None, typer.Option("--fps", metavar="N", help="Frames a second to reach, as small as can be.")]
_Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="dsp=N,bram=N,lut=N", help="Resources to stay within, as fast as can be."),
]
_Board = Annotated[
    str | None, typer.Option("--board", metavar="B", help="See accel boards; in place of a target, with pins and PLL.")
]
_Clock = Annotated[float | None, typer.Option("--clock-mhz", metavar="F", help="Default: the target's or board's.")]
_Fold = Annotated[
    list[str] | None,
    typer.Option("--fold", metavar="LAYER.pe=K", help="Sets pe or simd of a layer by hand; may be repeated."),
]
_State = Annotated[
    str, typer.Option("--state", metavar="clear|keep", help="Of recurrent layers, at the end of a tensor.")
]
_Pack = Annotated[
    bool,
    typer.Option("--pack/--no-pack", help="Two products of a DSP block wherever it is wide enough; or one of each."),
]
_Stalls = Annotated[str, typer.Option("--stalls", help="none, periodic, random or adversarial, at every port.")]
_Seed = Annotated[int, typer.Option("--seed", help="Of stalls and of drawn inputs.")]


@commands.command()
def generate(
    model: Annotated[str, typer.Argument(metavar="Q.onnx", help="An integer model, or a shipped one's name.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder, or a design to replace.")
    ],
    target: Annotated[
        str | None, typer.Option("--target", metavar="T", help="A part or family: see accel targets.")
    ] = None,
    board: _Board = None,
    fps: _Fps = None,
    budget: _Budget = None,
    clock_mhz: _Clock = None,
    fold: _Fold = None,
    state: _State = "clear",
    pack: _Pack = True,
    dims: Dims = None,
    synth: Annotated[bool, typer.Option("--synth", help="Synthesise as well and print what it takes.")] = False,
) -> None:
    """Generate Verilog: a folder with the model, the plan, the Verilog and a manifest."""
    from accel.app import generate as use_case
    from accel.loading import parse_dims

    design = use_case.generate(
        model,
        target=target,
        board=board,
        out=output,
        fps=fps,
        budget=budget,
        clock_mhz=clock_mhz,
        folds=fold or (),
        pack=pack,
        dims=parse_dims(dims or ()),
        state=state,
    )
    print(design)
    if synth:
        from accel.app import build

        print(build.synthesise(output, say=print))


@commands.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made by accel generate.")],
    inputs: Annotated[
        Path | None, typer.Option("--input", metavar="X.npz", help="Default: drawn from the input's whole range.")
    ] = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", help="Tensors to stream.")] = None,
    stalls: _Stalls = "random",
    seed: _Seed = 0,
    simulator: Annotated[str, typer.Option("--simulator", help="verilator or icarus.")] = "verilator",
    resets: Annotated[
        int, typer.Option("--resets", metavar="N", help="Resets at random moments of other traffic, ahead of it all.")
    ] = 0,
    waves: Annotated[Path | None, typer.Option("--waves", metavar="F.fst", help="Saves the waveform.")] = None,
) -> None:
    """Simulate the emitted Verilog and compare every value and every cycle with the reference and the model."""
    from accel.app import verify as use_case

    result = use_case.verify(
        folder, inputs, samples=samples, stalls=stalls, seed=seed, simulator=simulator, resets=resets, waves=waves
    )
    print(result)
    result.check()


@commands.command()
def build(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made by accel generate.")]) -> None:
    """Synthesise, place, route and pack a design; prints utilisation and Fmax against its clock."""
    from accel.app import build as use_case

    result = use_case.build(folder, say=print)
    print(result)
    result.check()


@commands.command()
def host(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made by accel generate --board.")],
    port: Annotated[str, typer.Option("--port", metavar="P", help="The board's serial port, or a URL of pyserial.")],
    inputs: Annotated[Path, typer.Option("--input", metavar="X.npz", help="As for accel run.")],
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", help="Tensors to send.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="Y.npz", help="As accel run writes, computed by the board.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Seconds of silence allowed.")] = 2.0,
) -> None:
    """Send tensors to a board and compare every integer that comes back with the reference; prints its latency."""
    from accel.app import host as use_case

    result = use_case.host(folder, port, inputs, samples=samples, output=output, timeout_seconds=timeout)
    print(result)
    result.check()


@commands.command()
def flow(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Float or integer, a file or a shipped model's name.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder, or a design to replace.")
    ],
    target: Annotated[
        str | None, typer.Option("--target", metavar="T", help="See accel targets; a bitstream is made for it.")
    ] = None,
    board: _Board = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", metavar="D.npz", help="To quantise a float model by.")
    ] = None,
    inputs: Annotated[Path | None, typer.Option("--input", metavar="X.npz", help="To verify and measure with.")] = None,
    labels: Annotated[Path | None, typer.Option("--labels", metavar="Y.npz", help="Of the inputs: accuracy.")] = None,
    fps: _Fps = None,
    budget: _Budget = None,
    clock_mhz: _Clock = None,
    fold: _Fold = None,
    pack: _Pack = True,
    dims: Dims = None,
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Tensors to verify with.")] = 100,
    stalls: _Stalls = "random",
    seed: _Seed = 0,
) -> None:
    """Do all of it: quantise, price, generate, verify and, for a target, build; ends in DIR/report.html."""
    from accel.app import flow as use_case
    from accel.app.terminal import stages
    from accel.loading import parse_dims

    with stages() as (start, tell):
        result = use_case.flow(
            model,
            out=output,
            target=target,
            board=board,
            calibration=calibration,
            inputs=inputs,
            labels=labels,
            fps=fps,
            budget=budget,
            clock_mhz=clock_mhz,
            folds=fold or (),
            pack=pack,
            dims=parse_dims(dims or ()),
            samples=samples,
            stalls=stalls,
            seed=seed,
            start=start,
            tell=tell,
        )
    result.check()
